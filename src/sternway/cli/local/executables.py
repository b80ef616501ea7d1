"""The executables of the command line that this user has had: kept whole, each with the hash that it had then.

They lie outside of every version of the program, so that any version can go back to any other without a network.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sternway import files
from sternway.channel.artifact import Artifact
from sternway.core import version as versions
from sternway.core.errors import Corrupt, InvalidInput, NotFound, Refused

NAME = "sternway"
RECORD = "record.json"
EARLIER = 3
TRY_S = 120.0
MAX_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """An executable that is kept. `at` is when it was the running one for the last time, or was put here."""

    version: str
    sha256: str
    at: str


class Executables:
    """The directory with `VERSION/sternway` and its record, and with which one was the running one before."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, version: str) -> Path:
        """Return where the executable of a version lies, whether it is there or not."""
        return self._directory / versions.read(version) / NAME

    def list(self) -> Sequence[Kept]:
        """Return what is kept, newest version first."""
        found = [_recorded(path) for path in sorted(self._directory.glob(f"*/{RECORD}"), reverse=True)]
        return [kept for kept in found if kept]

    def verify(self, version: str) -> Path:
        """Return an executable that is as it was; raises NotFound, and Corrupt for one that was changed."""
        path = self.path(version)
        kept = _recorded(path.with_name(RECORD))
        if kept is None or not path.exists():
            raise NotFound(f"version not kept: {version}", hint="see those that are: sternway update --list")
        if _digest(path) != kept.sha256:
            raise Corrupt(
                f"the kept executable of {version} is not as it was recorded",
                hint=f"remove {path.parent}, and fetch it again: sternway update {version}",
            )
        return path

    def keep_running(self, version: str, executable: Path) -> None:
        """Keep the one that runs, before another one takes its place."""
        self._keep(version, lambda to: shutil.copyfile(executable, to))

    def keep_fetched(self, artifact: Artifact, fetch: Callable[[Artifact, Path], None]) -> None:
        """Fetch an executable, see that it starts and is what it says, and keep it; else nothing is left of it."""
        self._keep(artifact.version, lambda to: _fetched(artifact, to, fetch))

    def before(self, running: str) -> str:
        """Return the version that ran before; raises NotFound if there was none."""
        told = _read(self._moves)
        # A swap is recorded after it was done. Found undone here, or done by hand, the record tells of the one before.
        before = told.get("before") if told.get("running") == running else told.get("running")
        if not before:
            raise NotFound("nothing to go back to: no update was made here", hint="see what there is: update --list")
        return str(before)

    def moved(self, running: str, before: str) -> None:
        """Record that one has taken the place of the other, and let go of what ran long ago."""
        _write(self._moves, {"running": running, "before": before})
        for version in (before, running):
            record = self.path(version).with_name(RECORD)
            _write(record, {**_read(record), "at": _now()})
        for old in sorted(self.list(), key=lambda kept: kept.at, reverse=True)[EARLIER + 1 :]:
            shutil.rmtree(self.path(old.version).parent, ignore_errors=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only update of this user until the block ends; raises Refused while there is another."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise Refused("another update is under way", hint="wait until it has ended") from exc
            yield

    def _keep(self, version: str, fill: Callable[[Path], object]) -> None:
        path = self.path(version)
        with contextlib.suppress(NotFound, Corrupt):
            self.verify(version)
            return
        fresh = self._directory / f".{version}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(mode=0o700)
            fill(fresh / NAME)
            (fresh / NAME).chmod(0o755)
            files.sync(fresh / NAME)
            _write(fresh / RECORD, asdict(Kept(version, _digest(fresh / NAME), _now())))
            shutil.rmtree(path.parent, ignore_errors=True)
            fresh.rename(path.parent)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    @property
    def _moves(self) -> Path:
        return self._directory / "moves.json"


def swap(executable: Path, kept: Path) -> None:
    """Put a kept executable in the place of the one that runs, which goes on running; raises OSError."""
    new = executable.with_name(f".{executable.name}.{os.getpid()}.new")
    try:
        shutil.copyfile(kept, new)
        new.chmod(executable.stat().st_mode & 0o777 if executable.exists() else 0o755)
        files.sync(new)
        new.rename(executable)
    finally:
        new.unlink(missing_ok=True)


def _fetched(artifact: Artifact, to: Path, fetch: Callable[[Artifact, Path], None]) -> None:
    packed = to.with_name("fetched.zip")
    fetch(artifact, packed)
    _unpack(packed, to)
    packed.unlink()
    to.chmod(0o755)
    said = _asked(to, artifact.version)
    if said != artifact.version:
        raise InvalidInput(
            f"the executable of {artifact.version} says that it is {said[:60]}", hint="tell the channel's owner"
        )


def _unpack(packed: Path, to: Path) -> None:
    try:
        with zipfile.ZipFile(packed) as found, found.open(NAME) as source, to.open("wb") as target:
            if found.getinfo(NAME).file_size > MAX_BYTES:
                raise InvalidInput("the executable is too large to be one", hint="tell the channel's owner")
            shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, KeyError, EOFError) as exc:
        raise InvalidInput(f"the artifact holds no executable: {exc}", hint="tell the channel's owner") from exc


def _asked(executable: Path, version: str) -> str:
    """Return the version that an executable says it is."""
    try:
        done = subprocess.run(
            [executable, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=TRY_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise InvalidInput(
            f"the executable of {version} does not run here: {exc}", hint="stay with the one that you have"
        ) from exc
    return done.stdout.decode(errors="replace").strip()


def _recorded(path: Path) -> Kept | None:
    told = _read(path)
    try:
        return Kept(**{name: str(told[name]) for name in ("version", "sha256", "at")})
    except KeyError:
        return None


def _read(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) else {}
    except (FileNotFoundError, ValueError):
        return {}


def _write(path: Path, content: Mapping[str, object]) -> None:
    files.replace(path, json.dumps(content).encode(), is_durable=True, mode=files.PUBLIC)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat()
