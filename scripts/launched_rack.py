"""A rack of real versions under its launcher, as a process: install them, start it, have it moved, take it down."""

import contextlib
import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sternway.channel.installed import Versions
from sternway.launcher import files
from sternway.launcher.files import Files
from sternway.launcher.rack import Racks
from sternway.launcher.state import Record

BIN = Path(sys.executable).parent
PATIENCE_S = 60.0


@dataclass
class LaunchedRack:
    """A rack under its launcher, with versions installed beside each other."""

    root: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def files(self) -> Files:
        return Files(self.root)

    def install(self, *artifacts: Path) -> None:
        for artifact in artifacts:
            Versions(self.files.versions).install(artifact, artifact.parent.name)

    def activate(self, version: str) -> None:
        files.write(self.files.state, {"protocol": files.PROTOCOL, "active": version, "update": None})

    def follow(self, channel: Path) -> None:
        """Trust a channel, and take versions from it from now on."""
        fingerprint = self.sternway("channel", "fingerprint", str(channel)).strip()
        self.sternway("channel", "trust", str(channel), "--data", str(self.root), "--fingerprint", fingerprint)
        self.sternway("rack", "params", "set", f"channel={channel}")

    def start(self, *words: str, **variables: str) -> None:
        """Start the launcher, and wait until a version serves. A start may take long on a busy machine."""
        command = [sys.executable, "-m", "sternway.launcher", "--data", str(self.root), "--watch", "1"]
        command += ["--listen", "127.0.0.1:0", "--router-listen", "127.0.0.1:0", *words]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **variables}
            )
        self.until(lambda: self.serving() != "", "the rack to answer")

    def start_launcher_again(self, *words: str) -> None:
        """Kill the launcher and start it with other words; the rack goes on."""
        assert self.process
        self.process.kill()
        self.process.wait(timeout=10)
        self.start(*words)

    def serving(self) -> str:
        """Return the version that the running process says it is."""
        return Racks(self.files, ()).ask()

    def move(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Have the rack moved as a person does (`update VERSION`, `rollback`), and return how the command ended."""
        return self._command("rack", *words, "--wait")

    def until(self, happened: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := happened():
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited for {what}:\n{(self.root / 'log').read_text()[-3000:]}")

    @property
    def url(self) -> str:
        return (self.root / "rack-url").read_text().strip()

    @property
    def router_port(self) -> int:
        return int((self.root / "router-address").read_text().strip().rpartition(":")[2])

    def authorization(self) -> str:
        parts = urlsplit(self.url)
        return "Basic " + b64encode(f"{parts.username}:{parts.password}".encode()).decode()

    def sternway(self, *words: str) -> str:
        """Run the command line of this checkout, and return what it prints; raises CalledProcessError."""
        done = self._command(*words)
        done.check_returncode()
        return done.stdout

    def _command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        variables = {**os.environ, "RACK_URL": self.url}
        command = [str(BIN / "sternway"), *words]
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)

    def history(self) -> list[tuple[str, str, str]]:
        """Return version, status and cause of each line of `rack releases --all`."""
        listed = json.loads(self.sternway("rack", "releases", "--all", "--json"))
        return [(each["id"], each["status"], each["cause"]) for each in listed]

    def releases(self) -> list[str]:
        return [each["id"] for each in json.loads(self.sternway("releases", "-a", "hello", "-l", "100", "--json"))]

    def end(self) -> None:
        """Take down the launcher, the rack, its apps and its router."""
        if self.process:
            with contextlib.suppress(subprocess.SubprocessError):
                self.process.terminate()
                self.process.wait(timeout=60)
            self.process.kill()
            self.process.wait(timeout=10)
        with contextlib.suppress(OSError, ValueError):
            pid = json.loads(self.files.process.read_text())["pid"]
            if str(self.root) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, 9)
        # By the active version's own program: another one may not know the schema.
        program = self.files.program(Record(self.files).load().active)
        subprocess.run([program, "--data", self.root, "--dismantle"], check=True, capture_output=True, timeout=120)


@contextlib.contextmanager
def launched(root: Path, artifacts: list[Path], active: str, **variables: str) -> Iterator[LaunchedRack]:
    """Have a rack run under its launcher, in an environment with these variables, until the block ends."""
    root.mkdir()
    found = LaunchedRack(root)
    found.install(*artifacts)
    found.activate(active)
    found.start(**variables)
    try:
        yield found
    finally:
        found.end()
