"""Control groups over plain directories that look like both versions; the real ones are tested with the engine."""

from pathlib import Path

import pytest

from sternway.supervisor import cgroup
from sternway.supervisor.cgroup import Limits

BOTH = ("memory.max", "memory.limit_in_bytes", "cpu.max", "cpu.cfs_quota_us", "pids.max")


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """A group whose files are there, as a kernel would put them there."""
    group = tmp_path / "rack" / "process"
    group.mkdir(parents=True)
    for name in BOTH:
        (group / name).touch()
    return group


def test_limits_are_written_in_the_words_of_both_versions(group: Path):
    cgroup.create(str(group), Limits(memory_mib=64, cpu_millis=250, tasks=10))
    assert [(group / name).read_text() for name in BOTH] == ["67108864", "67108864", "25000 100000", "25000", "10"]


def test_what_is_not_limited_is_left_as_it_is(group: Path):
    cgroup.create(str(group), Limits())
    assert [(group / name).read_text() for name in BOTH] == [""] * 5


def test_a_share_of_the_processor_that_is_too_small_for_the_kernel_becomes_the_smallest(group: Path):
    cgroup.create(str(group), Limits(cpu_millis=1))
    assert (group / "cpu.cfs_quota_us").read_text() == "1000"


def test_groups_above_hand_their_controllers_down(tmp_path: Path):
    parent = tmp_path / "rack"
    parent.mkdir()
    (parent / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    (parent / "cgroup.subtree_control").write_text("cpu\n")
    cgroup.create(str(parent / "process"), Limits())
    assert (parent / "cgroup.subtree_control").read_text() == "+memory +pids"


@pytest.mark.parametrize(
    ("file", "text"),
    [("memory.events", "low 0\noom 3\noom_kill 2\n"), ("memory.oom_control", "under_oom 0\noom_kill 2\n")],
)
def test_kills_for_want_of_memory_are_counted(tmp_path: Path, file: str, text: str):
    (tmp_path / file).write_text(text)
    assert cgroup.memory_kills([str(tmp_path / "other"), str(tmp_path)]) == 2


def test_without_a_group_nobody_was_killed_and_nobody_is_a_member():
    assert cgroup.memory_kills(["/no/such/group"]) == 0
    assert cgroup.members("/no/such/group") == []
    cgroup.remove("/no/such/group")


def test_a_group_goes_with_the_last_of_its_parent(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / "rack" / name).mkdir(parents=True)
    cgroup.remove(str(tmp_path / "rack" / "one"))
    assert (tmp_path / "rack" / "two").exists()
    cgroup.remove(str(tmp_path / "rack" / "two"))
    assert not (tmp_path / "rack").exists()


@pytest.mark.parametrize(
    ("switch", "says", "on", "off"),
    [("freezer.state", "freezer.state", "FROZEN", "THAWED"), ("cgroup.freeze", "cgroup.events", "1", "0")],
)
def test_a_group_of_either_version_is_frozen_and_thawed(group: Path, switch: str, says: str, on: str, off: str):
    assert cgroup.freezable([str(group)]) == ""
    for name in (switch, says):
        (group / name).write_text("populated 1\nfrozen 0\n")
    assert cgroup.freezable(["elsewhere", str(group)]) == str(group)
    is_frozen = cgroup.freeze(str(group))
    assert ((group / switch).read_text(), is_frozen) == (on, switch == says)
    (group / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    assert cgroup.freeze(str(group))
    cgroup.thaw(str(group))
    assert (group / switch).read_text() == off
