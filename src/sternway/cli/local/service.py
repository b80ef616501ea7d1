"""The launcher of a rack as a service: a unit where systemd runs, elsewhere a process in a session of its own."""

import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from sternway.cli import errors
from sternway.launcher import files

SYSTEMD = Path("/run/systemd/system")
TIMEOUT_S = 120.0
RUN = """\
#!/bin/sh
# Run the launcher of this rack, which runs the rack; written by `rack install`.
echo $$ > {pid}
exec {command}
"""
UNIT = """\
[Unit]
Description=Sternway rack {name}
Wants=network-online.target
After=network-online.target docker.service

[Service]
# By the shell: systemd takes no path with quotes for a program, and leaves a doubled $ in one as it is.
ExecStart=/bin/sh {run}
# A rack that was asked to stop stays stopped; one that crashed does not.
Restart=on-failure
RestartSec=1
# Apps and router go on serving while the rack is restarted.
KillMode=process
TimeoutStopSec=120
LimitNOFILE=65536

[Install]
WantedBy={target}
"""


class Scope(StrEnum):
    """Who sees to it that the launcher runs."""

    SYSTEM = "system"
    USER = "user"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Service:
    """The launcher of the rack in a directory, as it was installed."""

    root: str
    name: str
    scope: Scope

    @property
    def run_script(self) -> Path:
        """Return what runs the launcher."""
        return self._own / "run"

    @property
    def log(self) -> Path:
        """Return where the log goes where no journal takes it."""
        return self._own / "log"

    @property
    def unit(self) -> str:
        """Return the name of the unit."""
        return f"sternway-{self.name}.service"

    @property
    def unit_file(self) -> Path:
        """Return where the unit is written."""
        if self.scope is Scope.SYSTEM:
            return Path("/etc/systemd/system") / self.unit
        config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return Path(config) / "systemd" / "user" / self.unit

    def write(self, command: Sequence[str]) -> None:
        """Write what runs the launcher, and the record of it; raises Conflict for a unit that is there already."""
        if self.scope is not Scope.NONE and self.unit_file.exists():
            raise errors.CommandFailed(
                f"{self.unit_file} is there already: a rack {self.name} is installed",
                hint="give this one another name: --name NAME",
                exit_code=errors.ExitCode.CONFLICT,
            )
        self.run_script.write_text(RUN.format(pid=shlex.quote(str(self._pid)), command=shlex.join(command)))
        self.run_script.chmod(0o755)
        files.write(self._record, asdict(self))

    def start(self) -> None:
        """Start the launcher, now and whenever the machine starts where there is a unit."""
        if self.scope is Scope.NONE:
            # By a shell that ends at once, so that it is nobody's child who would have to wait for its end.
            with self.log.open("ab") as log:
                subprocess.run(
                    ["/bin/sh", "-c", '"$0" &', self.run_script],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    timeout=TIMEOUT_S,
                    check=True,
                )
            return
        target = "multi-user.target" if self.scope is Scope.SYSTEM else "default.target"
        self.unit_file.parent.mkdir(parents=True, exist_ok=True)
        self.unit_file.write_text(UNIT.format(name=self.name, run=_quoted(str(self.run_script)), target=target))
        self._systemctl("daemon-reload")
        self._systemctl("enable", "--now", self.unit)

    def stop(self) -> None:
        """Stop the launcher, and with it the rack; apps and router stay. Nothing starts it again."""
        # Without the record the unit is another rack's: this one was never written.
        if self.scope is not Scope.NONE and self._record.exists() and self.unit_file.exists():
            self._systemctl("disable", "--now", self.unit)
            self.unit_file.unlink(missing_ok=True)
            self._systemctl("daemon-reload")
        self._end()

    def at_boot(self) -> str:
        """Return what a person has to do for the rack to be started with the machine; nothing if nothing."""
        if self.scope is Scope.SYSTEM:
            return ""
        if self.scope is Scope.USER:
            return "To have it run while you are not logged in: loginctl enable-linger"
        line = f"@reboot {shlex.quote(str(self.run_script))} </dev/null >>{shlex.quote(str(self.log))} 2>&1"
        return f"To have it started with the machine, add this line by crontab -e:\n  {line}"

    def _end(self) -> None:
        """End a launcher that still runs."""
        try:
            pid = int(self._pid.read_text())
            descriptor = os.pidfd_open(pid)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return
        try:
            # Looked at after it was opened: the descriptor stays with this process whatever becomes of the pid.
            if os.fsencode(self._own / "launcher.pyz") in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                if not select.select([descriptor], [], [], TIMEOUT_S)[0]:
                    raise errors.CommandFailed(f"the launcher has not ended within {TIMEOUT_S:g} s")
        except FileNotFoundError:
            return
        finally:
            os.close(descriptor)

    def _systemctl(self, *words: str) -> None:
        command = ["systemctl", *(["--user"] if self.scope is Scope.USER else []), *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise errors.CommandFailed(f"systemctl {words[0]}: {exc}") from exc
        if done.returncode:
            raise errors.CommandFailed(f"systemctl {words[0]}: {done.stderr.strip()}")

    @property
    def _own(self) -> Path:
        return Path(self.root) / "launcher"

    @property
    def _pid(self) -> Path:
        return self._own / "pid"

    @property
    def _record(self) -> Path:
        return self._own / "service.json"


def installed(root: Path) -> Service:
    """Return the service of a rack that `rack install` has made; raises CommandFailed for another."""
    try:
        told = json.loads((root / "launcher" / "service.json").read_bytes())
        return Service(str(root), str(told["name"]), Scope(told["scope"]))
    except FileNotFoundError as exc:
        raise errors.not_found(
            f"no rack is installed in {root}", hint="one that was started by hand: sternway rack stop --data DIR --all"
        ) from exc
    except (OSError, ValueError, KeyError) as exc:
        raise errors.CommandFailed(f"cannot read {root / 'launcher' / 'service.json'}") from exc


def scope_here(*, is_user: bool) -> Scope:
    """Return who can see to it on this machine that a launcher runs."""
    if not SYSTEMD.is_dir() or not shutil.which("systemctl"):
        return Scope.NONE
    return Scope.USER if is_user or os.geteuid() else Scope.SYSTEM


def _quoted(text: str) -> str:
    """Return a word as systemd reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
