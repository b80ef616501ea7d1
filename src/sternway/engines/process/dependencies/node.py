"""What a directory says of npm packages: `package.json`, and the lock beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sternway.core.errors import BuildFailed
from sternway.engines.process.artifacts import NODE, NODE_MODULES
from sternway.engines.process.dependencies import source
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Command, Recipe

PACKAGE = "package.json"
LOCKS = ("npm-shrinkwrap.json", "package-lock.json")
FOREIGN_LOCKS = ("yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")
SETTINGS = ".npmrc"

IDENTITY = "[process.execPath, process.versions.modules, process.platform, process.arch].join(' ')"
OPTIONS = ("--omit=dev", "--no-audit", "--no-fund", "--no-progress", "--no-update-notifier")
_NEEDS = ("dependencies", "optionalDependencies")
_NOT_RUN = ("preinstall", "install", "postinstall", "prepare", "build", "heroku-postbuild")


async def read(directory: Path, runner: Runner) -> Recipe | None:
    """Return how to prepare what the directory declares, None if that is nothing; raises BuildFailed."""
    if not (directory / PACKAGE).is_file() or (directory / NODE_MODULES).is_dir():
        return None
    package = _object(directory, PACKAGE)
    if not any(package.get(member) for member in _NEEDS):
        return None
    lock = _lock(directory, package)
    npm, identity = await _programs(runner)
    files = _files(directory, package, lock)
    verb = "ci" if lock else "install"
    return Recipe(
        NODE,
        lock or PACKAGE,
        (identity, *(part for name, content in files.items() for part in (name.encode(), content))),
        lambda place: (Command(f"npm {verb}", (npm, verb, *OPTIONS), place),),
        files=files,
        notes=tuple(_notes(package, lock)),
    )


async def _programs(runner: Runner) -> tuple[str, bytes]:
    """Return npm, and what tells this Node from others."""
    node, npm = runner.find("node"), runner.find("npm")
    if node is None or npm is None:
        raise BuildFailed("there is no node with npm on this machine", hint="install them, then deploy again")
    return npm, await runner.ask(node, "-p", IDENTITY)


def _lock(directory: Path, package: Mapping[str, Any]) -> str:
    """Return the name of the lock, empty if there is none; raises BuildFailed for what cannot be prepared."""
    lock = next((name for name in LOCKS if (directory / name).is_file()), "")
    foreign = next((name for name in FOREIGN_LOCKS if (directory / name).is_file()), "")
    if foreign and not lock:
        raise BuildFailed(f"{foreign} is not read, and there is no {LOCKS[1]}", hint="write one: npm install")
    packages = _object(directory, lock).get("packages", {}) if lock else {}
    is_linked = isinstance(packages, dict) and any(isinstance(p, dict) and p.get("link") for p in packages.values())
    if is_linked or package.get("workspaces"):
        raise BuildFailed(
            f"{PACKAGE}: packages that lie in the source (workspaces, file:) cannot be prepared",
            hint=f"bring {NODE_MODULES} along in the source",
        )
    return lock


def _files(directory: Path, package: Mapping[str, Any], lock: str) -> dict[str, bytes]:
    """Return what npm gets to see. Scripts of the app itself would look for its source, which is not there."""
    bare = {name: value for name, value in package.items() if name != "scripts"}
    names = [name for name in (lock, SETTINGS) if name and (directory / name).is_file()]
    copied = {name: source.text(directory, directory / name).encode() for name in names}
    return {PACKAGE: json.dumps(bare, sort_keys=True).encode(), **copied}


def _notes(package: Mapping[str, Any], lock: str) -> list[str]:
    scripts = package.get("scripts")
    named = [name for name in _NOT_RUN if isinstance(scripts, dict) and name in scripts]
    notes = [f"{PACKAGE}: not run in a build: scripts.{', scripts.'.join(named)}"] if named else []
    return notes if lock else [*notes, f"{PACKAGE} without {LOCKS[1]}: versions are chosen now"]


def _object(directory: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads(source.text(directory, directory / name))
    except (ValueError, RecursionError) as exc:
        raise BuildFailed(f"{name} cannot be read: {exc}", hint="correct it") from exc
    if not isinstance(content, dict):
        raise BuildFailed(f"{name} must hold an object", hint="correct it")
    return content
