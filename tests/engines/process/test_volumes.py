from pathlib import Path

import pytest

from sternway.core.errors import Conflict
from sternway.core.formation import Volume
from sternway.engines.process import volumes
from sternway.engines.process.volumes import Mount, Volumes


@pytest.fixture
def kept(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "rack" / "engine", tmp_path / "rack")


@pytest.mark.parametrize(("one", "other"), [("/data", "/Data"), ("/a/b", "/a-b"), ("/ä", "/ö")])
def test_different_targets_never_share_a_directory(one: str, other: str):
    assert volumes.slug(one) != volumes.slug(other)


def test_a_target_is_the_same_however_it_is_written():
    assert volumes.slug("/data/") == volumes.slug("/./data")


@pytest.mark.parametrize(
    ("target", "variable"), [("/data", "VOLUME_DATA"), ("/var/lib/my-app/", "VOLUME_VAR_LIB_MY_APP")]
)
def test_a_variable_is_named_after_the_target(target: str, variable: str):
    assert Mount(Path("/x"), target, is_kept=True).variable == variable


@pytest.mark.parametrize("target", ["/", "/usr/share", "/etc", "/proc/1", "/x/../dev", "/tmp/cache"])
def test_no_volume_takes_the_place_of_the_system(kept: Volumes, target: str):
    made = kept.of("shop", [Volume(target)], None)
    assert made.mounts == ()
    assert made.notes == (f"volume {target}: ignored, since this path is the system's",)


def test_volumes_that_are_kept_are_for_their_owner_only(kept: Volumes):
    (mount,) = kept.of("shop", [Volume("/data")], None).mounts
    assert mount.source.stat().st_mode & 0o077 == 0


def test_what_was_put_aside_before_stays_beside_it(kept: Volumes, tmp_path: Path):
    for _ in range(2):
        kept.of("shop", [Volume("/data")], None)
        kept.leave("shop")
    kept.leave("shop")
    assert sorted(path.name for path in (tmp_path / "rack" / "engine" / "volumes-left").iterdir()) == [
        "shop.1",
        "shop.2",
    ]


def test_a_directory_that_holds_the_rack_is_no_volume(kept: Volumes, tmp_path: Path):
    assert kept.of("shop", [Volume("/all", str(tmp_path))], None).mounts == ()


def written(kept: Volumes, text: str) -> Path:
    (mount,) = kept.of("shop", [Volume("/data")], None).mounts
    (mount.source / "file").write_text(text)
    return mount.source / "file"


def test_what_was_put_aside_comes_back_to_its_owner(kept: Volumes):
    file = written(kept, "first")
    kept.leave("shop", 7)
    written(kept, "second")
    kept.leave("shop", 8)
    assert kept.recall("shop", 7)
    assert file.read_text() == "first"
    assert kept.recall("shop", 7)


def test_volumes_of_another_app_are_not_replaced(kept: Volumes):
    file = written(kept, "first")
    kept.leave("shop", 7)
    written(kept, "second")
    with pytest.raises(Conflict):
        kept.recall("shop", 7)
    assert file.read_text() == "second"


def test_an_owner_without_volumes_gets_none_of_others(kept: Volumes):
    written(kept, "first")
    kept.leave("shop", 7)
    assert not kept.recall("shop", 8)
