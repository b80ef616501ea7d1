"""Reading what a directory says of npm packages."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sternway.core.errors import BuildFailed
from sternway.engines.process.dependencies import node
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Recipe

PACKAGE = {"name": "shop", "dependencies": {"ms": "^2"}}
LOCK = {"lockfileVersion": 3, "packages": {"": PACKAGE, "node_modules/ms": {"version": "2.1.3"}}}

needs_node = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")


async def read(directory: Path, files: Mapping[str, Any]) -> Recipe | None:
    for name, content in files.items():
        (directory / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return await node.read(directory, Runner())


@pytest.mark.parametrize("package", [{}, {"devDependencies": {"vite": "^7"}}, {"dependencies": {}}])
async def test_nothing_needed_is_nothing_to_prepare(tmp_path: Path, package: dict[str, Any]) -> None:
    assert await read(tmp_path, {"package.json": package}) is None


async def test_packages_that_come_with_the_source_stay(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    assert await read(tmp_path, {"package.json": PACKAGE, "yarn.lock": ""}) is None


@needs_node
async def test_lock_is_followed_and_scripts_of_the_app_are_not_run(tmp_path: Path) -> None:
    package = PACKAGE | {"scripts": {"start": "node .", "postinstall": "rm -rf ."}}
    recipe = await read(tmp_path, {"package.json": package, "package-lock.json": LOCK, ".npmrc": "fund=false\n"})
    assert recipe
    (command,) = recipe.commands(tmp_path / "place")
    assert command.words[1:3] == ("ci", "--omit=dev")
    assert set(recipe.files) == {"package.json", "package-lock.json", ".npmrc"}
    assert json.loads(recipe.files["package.json"]) == PACKAGE
    assert recipe.notes == ("package.json: not run in a build: scripts.postinstall",)


@needs_node
async def test_without_a_lock_versions_are_chosen_and_that_is_told(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"package.json": PACKAGE})
    assert recipe
    assert recipe.commands(tmp_path)[0].words[1] == "install"
    assert recipe.notes == ("package.json without package-lock.json: versions are chosen now",)


@needs_node
async def test_key_depends_on_the_lock_and_not_on_scripts(tmp_path: Path) -> None:
    first = await read(tmp_path, {"package.json": PACKAGE, "package-lock.json": LOCK})
    same = await read(tmp_path, {"package.json": PACKAGE | {"scripts": {"start": "node ."}}})
    other = await read(tmp_path, {"package-lock.json": LOCK | {"name": "other"}})
    assert first
    assert same
    assert other
    assert first.digest() == same.digest() != other.digest()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"package.json": "{"}, "cannot be read"),
        ({"package.json": "[" * 100_000}, "cannot be read"),
        ({"package.json": "[]"}, "must hold an object"),
        ({"package.json": PACKAGE, "yarn.lock": ""}, "yarn.lock is not read"),
        ({"package.json": PACKAGE, "pnpm-lock.yaml": ""}, "pnpm-lock.yaml is not read"),
        ({"package.json": PACKAGE | {"workspaces": ["a"]}, "package-lock.json": LOCK}, "workspaces"),
        ({"package.json": PACKAGE, "package-lock.json": {"packages": {"a": {"link": True}}}}, "file:"),
        ({"package.json": PACKAGE, "package-lock.json": "broken"}, "package-lock.json cannot be read"),
    ],
)
async def test_what_cannot_be_prepared_says_why(tmp_path: Path, files: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(BuildFailed, match=reason):
        await read(tmp_path, files)


async def test_machine_without_node_is_told(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps(PACKAGE))
    with pytest.raises(BuildFailed, match="no node with npm"):
        await node.read(tmp_path, Runner(path=str(tmp_path)))
