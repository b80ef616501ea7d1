"""`update` over a channel of scripted executables: scripts that print their version."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import sternway
from sternway.channel import publish
from sternway.channel.artifact import CLI, Artifact, this_platform
from sternway.channel.keys import Keys
from sternway.channel.repository import SignedFiles
from sternway.cli.local import origin
from sternway.cli.local.executables import Executables
from tests.cli.conftest import Ended, Run

CONTROL = """\
Package: sternway-cli
Version: 1
Architecture: all
Maintainer: nobody <nobody@example.com>
Description: the command line
"""
ASKED = origin.ASKED
OLD, OWN, NEW, NEWEST = "20260101000000", "20260201000000", "20260301000000-labelled", "20260401000000"


class Channel:
    def __init__(self, directory: Path) -> None:
        self.directory = directory / "channel"
        self._keys = Keys(directory / "keys")
        publish.init(self._signed())
        self.fingerprint = publish.fingerprint(publish.root_of(self._signed()))

    def publish(self, version: str, *, says: str = "", notes: str = "") -> None:
        file = self.directory.with_name(f"{version}.zip")
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("sternway", script(says or version))
        publish.publish(self._signed(), {file: Artifact(version, CLI, this_platform(), notes=notes)})

    def yank(self, version: str, reason: str) -> None:
        publish.yank(self._signed(), version, reason)

    def _signed(self) -> SignedFiles:
        return SignedFiles(self.directory, self._keys, datetime.now(UTC))


def script(version: str) -> str:
    return f"#!/bin/sh\necho {version}\n"


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    made = Channel(tmp_path)
    for version in (OLD, OWN, NEW):
        made.publish(version, notes=f"notes of {version}")
    return made


@pytest.fixture
def executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The executable that runs, as far as `update` can tell."""
    path = tmp_path / "bin" / "sternway"
    path.parent.mkdir()
    path.write_text(script(OWN))
    path.chmod(0o755)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setattr(sternway, "__version__", OWN)
    monkeypatch.setattr(origin, "ASKED", {})
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return path


@pytest.fixture
def follow(run_alone: Run, channel: Channel, executable: Path) -> Run:
    """Run a command of a person who follows the channel."""
    assert run_alone("channel", "trust", str(channel.directory), "--fingerprint", channel.fingerprint).code == 0
    return run_alone


Moved = Callable[..., Ended]


@pytest.fixture
def move(follow: Run, executable: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    """Run a command, and be the version from then on that it has put in place."""

    def move(*words: str) -> Ended:
        ended = follow(*words)
        monkeypatch.setattr(sternway, "__version__", runs(executable))
        return ended

    return move


def runs(executable: Path) -> str:
    return executable.read_text().split()[-1]


def test_update_takes_the_newest(follow: Run, executable: Path) -> None:
    ended = follow("update")
    assert (ended.code, ended.out) == (0, f"Moved {executable} from {OWN} to {NEW}\n")
    assert runs(executable) == NEW
    assert os.access(executable, os.X_OK)


def test_update_takes_an_older_one_that_is_named(follow: Run, executable: Path) -> None:
    assert follow("update", OLD).code == 0
    assert runs(executable) == OLD


def test_newest_that_runs_already_is_left_alone(move: Moved, executable: Path) -> None:
    move("update")
    assert move("update").out == f"This is version {NEW} already\n"


def test_one_that_is_newer_than_the_channel_stays(
    follow: Run, executable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sternway, "__version__", NEWEST)
    assert follow("update").out == f"This is version {NEWEST} already\n"


def test_link_is_kept_and_what_it_leads_to_is_replaced(
    follow: Run, executable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = executable.with_name("convox")
    link.symlink_to("sternway")
    monkeypatch.setattr(sys, "argv", [str(link)])
    follow("update")
    assert (link.is_symlink(), runs(executable)) == (True, NEW)


def test_rollback_goes_back_and_a_second_one_undoes_it(move: Moved, executable: Path, channel: Channel) -> None:
    move("update")
    channel.directory.rename(channel.directory.with_name("gone"))
    assert move("update", "--rollback").code == 0
    assert runs(executable) == OWN
    move("update", "--rollback")
    assert runs(executable) == NEW


def test_rollback_with_nothing_before_is_not_found(follow: Run) -> None:
    assert follow("update", "--rollback").code == 3


def test_rollback_of_a_swap_that_was_not_recorded_goes_back_too(
    move: Moved, executable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Executables, "moved", lambda *_, **__: None)
        move("update")
    (tmp_path / "home" / ".local/share/sternway/cli/moves.json").write_text(
        f'{{"running": "{OWN}", "before": "{OLD}"}}'
    )
    assert move("update", "--rollback").code == 0
    assert runs(executable) == OWN


def test_kept_executable_that_was_changed_is_refused(move: Moved, executable: Path, tmp_path: Path) -> None:
    move("update")
    kept = tmp_path / "home" / ".local/share/sternway/cli" / OWN / "sternway"
    kept.write_text(script("evil"))
    assert "not as it was recorded" in move("update", "--rollback").err
    assert runs(executable) == NEW


def test_kept_one_is_had_without_the_channel(move: Moved, executable: Path, channel: Channel) -> None:
    move("update")
    (channel.directory / "metadata").rename(channel.directory / "gone")
    ended = move("update", OWN)
    assert (ended.code, runs(executable)) == (0, OWN)
    assert "taken from what is kept" in ended.err


def test_three_earlier_ones_are_kept(move: Moved, channel: Channel, tmp_path: Path) -> None:
    for month in range(4, 9):
        channel.publish(f"20260{month}01000000")
        move("update")
    kept = [each.version for each in Executables(tmp_path / "home" / ".local/share/sternway/cli").list()]
    assert kept == [f"20260{month}01000000" for month in (8, 7, 6, 5)]


def test_yanked_one_needs_force_and_says_why(follow: Run, channel: Channel, executable: Path) -> None:
    channel.yank(OLD, "loses logs")
    ended = follow("update", OLD)
    assert (ended.code, ended.err.splitlines()[0]) == (1, f"ERROR: version {OLD} was yanked: loses logs")
    assert follow("update", OLD, "--force").code == 0
    assert runs(executable) == OLD


def test_yanked_one_is_not_the_newest(follow: Run, channel: Channel) -> None:
    channel.yank(NEW, "loses logs")
    assert follow("update").out == f"This is version {OWN} already\n"


def test_executable_that_says_another_version_is_not_taken(
    follow: Run, channel: Channel, executable: Path, tmp_path: Path
) -> None:
    channel.publish(NEWEST, says="something else")
    assert "says that it is something else" in follow("update").err
    assert runs(executable) == OWN
    assert not (tmp_path / "home" / ".local/share/sternway/cli" / NEWEST).exists()


def test_artifact_that_was_changed_is_refused(follow: Run, channel: Channel, executable: Path) -> None:
    artifact = Artifact(NEW, CLI, this_platform())
    with (channel.directory / artifact.path).open("ab") as file:
        file.write(b"more")
    assert follow("update").code == 1
    assert runs(executable) == OWN


def test_unknown_version_is_not_found(follow: Run) -> None:
    assert follow("update", "20990101000000").code == 3
    assert follow("update", "newest").code == 2


def test_without_a_channel_it_says_how_to_follow_one(run_alone: Run, executable: Path) -> None:
    ended = run_alone("update")
    assert (ended.code, "sternway channel trust ADDRESS" in ended.err) == (3, True)


def test_channel_can_be_named_at_the_first_update(run_alone: Run, channel: Channel, executable: Path) -> None:
    words = ("--channel", str(channel.directory), "--fingerprint", channel.fingerprint)
    assert run_alone("update", *words).code == 0
    assert run_alone("update", OLD).code == 0


def test_nobody_is_asked_where_nobody_types(run_alone: Run, channel: Channel, executable: Path) -> None:
    assert run_alone("update", "--channel", str(channel.directory)).code == 2
    assert run_alone("update", "--channel", str(channel.directory), "--fingerprint", "00").code == 1
    assert runs(executable) == OWN


def test_list_shows_what_runs_what_is_kept_and_what_was_yanked(move: Moved, channel: Channel) -> None:
    move("update")
    channel.yank(OLD, "loses logs")
    assert move("update", "--list").out.splitlines() == [
        "VERSION                  DATE              STATUS              NOTES",
        f"{NEW}  2026-03-01 00:00  running             notes of {NEW}",
        f"{OWN}           2026-02-01 00:00  kept                notes of {OWN}",
        f"{OLD}           2026-01-01 00:00  yanked: loses logs  notes of {OLD}",
    ]


def test_list_without_a_channel_shows_what_is_kept(run_alone: Run, executable: Path) -> None:
    ended = run_alone("update", "--list", "--json")
    assert (ended.code, f'"version": "{OWN}"' in ended.out) == (0, True)
    assert "Only what is kept is listed" in ended.err


@pytest.mark.parametrize("words", [("--rollback", OLD), ("--list", "--rollback"), ("--json",), ("--fingerprint", "00")])
def test_options_that_do_not_go_together_are_refused(follow: Run, words: tuple[str, ...]) -> None:
    assert follow("update", *words).code == 2


def test_update_of_another_is_not_disturbed(follow: Run, executable: Path, tmp_path: Path) -> None:
    with Executables(tmp_path / "home" / ".local/share/sternway/cli").alone():
        assert "another update is under way" in follow("update").err
    assert runs(executable) == OWN


def test_checkout_is_left_to_git(run_alone: Run) -> None:
    ended = run_alone("update")
    assert (ended.code, "update it with: git pull && make setup" in ended.err) == (1, True)


def test_copy_of_a_package_is_left_to_its_manager(
    follow: Run, executable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dpkg"
    program.write_text(f'#!/bin/sh\n[ "$2" = {executable} ] && echo "sternway: $2"\n')
    program.chmod(0o755)
    monkeypatch.setattr(origin, "ASKED", {"dpkg": ((str(program), "-S"), "apt install --only-upgrade {package}")})
    monkeypatch.setattr("shutil.which", lambda name: name)
    ended = follow("update")
    assert (ended.code, "apt install --only-upgrade sternway" in ended.err) == (1, True)
    assert runs(executable) == OWN


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs the tools of Debian")
def test_copy_of_a_real_package_is_known_by_its_manager(
    follow: Run, executable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package with the executable in it, installed with a database of its own."""
    tree, database = tmp_path / "tree", tmp_path / "dpkg"
    packed = tree / executable.relative_to("/")
    packed.parent.mkdir(parents=True)
    shutil.copy(executable, packed)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(CONTROL)
    database.mkdir()
    for name in ("status", "available"):
        (database / name).touch()
    for directory in ("info", "updates", "triggers"):
        (database / directory).mkdir()
    deb = tmp_path / "sternway.deb"
    done("dpkg-deb", "--root-owner-group", "--build", str(tree), str(deb))
    flags = ("--force-not-root", "--force-bad-path", "--log=/dev/null", "--no-triggers")
    done("dpkg", f"--admindir={database}", *flags, "--unpack", str(deb))
    monkeypatch.setenv("DPKG_ADMINDIR", str(database))
    monkeypatch.setattr(origin, "ASKED", ASKED)
    ended = follow("update")
    assert (ended.code, runs(executable)) == (1, OWN)
    assert f"{executable}, of the package sternway-cli, is looked after by another program" in ended.err
    assert "hint: update it with: apt install --only-upgrade sternway-cli" in ended.err


def done(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL)


def test_path_without_rights_gives_the_remedy(follow: Run, executable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    ended = follow("update")
    assert (ended.code, "cp" in ended.err, "~/.local/bin" in ended.err) == (1, True, True)
