"""The checkout that a version is built from, and the environment with what it depends on."""

import importlib.metadata
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from packaging.markers import Marker

_LOCKED = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+) *(?:; *(?P<marker>[^\\]*))?")
_VERSION_LINE = re.compile(r'^__version__ = ".*"$', re.MULTILINE)
BUILD_ONLY = frozenset({"editables", "hatchling", "pathspec", "pluggy", "tomlkit", "trove-classifiers"})
"""What the lock holds for building and no rack needs."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout, and the version that it is to become. `compression` is gzip's level."""

    source: Path
    version: str
    compression: int = 6

    def lock_digest(self) -> str:
        """Return a hash of what the lock names, for this interpreter."""
        lock = (self.source / "requirements" / "runtime.txt").read_bytes()
        return sha256(lock + sys.version.encode()).hexdigest()[:16]

    def copy_package(self, to: Path) -> None:
        """Copy the package, with the version written into it."""
        package = to / "sternway"
        shutil.copytree(self.source / "src" / "sternway", package, ignore=shutil.ignore_patterns("__pycache__"))
        init = package / "__init__.py"
        init.write_text(_VERSION_LINE.sub(f'__version__ = "{self.version}"', init.read_text(), count=1))

    def copy_dependencies(self, packages: Path, programs: Path) -> None:
        """Copy what the lock names: packages, and the programs among them."""
        bin_ = Path(sys.executable).parent
        for distribution in self.dependencies():
            for file in distribution.files or ():
                found = Path(str(distribution.locate_file(file)))
                if found.resolve().parent == bin_.resolve():
                    if found.name == "caddy":
                        _copy(found, programs / found.name)
                elif "__pycache__" not in file.parts and ".." not in file.parts:
                    _copy(found, packages / file)

    def dependencies(self) -> Iterator[importlib.metadata.Distribution]:
        """Give what the lock names, as installed here; raises SystemExit for another version than it says."""
        for line in (self.source / "requirements" / "runtime.txt").read_text().splitlines():
            found = _LOCKED.match(line)
            if found is None or found["name"] in BUILD_ONLY:
                continue
            if found["marker"] and not Marker(found["marker"].strip()).evaluate():
                continue
            distribution = importlib.metadata.distribution(found["name"])
            if distribution.version != found["version"]:
                raise SystemExit(
                    f"{found['name']} is {distribution.version} here, {found['version']} in the lock: make dev"
                )
            yield distribution


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, to)
