"""Reading what a directory says of Python packages."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sternway.core.errors import BuildFailed
from sternway.engines.process.dependencies import python
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Recipe

PROJECT = "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['flask>=3', 'click']\n"


async def read(directory: Path, files: Mapping[str, str], runner: Runner | None = None) -> Recipe | None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return await python.read(directory, runner or Runner())


def words(recipe: Recipe | None, place: Path) -> list[str]:
    assert recipe
    return [" ".join(command.words) for command in recipe.commands(place)]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pyproject.toml": "[tool.ruff]\n"},
        {"pyproject.toml": "[project]\nname = 'shop'\n"},
    ],
)
async def test_nothing_declared_is_nothing_to_prepare(tmp_path: Path, files: Mapping[str, str]) -> None:
    assert await read(tmp_path, files) is None


async def test_requirements_without_any_still_give_the_app_its_python(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"requirements.txt": "\n# none yet\n"})
    (make,) = words(recipe, tmp_path / "place")
    assert make.endswith(f"-m venv --without-pip {tmp_path}/place/venv")


@pytest.mark.parametrize(
    ("name", "text"),
    [(".python-version", "# ours\n3.98\n"), ("runtime.txt", "python-3.98.4\n"), (".python-version", "3.98.4")],
)
async def test_app_gets_the_python_that_it_asks_for_where_there_is_one(tmp_path: Path, name: str, text: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3.98").write_text("#!/bin/sh\necho /opt/python3.98 3.98.4 linux\n")
    (programs / "python3.98").chmod(0o755)
    files = {"requirements.txt": "a==1\n", name: text}
    recipe = await read(tmp_path / "source", files, Runner(path=f"{programs}:/bin:/usr/bin"))
    assert recipe
    assert words(recipe, tmp_path / "place")[0].startswith(f"{programs}/python3.98 ")
    assert recipe.notes == ()


async def test_python_that_is_not_there_is_told_and_the_machines_own_taken(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"requirements.txt": "a==1\n", ".python-version": "3.99\n"})
    assert recipe
    (note,) = recipe.notes
    assert note.startswith(".python-version asks for Python 3.99, and there is no python3.99 here: it gets 3.")


async def test_requirements_go_into_an_environment_of_the_app(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"requirements.txt": "flask==3.1.2\n"})
    place = tmp_path / "place"
    make, fill = words(recipe, place)
    assert make.endswith(f"-m venv --without-pip {place}/venv")
    assert f"--python {place}/venv/bin/python install" in fill
    assert fill.endswith("-r requirements.txt")


async def test_key_depends_on_every_line_that_counts_and_on_no_other(tmp_path: Path) -> None:
    first = await read(tmp_path, {"requirements.txt": "a==1\n-r more/base.txt\n", "more/base.txt": "b==1\n"})
    same = await read(tmp_path, {"requirements.txt": "# why\na==1  # this\n\n--requirement=more/base.txt\n"})
    other = await read(tmp_path, {"more/base.txt": "b==2\n"})
    assert first
    assert same
    assert other
    assert first.key[1:] != other.key[1:]
    assert first.key[1].replace(b"-r", b"--requirement") == same.key[1]


async def test_hashes_over_several_lines_are_part_of_one(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"requirements.txt": "a==1 \\\n    --hash=sha256:12 \\\n    --hash=sha256:34\n"})
    assert recipe
    assert recipe.key[1] == b"a==1 --hash=sha256:12 --hash=sha256:34"
    assert recipe.notes == ()


async def test_open_versions_are_told(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"requirements.txt": "a==1\nflask>=3\n"})
    assert recipe
    assert recipe.notes == ("requirements.txt leaves versions open, flask>=3 for one: they are chosen now",)


async def test_project_without_a_lock_gives_its_dependencies(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"pyproject.toml": PROJECT})
    assert recipe
    assert recipe.files == {"requirements.txt": b"flask>=3\nclick\n"}
    assert recipe.notes == ("pyproject.toml without uv.lock: versions are chosen now",)


async def test_uv_prepares_what_its_lock_says(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.touch(mode=0o755)
    files = {"pyproject.toml": PROJECT, "uv.lock": "version = 1\n"}
    recipe = await read(tmp_path / "source", files, Runner(tools=str(tmp_path)))
    assert recipe
    (command,) = recipe.commands(tmp_path / "place")
    assert command.words[:4] == (str(uv), "sync", "--frozen", "--no-dev")
    assert command.variables["UV_PROJECT_ENVIRONMENT"] == str(tmp_path / "place/venv")


async def test_uv_lock_without_uv_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="needs uv") as caught:
        await read(tmp_path, {"pyproject.toml": PROJECT, "uv.lock": ""}, Runner(tools=str(tmp_path)))
    assert "uv export" in caught.value.hint


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"requirements.txt": "-e .\n"}, "only packages are"),
        ({"requirements.txt": "./vendored\n"}, "only packages are"),
        ({"requirements.txt": "-r ../secret.txt\n"}, "secret.txt is not in the source"),
        ({"requirements.txt": "-r /etc/hostname\n"}, "hostname is not in the source"),
        ({"pyproject.toml": PROJECT, "poetry.lock": ""}, "poetry.lock is not read"),
        ({"Pipfile.lock": "{}"}, "Pipfile.lock is not read"),
        ({"pyproject.toml": "[project"}, "cannot be read"),
        ({"pyproject.toml": "project = 1"}, "must be a table"),
        ({"pyproject.toml": "[project]\ndynamic = ['dependencies']\n"}, "are dynamic"),
        ({"pyproject.toml": "[project]\ndependencies = 'flask'\n"}, "must be a list"),
        ({"pyproject.toml": "[project]\ndependencies = [1]\n"}, "must be a list"),
    ],
)
async def test_what_cannot_be_prepared_says_why(tmp_path: Path, files: Mapping[str, str], reason: str) -> None:
    (tmp_path / "secret.txt").write_text("a==1\n")
    with pytest.raises(BuildFailed, match=reason):
        await read(tmp_path / "source", files)


async def test_files_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    recipe = await read(tmp_path, {"requirements.txt": "a==1\n-r b.txt\n", "b.txt": "b==1\n-r requirements.txt\n"})
    assert recipe
    assert recipe.key[1].split() == [b"a==1", b"-r", b"b==1", b"-r"]
