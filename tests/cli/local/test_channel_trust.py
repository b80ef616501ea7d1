"""`channel trust`: the root of a channel is pinned for a rack by a person who has compared it."""

from pathlib import Path

import pytest

from sternway.channel import publish
from tests.channel.rig import Rig
from tests.cli.conftest import Run


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    directory = tmp_path / "rig"
    directory.mkdir()
    return Rig(directory)


@pytest.fixture
def fingerprint(rig: Rig) -> str:
    return publish.fingerprint(publish.root_of(rig.channel()))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


def trust(run_alone: Run, rig: Rig, data: Path, *more: str) -> tuple[int, str, str]:
    ended = run_alone("channel", "trust", str(rig.served), "--data", str(data), *more)
    return ended.code, ended.out, ended.err


def pinned(data: Path) -> Path:
    return data / "channel" / "root.json"


def test_the_right_fingerprint_pins_the_root(run_alone: Run, rig: Rig, data: Path, fingerprint: str) -> None:
    assert trust(run_alone, rig, data, "--fingerprint", fingerprint.upper()) == (0, f"{fingerprint}\n", "")
    assert pinned(data).read_bytes() == publish.root_of(rig.channel())
    assert pinned(data).stat().st_mode & 0o777 == 0o600


def test_another_fingerprint_pins_nothing(run_alone: Run, rig: Rig, data: Path, fingerprint: str) -> None:
    code, out, err = trust(run_alone, rig, data, "--fingerprint", "ab" * 32)
    assert (code, out) == (1, "")
    assert fingerprint in err
    assert not pinned(data).exists()


@pytest.mark.parametrize("is_it", [True, False])
def test_without_a_fingerprint_a_person_is_asked(
    run_alone: Run, rig: Rig, data: Path, fingerprint: str, monkeypatch: pytest.MonkeyPatch, is_it: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: is_it)
    code, _, err = trust(run_alone, rig, data)
    assert (code, pinned(data).exists()) == (0 if is_it else 1, is_it)
    assert fingerprint in err


def test_where_nobody_can_be_asked_nothing_is_pinned(run_alone: Run, rig: Rig, data: Path) -> None:
    code, _, err = trust(run_alone, rig, data)
    assert code == 2
    assert "--fingerprint HEX" in err
    assert not pinned(data).exists()


def test_a_folder_that_is_not_there_is_not_made(run_alone: Run, rig: Rig, tmp_path: Path) -> None:
    code, _, _ = trust(run_alone, rig, tmp_path / "absent", "--fingerprint", "ab")
    assert (code, (tmp_path / "absent").exists()) == (3, False)


def test_what_is_no_channel_is_said(run_alone: Run, data: Path, tmp_path: Path) -> None:
    ended = run_alone("channel", "trust", str(tmp_path), "--data", str(data), "--fingerprint", "ab")
    assert ended.code == 1
    assert "the channel lacks a file" in ended.err
