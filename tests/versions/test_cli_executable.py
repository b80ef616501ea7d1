"""The one executable, built from this checkout: it does all that the installed command does, and moves itself."""

import os
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts import command_reference
from scripts.version import cli
from scripts.version.tree import Tree
from sternway.channel import publish
from sternway.channel.artifact import CLI, RACK, Artifact, this_platform
from sternway.channel.keys import Keys
from sternway.channel.repository import SignedFiles
from tests.versions import racks
from tests.versions.conftest import Build

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = "20260101000000", "20260201000000-second"

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Channel:
    directory: Path
    fingerprint: str


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory, built: Build) -> Channel:
    """A channel with two versions of the executable and one of the rack."""
    out = tmp_path_factory.mktemp("dist")
    made = SignedFiles(out / "channel", Keys(out / "keys"), datetime.now(UTC))
    publish.init(made)
    for version in (FIRST, SECOND):
        (out / version).mkdir()
    trees = [Tree(ROOT, version, compression=1) for version in (FIRST, SECOND)]
    with ThreadPoolExecutor(2) as pool:
        executables = list(pool.map(lambda tree: cli.make(tree, out / tree.version), trees))
    platform = this_platform()
    for tree, file in zip(trees, executables, strict=True):
        artifact = Artifact(tree.version, CLI, platform, notes=f"notes of {tree.version}")
        publish.publish(made, {file: artifact})
    publish.publish(made, {built(racks.FIRST): Artifact(racks.FIRST, RACK, platform)})
    return Channel(made.directory, publish.fingerprint(publish.root_of(made)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


class Person:
    """Somebody who downloaded the first version from the page, unzipped it, and copied it into the path."""

    def __init__(self, home: Path, channel: Channel, cache: Path) -> None:
        self.home = home
        self.executable = home / "bin" / "sternway"
        self.executable.parent.mkdir(parents=True)
        self._variables = {"PATH": f"{self.executable.parent}:{os.environ['PATH']}", "HOME": str(home)}
        self._variables |= {"XDG_CACHE_HOME": str(cache)}
        artifact = Artifact(FIRST, CLI, this_platform())
        with zipfile.ZipFile(channel.directory / artifact.path) as packed:
            packed.extract("sternway", home)
        shutil.copy(home / "sternway", self.executable)
        self.executable.chmod(0o755)

    def run(self, *words: str, program: str = "sternway") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, *words],
            env=self._variables,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            stdin=subprocess.DEVNULL,
        )

    def out(self, *words: str) -> str:
        ended = self.run(*words)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def version(self) -> str:
        return self.out("--version").strip()


@pytest.fixture
def person(tmp_path: Path, channel: Channel, cache: Path) -> Person:
    return Person(tmp_path / "home", channel, cache)


def test_every_command_is_inside(person: Person) -> None:
    # Each module is imported when one of its commands is asked for: one of each is enough.
    by_module = {getattr(found.callback, "__module__", ""): path for path, found in command_reference.commands()}
    paths = list(by_module.values())
    assert len(paths) > 10
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda path: person.run(*path.split(), "--help"), paths))
    assert [done.stderr for done in ended if done.returncode] == []


def test_what_commands_import_late_is_inside(person: Person) -> None:
    app = ROOT / "examples" / "hello"
    assert person.out("manifest", "check", str(app)).endswith("is valid: 1 service (web)\n")
    assert person.out("manifest", "schema").startswith("{")
    person.out("channel", "init", "made", "--keys", "keys")
    assert person.run("apps", "-r", "absent").returncode == 3


def test_the_other_name_is_the_other_program(person: Person) -> None:
    person.executable.with_name("convox").symlink_to("sternway")
    assert "hint: convox --help" in person.run("nonsense", program="convox").stderr


def test_programs_that_it_starts_do_not_see_its_libraries(person: Person) -> None:
    seen = person.home / "seen"
    editor = person.home / "bin" / "dpkg"
    editor.write_text(f"#!/bin/sh\nenv >{seen}\nexit 1\n")
    editor.chmod(0o755)
    person.run("update", "--rollback")
    found = seen.read_text()
    assert [name for name in ("LD_LIBRARY_PATH", "_PYI_", "STERNWAY_EXECUTABLE") if name in found] == []


def test_it_moves_itself_there_and_back_and_there_again(person: Person, channel: Channel) -> None:
    person.out("channel", "trust", str(channel.directory), "--fingerprint", channel.fingerprint)
    person.out("update")
    assert person.version() == SECOND
    shutil.rmtree(person.home / ".config")  # from here on without any channel
    person.out("update", "--rollback")
    assert person.version() == FIRST
    person.out("update", "--rollback")
    assert person.version() == SECOND
    person.out("update", FIRST)
    assert person.version() == FIRST


def test_it_lists_what_there_is(person: Person, channel: Channel) -> None:
    person.out("channel", "trust", str(channel.directory), "--fingerprint", channel.fingerprint)
    header, *rows = person.out("update", "--list").splitlines()
    assert header.split() == ["VERSION", "DATE", "STATUS", "NOTES"]
    assert [row.split()[0] for row in rows] == [SECOND, FIRST]
    assert "running" in rows[1]


def test_it_installs_a_rack_from_a_channel_alone_and_takes_it_off(person: Person, channel: Channel) -> None:
    data = person.home / "rack"
    words = ["--channel", str(channel.directory), "--fingerprint", channel.fingerprint, "--engine", "process"]
    try:
        told = person.out(
            "rack", "install", str(data), *words, "--listen", "127.0.0.1:0", "--router-listen", "127.0.0.1:0"
        )
        assert f"Sternway {racks.FIRST}\n" in told
        person._variables["RACK_URL"] = (data / "rack-url").read_text().strip()
        assert f"server: {racks.FIRST}" in person.out("version")
        assert str(channel.directory) in person.out("rack", "params")
        for _ in range(2):  # one that runs, and one that does not
            person.out("rack", "stop", "--data", str(data), "--all")
    finally:
        person.out("rack", "uninstall", str(data), "--force")
    assert not data.exists()
