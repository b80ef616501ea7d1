"""Chromium before a real rack with a real app."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, StorageState, expect, sync_playwright

from scripts.rack_process import RackProcess

EXAMPLE = Path(__file__).parents[3] / "examples" / "hello"
HOST = "web.hello.localhost"
PICTURES = "STERNWAY_PICTURES"
"""Where pictures of pages go, for those who want to look at them."""

PATIENCE_MS = 20_000
"""How long a browser waits for a condition, on a machine that others use too."""

# Without these Chromium looks for servers of its maker.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Site:
    """The console of a rack, and the source of the app that is deployed to it."""

    rack: RackProcess
    source: Path
    pictures: Path

    @property
    def address(self) -> str:
        parts = urlsplit(self.rack.url)
        return f"http://{parts.hostname}:{parts.port}"

    @property
    def password(self) -> str:
        return urlsplit(self.rack.url).password or ""

    def page(self, context: BrowserContext, path: str = "") -> Page:
        """Open a page."""
        opened = context.new_page()
        opened.goto(f"{self.address}/console{path}")
        return opened

    def sign_in(self, page: Page) -> None:
        page.goto(f"{self.address}/")
        page.get_by_label("Password").fill(self.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/console")

    def deploy(self, description: str, **files: str) -> str:
        """Deploy the source with these files in it; return the release."""
        for name, text in files.items():
            (self.source / name.replace("_", ".")).write_text(text)
        said = self.rack.sternway("deploy", str(self.source), "-a", "hello", "--id", "--description", description)
        return said.strip()

    def active(self) -> str:
        return str(json.loads(self.rack.sternway("apps", "info", "hello", "--json"))["release"])

    def picture(self, page: Page, name: str) -> None:
        page.screenshot(path=self.pictures / f"{name}.png", full_page=True, caret="initial")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium(playwright) -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no chromium here; see Debian's packages")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    opened = playwright.chromium.launch(executable_path=program, args=[*QUIET, *sandbox])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """A rack on which the app was deployed three times: as it is, with a variable, and in another version."""
    place = tmp_path_factory.mktemp("console")
    pictures = Path(os.environ.get(PICTURES) or place / "pictures")
    pictures.mkdir(parents=True, exist_ok=True)
    shutil.copytree(EXAMPLE, place / "hello")
    with RackProcess(place / "rack").running() as rack:
        opened = Site(rack, place / "hello", pictures)
        rack.sternway("apps", "create", "hello")
        opened.deploy("First version")
        rack.sternway("env", "set", "GREETING=bonjour", "-a", "hello", "--promote")
        opened.deploy("Second version", version_txt="2\n")
        yield opened


@pytest.fixture(scope="module")
def signed_in(chromium, site) -> StorageState:
    """What a browser keeps once somebody has signed in."""
    context = chromium.new_context()
    site.sign_in(context.new_page())
    kept: StorageState = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def desk(chromium, signed_in) -> Iterator[BrowserContext]:
    """A browser at a desk, signed in; what its pages complain about fails the test."""
    yield from _watched(chromium.new_context(viewport={"width": 1200, "height": 800}, storage_state=signed_in))


@pytest.fixture
def phone(chromium, signed_in) -> Iterator[BrowserContext]:
    """A small phone in the dark."""
    small = {"width": 320, "height": 640}
    yield from _watched(chromium.new_context(viewport=small, color_scheme="dark", storage_state=signed_in))


@pytest.fixture
def scriptless(chromium, signed_in) -> Iterator[BrowserContext]:
    """A browser without JavaScript."""
    yield from _watched(chromium.new_context(java_script_enabled=False, storage_state=signed_in))


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Wait for what a page is to show as long as for what it is to let itself be done with."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=None)


def _watched(context: BrowserContext) -> Iterator[BrowserContext]:
    context.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    context.on("request", lambda sent: problems.append(sent.url) if "//127.0.0.1:" not in sent.url else None)
    yield context
    context.close()
    assert problems == []
