"""Which volumes a container mounts, and which it is refused."""

from pathlib import Path
from typing import Any

import pytest

from sternway.core.errors import Conflict
from sternway.core.formation import Volume
from sternway.engines.docker.calls.api import Api
from sternway.engines.docker.calls.connection import Connection
from sternway.engines.docker.volumes import Volumes, slug


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(Api(Connection("unix:///nowhere")), "rack", tmp_path / "private")


def test_a_volume_that_the_rack_keeps_is_one_of_the_engine_with_its_labels(volumes: Volumes):
    (mount,) = volumes.of("shop", [Volume("/data")]).kept
    assert mount["Source"] == f"sternway-rack-shop-0-{slug('/data')}"
    assert mount["VolumeOptions"]["Labels"]["sternway.rack"] == "rack"


def test_a_directory_of_the_machine_is_bound(volumes: Volumes, tmp_path: Path):
    mounts = volumes.of("shop", [Volume("/data", str(tmp_path / "shared"))])
    assert mounts.binds == (f"{tmp_path}/shared:/data",)
    assert mounts.variables == {"VOLUME_DATA": "/data"}


@pytest.mark.parametrize("source", ["private", "private/deeper", "."])
def test_the_racks_own_directory_is_no_volume(volumes: Volumes, tmp_path: Path, source: str):
    mounts = volumes.of("shop", [Volume("/data", str(tmp_path / source))])
    assert (mounts.binds, mounts.variables) == ((), {})
    assert "the rack's own directory" in mounts.notes[0]


def test_a_link_to_the_racks_own_directory_is_none_either(volumes: Volumes, tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "private")
    assert volumes.of("shop", [Volume("/data", str(tmp_path / "link"))]).binds == ()


@pytest.mark.parametrize("target", ["/", "/proc", "/sys/fs", "/dev", "/x/../proc"])
def test_what_is_the_systems_is_no_target(volumes: Volumes, target: str):
    assert volumes.of("shop", [Volume(target)]).kept == ()


def test_different_targets_have_different_volumes():
    assert slug("/a/b") != slug("/a-b")
    assert slug("/a/") == slug("/a")


class Shelf:
    """The volumes of an engine, as its API has them."""

    def __init__(self) -> None:
        self.there: dict[str, dict[str, Any]] = {}

    async def get(self, path: str, **params: str) -> Any:
        return {"Volumes": list(self.there.values())}

    async def post(self, path: str, body: Any) -> None:
        self.there[body["Name"]] = body

    async def delete(self, path: str) -> None:
        del self.there[path.removeprefix("volumes/")]

    def mount(self, volumes: Volumes) -> str:
        """Make what a container would mount, and return its name."""
        (mount,) = volumes.of("shop", [Volume("/data")]).kept
        self.there[mount["Source"]] = {"Name": mount["Source"], "Labels": dict(mount["VolumeOptions"]["Labels"])}
        return str(mount["Source"])


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def on_shelf(shelf: Shelf, tmp_path: Path) -> Volumes:
    return Volumes(shelf, "rack", tmp_path / "private")  # type: ignore[arg-type]


async def test_a_volume_has_its_labels_before_a_container_names_it(shelf: Shelf, on_shelf: Volumes):
    mounts = on_shelf.of("shop", [Volume("/data")])
    for _ in range(2):
        await on_shelf.ensure(mounts)
    (kept,) = mounts.kept
    assert shelf.there == {kept["Source"]: {"Name": kept["Source"], "Labels": kept["VolumeOptions"]["Labels"]}}


async def test_what_was_put_aside_comes_back_to_its_owner(shelf: Shelf, on_shelf: Volumes):
    first = shelf.mount(on_shelf)
    await on_shelf.leave("shop", 7)
    await on_shelf.leave("shop", 7)
    assert on_shelf.of("shop", [Volume("/data")]).kept[0]["Source"] != first
    assert await on_shelf.recall("shop", 7)
    assert on_shelf.of("shop", [Volume("/data")]).kept[0]["Source"] == first
    assert await on_shelf.recall("shop", 7)


async def test_volumes_of_a_later_app_are_not_replaced(shelf: Shelf, on_shelf: Volumes):
    shelf.mount(on_shelf)
    await on_shelf.leave("shop", 7)
    shelf.mount(on_shelf)
    with pytest.raises(Conflict):
        await on_shelf.recall("shop", 7)


async def test_an_owner_without_volumes_gets_none_of_others(shelf: Shelf, on_shelf: Volumes):
    first = shelf.mount(on_shelf)
    await on_shelf.leave("shop", 7)
    assert not await on_shelf.recall("shop", 8)
    assert on_shelf.of("shop", [Volume("/data")]).kept[0]["Source"] != first


async def test_after_a_restart_the_generation_that_came_back_is_known(shelf: Shelf, on_shelf: Volumes, tmp_path: Path):
    first = shelf.mount(on_shelf)
    await on_shelf.leave("shop", 7)
    await on_shelf.recall("shop", 7)
    again = Volumes(shelf, "rack", tmp_path / "private")  # type: ignore[arg-type]
    await again.learn()
    assert again.of("shop", [Volume("/data")]).kept[0]["Source"] == first
