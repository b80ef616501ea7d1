"""The versions of a rack, with a real channel in a directory, real files, and the launcher's own reading of them."""

import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sternway.channel import installed, pinning, publish
from sternway.channel.artifact import Artifact, this_platform
from sternway.channel.follow import fetch_root
from sternway.channel.versions import Places, RackVersions
from sternway.core.errors import (
    ChannelRefused,
    ChannelUnavailable,
    Corrupt,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
    Unsupported,
)
from sternway.launcher import files
from sternway.launcher.state import Record, State, Step
from sternway.ports import Move, Offer, Versions
from tests.channel.rig import Rig

RUNS, OLDER, NEWER = "20260201000000", "20260101000000", "20260301000000"
MOVE = Move("VABCDEFGHIJ", NEWER, "ann", "ticket 42", "2026-03-02T00:00:00+00:00", accept_export=True)


def about(version: str, schema: str = "0002") -> dict[str, Any]:
    return {"version": version, "schema": schema, "schemas": [f"{each:04}" for each in range(1, int(schema) + 1)]}


def artifact(file: Path, version: str) -> Path:
    """Write the smallest artifact that can be installed."""
    with tarfile.open(file, "w:gz") as tar:
        for name, content in (("about.json", json.dumps(about(version))), ("bin/sternwayd", "#!/bin/sh\n")):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content.encode()))
    return file


def offer(rig: Rig, version: str, **said: Any) -> None:
    """Publish a version for this machine."""
    published = Artifact(version, "rack", this_platform(), about=about(version), **said)
    publish.publish(rig.channel(), {artifact(rig.directory / f"{version}.tar.gz", version): published})


def put(data: Path, version: str, schema: str = "0002") -> None:
    """Put a version there as if it had been installed, without its interpreter."""
    directory = data / "versions" / version
    directory.mkdir(parents=True)
    (directory / "about.json").write_text(json.dumps(about(version, schema)))
    record = {"version": version, "digest": installed.digest(directory)}
    (data / "versions" / f"{version}.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """A channel with a version that is offered, and one for another machine."""
    made = Rig(tmp_path_factory.mktemp("rig"))
    offer(made, NEWER, notes="better", yanked="")
    made.publish(OLDER)
    return made


@pytest.fixture
def data(rig: Rig, tmp_path: Path) -> Path:
    """The directory of a rack that trusts the channel."""
    (tmp_path / "launcher").mkdir()
    put(tmp_path, RUNS)
    pinning.pin(tmp_path, fetch_root(str(rig.served)))
    Record(files.Files(tmp_path)).save(State(RUNS))
    return tmp_path


def versions_of(data: Path, address: str = "", *, is_launched: bool = True) -> RackVersions:
    async def known() -> str:
        return address

    def stranded(schema: str) -> Mapping[str, int]:
        return {"logins": 2} if schema == "0001" else {}

    return RackVersions(data, RUNS, is_launched=is_launched, address=known, stranded=stranded)


@pytest.fixture
def versions(rig: Rig, data: Path) -> RackVersions:
    return versions_of(data, str(rig.served))


async def test_it_fills_the_port(versions: RackVersions) -> None:
    filled: Versions = versions
    filled.check()


async def test_what_is_offered_is_for_racks_on_this_machine(versions: RackVersions) -> None:
    (offered,) = await versions.offered()
    assert (offered.version, offered.notes, offered.is_installed) == (NEWER, "better", False)
    assert offered.about == about(NEWER)


async def test_a_version_is_installed_beside_the_others_and_kept_without_the_channel(
    versions: RackVersions, data: Path
) -> None:
    prepared = await versions.prepare(NEWER)
    assert (prepared.version, prepared.is_installed, prepared.about) == (NEWER, True, about(NEWER))
    assert (data / "versions" / NEWER / "bin" / "sternwayd").exists()
    assert not Places(data).fetched.exists()
    assert [kept.version for kept in await versions.kept()] == [NEWER, RUNS]
    assert (await versions.offered())[0].is_installed
    shutil.rmtree(data / "channel")
    assert (await versions_of(data).prepare(NEWER)).version == NEWER


async def test_a_kept_version_that_was_changed_is_refused(data: Path) -> None:
    put(data, OLDER)
    (data / "versions" / OLDER / "more").write_text("x")
    with pytest.raises(Corrupt, match="not as it was installed"):
        await versions_of(data).prepare(OLDER)


async def test_a_version_that_is_nowhere_is_not_found(versions: RackVersions) -> None:
    with pytest.raises(NotFound, match="version not found"):
        await versions.prepare(OLDER)


async def test_an_artifact_that_was_changed_on_its_way_leaves_nothing(rig: Rig, data: Path, tmp_path: Path) -> None:
    served = Path(shutil.copytree(rig.served, tmp_path / "served"))
    file = served / Artifact(NEWER, "rack", this_platform()).path
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    versions = versions_of(data, str(served))
    with pytest.raises(ChannelRefused, match="not the one that was signed"):
        await versions.prepare(NEWER)
    assert [kept.version for kept in await versions.kept()] == [RUNS]


async def test_no_channel_and_no_pinned_root_say_what_to_do(rig: Rig, data: Path) -> None:
    with pytest.raises(NotFound, match="follows no channel") as none:
        await versions_of(data).offered()
    assert "rack params set channel=" in none.value.hint
    Places(data).pinned.unlink()
    with pytest.raises(ChannelRefused, match="no root of the channel is pinned") as unpinned:
        await versions_of(data, str(rig.served)).offered()
    assert "sternway channel trust" in unpinned.value.hint


async def test_a_channel_that_does_not_answer_is_unavailable(data: Path) -> None:
    with pytest.raises(ChannelUnavailable):
        await versions_of(data, "http://127.0.0.1:1").offered()


async def test_a_full_disk_is_said_and_not_raised_as_it_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(installed.Versions, "list", full)
    with pytest.raises(Unavailable, match="No space left"):
        await versions_of(data).kept()


async def test_a_newer_version_strands_nothing_if_it_knows_the_schema(data: Path) -> None:
    versions = versions_of(data)
    assert await versions.stranded(Offer(NEWER, about=about(NEWER, "0003"))) == {}
    with pytest.raises(Refused, match="no way to it"):
        await versions.stranded(Offer(NEWER, about={"schema": "0009", "schemas": ["0008", "0009"]}))


async def test_an_older_version_strands_what_it_cannot_hold(data: Path) -> None:
    versions = versions_of(data)
    assert await versions.stranded(Offer(OLDER, about=about(OLDER, "0001"))) == {"logins": 2}
    with pytest.raises(Refused, match="has schema unknown"):
        await versions.stranded(Offer(OLDER))


async def test_the_launcher_takes_an_order_as_it_was_written(data: Path) -> None:
    versions, record = versions_of(data), Record(files.Files(data))
    await versions.order(MOVE)
    assert await versions.under_way() == NEWER
    state = record.take_order(record.load())
    update = state.update
    assert update
    assert (update.id, update.origin, update.target) == (MOVE.id, RUNS, NEWER)
    assert (update.by, update.reason, update.at, update.accept_export) == (MOVE.by, MOVE.reason, MOVE.at, True)
    assert not files.Files(data).order.exists()
    assert await versions.under_way() == NEWER


async def test_an_order_is_refused_while_another_one_is_under_way(data: Path) -> None:
    versions, record = versions_of(data), Record(files.Files(data))
    await versions.order(MOVE)
    with pytest.raises(Refused, match=f"being moved to {NEWER}"):
        await versions.order(MOVE)
    record.take_order(record.load())
    with pytest.raises(Refused, match=f"being moved to {NEWER}"):
        await versions.order(MOVE)


@pytest.mark.parametrize(("is_done", "result", "cause"), [(True, "completed", ""), (False, "reverted", "not healthy")])
async def test_how_it_ended_is_read_as_the_launcher_has_written_it(
    data: Path, is_done: bool, result: str, cause: str
) -> None:
    versions, record = versions_of(data), Record(files.Files(data))
    await versions.order(MOVE)
    state = record.advance(record.take_order(record.load()), Step.WATCHING, cause)
    record.end(state, is_done=is_done, ended_at="2026-03-02T00:01:00+00:00")
    assert await versions.under_way() == ""
    (outcome,) = await versions.outcomes()
    assert (outcome.id, outcome.origin, outcome.target, outcome.result) == (MOVE.id, RUNS, NEWER, result)
    assert (outcome.by, outcome.reason, outcome.cause) == ("ann", "ticket 42", cause)
    for _ in range(2):
        await versions.forget(outcome)
    assert await versions.outcomes() == []


async def test_a_damaged_outcome_hides_no_other(data: Path) -> None:
    outcomes = files.Files(data).outcomes
    outcomes.mkdir()
    (outcomes / "V1.json").write_text("{")
    (outcomes / "V2.json").write_text("{}")
    assert await versions_of(data).outcomes() == []


async def test_damage_to_the_state_of_the_launcher_is_not_quiet(data: Path) -> None:
    files.Files(data).state.write_text("{")
    with pytest.raises(Corrupt):
        await versions_of(data).under_way()


async def test_without_its_launcher_a_rack_cannot_be_moved(data: Path) -> None:
    versions = versions_of(data, is_launched=False)
    with pytest.raises(Unsupported, match="without its launcher") as caught:
        versions.check()
    assert "sternway rack install" in caught.value.hint
    with pytest.raises(Unsupported):
        await versions.order(MOVE)
    assert (await versions.under_way(), await versions.outcomes()) == ("", ())


async def test_what_is_not_to_be_kept_goes_and_never_what_runs(data: Path) -> None:
    for version in (OLDER, NEWER):
        put(data, version)
    versions = versions_of(data)
    await versions.keep([NEWER])
    assert [kept.version for kept in await versions.kept()] == [NEWER, RUNS]
    assert not (data / "versions" / OLDER).exists()


async def test_what_is_no_root_is_not_pinned(tmp_path: Path) -> None:
    for content in (b"<html>", b"{}"):
        with pytest.raises(InvalidInput, match="no root of a channel"):
            pinning.pin(tmp_path, content)
    assert not Places(tmp_path).pinned.exists()


async def test_another_root_forgets_what_was_seen_under_the_first(
    versions: RackVersions, data: Path, tmp_path: Path
) -> None:
    await versions.offered()
    (tmp_path / "other").mkdir()
    other = Rig(tmp_path / "other")
    offer(other, OLDER)
    pinning.pin(data, fetch_root(str(other.served)))
    (offered,) = await versions_of(data, str(other.served)).offered()
    assert offered.version == OLDER
    with pytest.raises(ChannelRefused):
        await versions.offered()
