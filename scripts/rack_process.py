"""A rack of this checkout as a process: start it, talk to it through the installed commands, take it down."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

BIN = Path(sys.executable).parent
START_S = 30.0


class RackProcess:
    """`sternwayd` on free ports of the loopback interface, with its data in a directory of its own."""

    def __init__(
        self,
        data: Path,
        *,
        engine: str = "process",
        router_port: int = 0,
        port: int = 0,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self._engine = engine
        self._ports = (port, router_port)
        self._variables = variables or {}
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator["RackProcess"]:
        """Have the rack run inside the block, and nothing of it after."""
        try:
            self.start()
            yield self
        finally:
            try:
                self.stop()
            finally:
                self._end_what_is_left()

    def start(self) -> None:
        """Start it and wait until it answers; raises RuntimeError with its log if it does not."""
        self.data.mkdir(parents=True, exist_ok=True)
        port, router_port = self._ports
        command = [str(BIN / "sternwayd"), "--data", str(self.data), "--engine", self._engine]
        command += ["--listen", f"127.0.0.1:{port}", "--router-listen", f"127.0.0.1:{router_port}"]
        with (self.data / "sternwayd.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._variables},
                start_new_session=True,
            )
        self._wait_until_up()

    def stop(self) -> None:
        """Take the rack, its apps and its router down, by the command or, if that does not work, without it."""
        try:
            self.sternway("rack", "stop", "--data", str(self.data), "--all")
        except (subprocess.CalledProcessError, OSError):
            self.kill()
            subprocess.run([BIN / "sternwayd", "--data", self.data, "--dismantle"], check=True, timeout=120)
        if self._process:
            self._process.wait(timeout=60)

    def _end_what_is_left(self) -> None:
        """End rack and router of one that could not be taken down, such as one whose engine does not answer."""
        self.kill()
        directory = (self.data / "router").resolve()
        for file in (directory / "run").glob("*.pid"):
            with suppress(OSError, ValueError, LookupError):
                pid = int(json.loads(file.read_text())["pid"])
                if os.readlink(f"/proc/{pid}/cwd") == str(directory):
                    os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the rack itself with SIGKILL; its apps and its router stay."""
        if self._process:
            self._process.kill()
            self._process.wait(timeout=10)

    def has_died(self, within_s: float = 0.0) -> bool:
        """Tell whether the rack has ended, waiting that long for it."""
        if self._process is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=within_s)
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def url(self) -> str:
        return (self.data / "rack-url").read_text().strip()

    @property
    def router_port(self) -> int:
        return int((self.data / "router-address").read_text().strip().rpartition(":")[2])

    def summary(self) -> str:
        """Say where the rack answers, without its password."""
        parts = urlsplit(self.url)
        return f"API on {parts.hostname}:{parts.port}, apps on 127.0.0.1:{self.router_port}"

    def run(self, *command: str, cwd: Path | None = None) -> None:
        """Run an installed command with this rack's RACK_URL; raises CalledProcessError."""
        subprocess.run([BIN / command[0], *command[1:]], env=self._environment(), cwd=cwd, check=True)

    def sternway(self, *words: str) -> str:
        """Run `sternway` and return its stdout; raises CalledProcessError."""
        done = subprocess.run(
            [BIN / "sternway", *words], env=self._environment(), check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("CONVOX_", "RACK_"))}
        path = f"{BIN}{os.pathsep}{kept.get('PATH', '')}"
        return {**kept, "PATH": path, "RACK_URL": self.url}

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process and self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the rack did not start:\n{(self.data / 'sternwayd.log').read_text()[-4000:]}")

    def _answers(self) -> bool:
        try:
            parts = urlsplit(self.url)
            with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)) as connection:
                connection.request("GET", "/check")
                return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
