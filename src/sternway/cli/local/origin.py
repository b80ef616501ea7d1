"""Where the running copy of the command line comes from, and so whose it is to update."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import sternway
from sternway.cli import errors

ASK_S = 20.0
ASKED: Mapping[str, tuple[Sequence[str], str]] = {
    "dpkg": (("dpkg", "-S"), "apt install --only-upgrade {package}"),
    "rpm": (("rpm", "-qf", "--queryformat", "%{NAME}: "), "dnf upgrade {package}"),
    "pacman": (("pacman", "-Qoq"), "pacman -Syu {package}"),
}
"""Who knows which package a file is of, and how that is brought up to date."""
FOLDERS: Mapping[str, str] = {
    "/snap/": "snap refresh sternway",
    "/nix/store/": "nix profile upgrade sternway",
    "/Cellar/": "brew upgrade sternway",
    "/pipx/venvs/": "pipx upgrade sternway",
    "/uv/tools/": "uv tool upgrade sternway",
}


def executable() -> Path:
    """Return the file that an update replaces; raises CommandFailed for a copy that somebody else looks after."""
    if not getattr(sys, "frozen", False):
        raise _environment()
    called = Path(os.path.abspath(sys.argv[0]))
    found = Path(os.path.realpath(called)) if called.is_file() else Path.home() / ".local" / "bin" / "sternway"
    _refuse_packaged(found, called)
    if not os.access(found.parent, os.W_OK):
        raise errors.CommandFailed(
            f"{found.parent} can be written by its owner only",
            hint=f"have a copy of your own: mkdir -p ~/.local/bin && cp {found} ~/.local/bin/sternway, "
            "with ~/.local/bin first in PATH; or run this as its owner (sudo)",
        )
    return found


def _refuse_packaged(found: Path, called: Path) -> None:
    for folder, command in FOLDERS.items():
        if folder in str(found):
            raise _theirs(str(found), command)
    for program, (question, command) in ASKED.items():
        if not shutil.which(program):
            continue
        for path in {found, called}:
            if package := _package(question, path):
                raise _theirs(f"{found}, of the package {package},", command.format(package=package))


def _package(question: Sequence[str], path: Path) -> str:
    """Return the package that a file is of; nothing if no package knows it."""
    try:
        done = subprocess.run(
            [*question, path], capture_output=True, stdin=subprocess.DEVNULL, timeout=ASK_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.decode(errors="replace").partition(":")[0].strip()


def _environment() -> errors.CommandFailed:
    """Say what to do with a copy that is part of a Python environment."""
    place = Path(sternway.__file__).parent
    for folder, command in FOLDERS.items():
        if folder in sys.prefix + "/":
            return _theirs(str(place), command)
    if (Path(sys.prefix) / "about.json").exists():
        return _theirs(f"{place}, part of a version of a rack,", "sternway rack update")
    if "site-packages" not in place.parts:
        return _theirs(f"{place}, a checkout,", "git pull && make setup")
    tool = _installer()
    return _theirs(str(place), f"{tool} install --upgrade sternway")


def _installer() -> str:
    try:
        told = importlib.metadata.distribution("sternway")
    except importlib.metadata.PackageNotFoundError:
        return "pip"
    named = (told.read_text("INSTALLER") or "pip").strip()
    return "uv pip" if named == "uv" else named


def _theirs(what: str, command: str) -> errors.CommandFailed:
    return errors.CommandFailed(f"{what} is looked after by another program", hint=f"update it with: {command}")
