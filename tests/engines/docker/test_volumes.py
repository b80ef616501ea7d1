"""Which volumes a container mounts, and which it is refused."""

from pathlib import Path

import pytest

from sternway.core.formation import Volume
from sternway.engines.docker.api import Api
from sternway.engines.docker.connection import Connection
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
