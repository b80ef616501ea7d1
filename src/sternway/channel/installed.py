"""The versions that are installed beside each other on a machine, each whole and never changed.

An installed version can be checked against what was recorded of it, without a network and whatever has expired.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sternway import files
from sternway.core import version as versions
from sternway.core.errors import Corrupt, InvalidInput, NotFound

ABOUT = "about.json"
PACKAGES = "lib/python3.11/site-packages"
RECORD_SUFFIX = ".json"
PYTHON = "python3.11"
TIMEOUT_S = 120.0
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Installed:
    """A version that is installed, and what it tells of itself."""

    version: str
    directory: Path
    about: Mapping[str, Any]


class Versions:
    """The directory of installed versions: `VERSION/`, and `VERSION.json` with what was recorded of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def list(self) -> Sequence[Installed]:
        """Return what is installed whole, newest first."""
        found = sorted(self._directory.glob(f"*{RECORD_SUFFIX}"), reverse=True)
        return [self._installed(path.name.removesuffix(RECORD_SUFFIX)) for path in found]

    def get(self, version: str) -> Installed:
        """Return one; raises NotFound."""
        versions.read(version)
        if not self._record(version).exists():
            raise NotFound(f"version not installed: {version}", hint="see them: sternway rack releases")
        return self._installed(version)

    def install(self, artifact: Path, version: str) -> Installed:
        """Install an artifact beside the others; called twice it does nothing more.

        Raises InvalidInput for one that is of another version or cannot run here, and then leaves nothing.
        """
        versions.read(version)
        with contextlib.suppress(NotFound):
            return self.verify(version)
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._clear(version)
        fresh = Path(tempfile.mkdtemp(prefix=f".{version}.", dir=self._directory))
        try:
            fresh.chmod(0o755)
            _unpack(artifact, fresh, version)
            _give_interpreter(fresh)
            record = {"version": version, "digest": digest(fresh)}
            os.sync()
            fresh.rename(self._directory / version)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        files.replace(self._record(version), json.dumps(record).encode(), is_durable=True, mode=files.PUBLIC)
        return self.get(version)

    def verify(self, version: str) -> Installed:
        """Return a version that is as it was installed; raises NotFound, and Corrupt for one that changed."""
        installed = self.get(version)
        recorded = json.loads(self._record(version).read_bytes())["digest"]
        if digest(installed.directory) != recorded:
            raise Corrupt(f"version {version} is not as it was installed", hint="remove it, and install it again")
        return installed

    def remove(self, version: str) -> None:
        """Remove a version; the record goes first, so that what is left of it counts for nothing."""
        self.get(version)
        self._clear(version)

    def _clear(self, version: str) -> None:
        self._record(version).unlink(missing_ok=True)
        shutil.rmtree(self._directory / version, ignore_errors=True)
        for left in self._directory.glob(f".{version}.*"):
            shutil.rmtree(left, ignore_errors=True)

    def _installed(self, version: str) -> Installed:
        directory = self._directory / version
        try:
            return Installed(version, directory, json.loads((directory / ABOUT).read_bytes()))
        except (OSError, ValueError) as exc:
            raise Corrupt(f"version {version} is not as it was installed", hint="install it again") from exc

    def _record(self, version: str) -> Path:
        return self._directory / f"{version}{RECORD_SUFFIX}"


def digest(directory: Path) -> str:
    """Return a hash over every file of a directory: its name, its mode and what is in it."""
    whole = hashlib.sha256()
    for path in _files(directory):
        whole.update(f"{path.relative_to(directory)}\0{path.lstat().st_mode:o}\0".encode(errors="surrogateescape"))
        whole.update(os.fsencode(os.readlink(path)) if path.is_symlink() else _content(path))
    return whole.hexdigest()


def _files(directory: Path) -> Iterator[Path]:
    for parent, names, others in os.walk(directory):
        names.sort()
        links = [name for name in names if os.path.islink(os.path.join(parent, name))]
        for name in sorted((*others, *links)):
            yield Path(parent, name)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _unpack(artifact: Path, to: Path, version: str) -> None:
    try:
        with tarfile.open(artifact) as tar:
            tar.extractall(to, filter="tar")
        told = json.loads((to / ABOUT).read_bytes())["version"]
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError) as exc:
        raise InvalidInput(f"{artifact.name} is no version of the rack: {exc}", hint="fetch it again") from exc
    if told != version:
        raise InvalidInput(f"{artifact.name} is version {told}, not {version}", hint="fetch the right one")


def _give_interpreter(directory: Path) -> None:
    """Make the version an environment of its own over the machine's python3.11."""
    interpreter = shutil.which(PYTHON)
    if interpreter is None:
        raise InvalidInput(f"this machine has no {PYTHON}", hint=f"install it, for example: apt install {PYTHON}")
    command = [interpreter, "-I", "-m", "venv", "--without-pip", "--symlinks", str(directory)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    except (subprocess.SubprocessError, OSError) as exc:
        raise InvalidInput(
            f"{interpreter} cannot make an environment: {exc}", hint=f"install its venv: apt install {PYTHON}-venv"
        ) from exc
