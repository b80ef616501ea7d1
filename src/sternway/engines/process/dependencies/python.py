"""What a directory says of Python packages: `requirements.txt`, `uv.lock`, or what `pyproject.toml` lists."""

import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sternway.core.errors import BuildFailed
from sternway.engines.process.artifacts import PYTHON, VENV
from sternway.engines.process.dependencies import source
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Command, Recipe

REQUIREMENTS = "requirements.txt"
PROJECT = "pyproject.toml"
UV_LOCK = "uv.lock"
FOREIGN_LOCKS = {"poetry.lock": "poetry export -o requirements.txt", "Pipfile.lock": "pipenv requirements"}

IDENTITY = "import os, sys, sysconfig; print(os.path.realpath(sys.executable), sys.version, sysconfig.get_platform())"
PIP_OPTIONS = ("--no-input", "--disable-pip-version-check", "--progress-bar=off", "--root-user-action=ignore")
_INCLUDES = ("-r", "--requirement", "-c", "--constraint")
_EDITABLE = ("-e", "--editable")

WISHES = (".python-version", "runtime.txt")
"""Files in which an app says on which Python it runs: `3.12`, `3.12.4` or `python-3.12.4`."""
_WISH = re.compile(r"^(?:python-)?(\d+\.\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Interpreter:
    """The Python that the app runs on, what tells it from others, and what there is to say of the choice."""

    path: str
    identity: bytes
    notes: tuple[str, ...] = ()


async def read(directory: Path, runner: Runner) -> Recipe | None:
    """Return how to prepare what the directory declares, None if that is nothing; raises BuildFailed."""
    if (directory / REQUIREMENTS).is_file():
        return await _from_requirements(directory, runner)
    if (directory / PROJECT).is_file() and (directory / UV_LOCK).is_file():
        return await _from_uv(directory, runner)
    for name, remedy in FOREIGN_LOCKS.items():
        if (directory / name).is_file():
            raise BuildFailed(f"{name} is not read, and there is no {REQUIREMENTS}", hint=f"write one: {remedy}")
    return await _from_project(directory, runner) if (directory / PROJECT).is_file() else None


async def _interpreter(directory: Path, runner: Runner) -> _Interpreter:
    """Return the Python that the app asks for where the machine has it, else the machine's own."""
    file, wanted = _wish(directory)
    path = (runner.find(f"python{wanted}") if wanted else None) or runner.find("python3")
    if path is None:
        raise BuildFailed("there is no python3 on this machine", hint="install it, then deploy again")
    identity = await runner.ask(path, "-I", "-c", IDENTITY)
    version = identity.decode(errors="replace").split()[1]
    is_met = not wanted or version.startswith(f"{wanted}.")
    notes = (
        () if is_met else (f"{file} asks for Python {wanted}, and there is no python{wanted} here: it gets {version}",)
    )
    return _Interpreter(path, identity, notes)


def _wish(directory: Path) -> tuple[str, str]:
    """Return the file that asks for a Python, and for which: `3.12`. Both are empty where none does."""
    for name in WISHES:
        if (directory / name).is_file() and (found := _WISH.search(source.text(directory, directory / name))):
            return name, found[1]
    return "", ""


# --- requirements.txt ---


async def _from_requirements(directory: Path, runner: Runner) -> Recipe:
    """An empty file is one too: such an app expects to find `python`, which machines may not have."""
    file = directory / REQUIREMENTS
    lines = list(_requirements(directory, file, set()))
    interpreter = await _interpreter(directory, runner)
    return Recipe(
        PYTHON,
        REQUIREMENTS,
        (interpreter.identity, "\n".join(lines).encode()),
        lambda place: (_venv(interpreter, place), *([_pip(interpreter, place, file)] if lines else [])),
        notes=(*interpreter.notes, *_loose(lines)),
    )


def _requirements(directory: Path, file: Path, seen: set[Path]) -> Iterator[str]:
    """Yield the lines that count, those of included files in their place."""
    if file in seen:
        return
    seen.add(file)
    for line in _lines(source.text(directory, file)):
        option, _, value = line.replace("=", " ", 1).partition(" ")
        if option in _EDITABLE or option.startswith((".", "/", "file:")):
            raise BuildFailed(
                f"{file.name}: {line}: what lies in the source is not installed, only packages are",
                hint="remove the line: the app is started in its source, and finds its own modules there",
            )
        if option not in _INCLUDES or "://" in value:
            yield line
            continue
        yield option
        yield from _requirements(directory, Path(file.parent, value.strip()), seen)


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        words = " ".join(line.partition(" #")[0].split())
        if words and not words.startswith("#"):
            yield words


def _loose(lines: list[str]) -> tuple[str, ...]:
    """Say that not every version is given, so that the next preparation may take others."""
    loose = [line for line in lines if not line.startswith("-") and "==" not in line and "@" not in line]
    return (f"{REQUIREMENTS} leaves versions open, {loose[0]} for one: they are chosen now",) if loose else ()


def _venv(interpreter: _Interpreter, place: Path) -> Command:
    return Command("venv", (interpreter.path, "-I", "-m", "venv", "--without-pip", str(place / VENV)), place)


def _pip(interpreter: _Interpreter, place: Path, file: Path) -> Command:
    """Use the rack's pip, or else the machine's; neither looks for modules in the source."""
    pip = sys.executable if importlib.util.find_spec("pip") else interpreter.path
    python = str(place / VENV / "bin" / "python")
    words = (pip, "-I", "-m", "pip", "--python", python, "install", *PIP_OPTIONS, "-r", file.name)
    return Command("pip install", words, file.parent)


# --- pyproject.toml ---


async def _from_uv(directory: Path, runner: Runner) -> Recipe:
    uv = runner.find_tool("uv")
    if uv is None:
        raise BuildFailed(
            f"{UV_LOCK} needs uv, which is not on this machine",
            hint=f"install uv beside the rack, or write a {REQUIREMENTS}: uv export -o {REQUIREMENTS}",
        )
    interpreter = await _interpreter(directory, runner)
    texts = (source.text(directory, directory / name).encode() for name in (PROJECT, UV_LOCK))
    words = (uv, "sync", "--frozen", "--no-dev", "--no-install-project", "--no-progress", "--compile-bytecode")
    return Recipe(
        PYTHON,
        UV_LOCK,
        (interpreter.identity, *texts),
        lambda place: (Command("uv sync", (*words, "--python", interpreter.path), directory, _uv_variables(place)),),
        notes=interpreter.notes,
    )


def _uv_variables(place: Path) -> dict[str, str]:
    """Copies, since links would share files with uv's cache, which does not stay as it is."""
    return {"UV_PROJECT_ENVIRONMENT": str(place / VENV), "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never"}


async def _from_project(directory: Path, runner: Runner) -> Recipe | None:
    wanted = _listed(source.text(directory, directory / PROJECT))
    if not wanted:
        return None
    interpreter = await _interpreter(directory, runner)
    lines = "".join(f"{line}\n" for line in wanted).encode()
    return Recipe(
        PYTHON,
        PROJECT,
        (interpreter.identity, lines),
        lambda place: (_venv(interpreter, place), _pip(interpreter, place, place / REQUIREMENTS)),
        files={REQUIREMENTS: lines},
        notes=(*interpreter.notes, f"{PROJECT} without {UV_LOCK}: versions are chosen now"),
    )


def _listed(text: str) -> list[str]:
    try:
        project = tomllib.loads(text).get("project", {})
    except tomllib.TOMLDecodeError as exc:
        raise BuildFailed(f"{PROJECT} cannot be read: {exc}", hint="correct it") from exc
    if not isinstance(project, dict):
        raise BuildFailed(f"{PROJECT}: project must be a table", hint="correct it")
    if "dependencies" in project.get("dynamic", []):
        raise BuildFailed(f"{PROJECT}: its dependencies are dynamic", hint=f"list them in {REQUIREMENTS}")
    wanted = project.get("dependencies", [])
    if not isinstance(wanted, list) or not all(isinstance(line, str) and "\n" not in line for line in wanted):
        raise BuildFailed(f"{PROJECT}: project.dependencies must be a list of text", hint="correct it")
    return wanted
