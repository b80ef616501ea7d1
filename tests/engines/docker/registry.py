"""A real image registry for tests: Debian's docker-registry on a free port, with or without a login."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sternway.core.registry import Login

PROGRAM = Path("/usr/bin/docker-registry")
USER, PASSWORD = "puller", "s3cret-pass"
HTPASSWD = f"{USER}:$2b$04$4Tod.ez0hh0gIhg0uy5A8.vUC1vz55yH8fIInffv1/KYEs0BnJZUO\n"
READY_S = 20.0


@dataclass(slots=True)
class Registry:
    """One that runs; `stop` and `start` let it be away for a while, with what it holds."""

    directory: Path
    port: int
    is_private: bool
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def login(self) -> Login:
        return Login(self.server, USER, PASSWORD)

    def start(self) -> None:
        file = self.directory / "config.yml"
        file.write_text(_configuration(self))
        (self.directory / "htpasswd").write_text(HTPASSWD)
        with open(self.directory / "log", "ab") as log:
            # Its settings may come from the environment as well: none of ours shall.
            own = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_")}
            command = [str(PROGRAM), "serve", str(file)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=own)
        self._wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _wait(self) -> None:
        until = time.monotonic() + READY_S
        while True:
            try:
                with urllib.request.urlopen(f"http://{self.server}/v2/", timeout=2):
                    return
            except urllib.error.HTTPError as answer:
                answer.close()
                return  # it wants a login, and so it is there
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)


@contextlib.contextmanager
def running(directory: Path, *, is_private: bool = False) -> Iterator[Registry]:
    """Run a registry until the block ends. Skips where there is none to run, and fails on CI."""
    if not PROGRAM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("docker-registry is not installed")
        pytest.skip("docker-registry is not installed")
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        registry = Registry(directory, probe.getsockname()[1], is_private)
    try:
        registry.start()
        yield registry
    finally:
        registry.stop()


def _configuration(registry: Registry) -> str:
    auth = f"auth: {{htpasswd: {{realm: test, path: {registry.directory}/htpasswd}}}}\n" if registry.is_private else ""
    return (
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {registry.directory}/images}}}}\n"
        f"http: {{addr: '{registry.server}'}}\n{auth}"
    )
