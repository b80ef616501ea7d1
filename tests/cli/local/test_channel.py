"""`channel`: a channel is made, filled and looked into by its owner."""

import json
from pathlib import Path

import pytest

from sternway.channel.follow import Follower, fetch_root
from sternway.cli.local import trust
from tests.cli.conftest import Ended, Run

VERSION, LATER = "20260101000000", "20260201000000-labelled"


class Owner:
    """Somebody with a channel, keys and the files of versions."""

    def __init__(self, run: Run, directory: Path) -> None:
        self._run = run
        self.directory, self.keys, self._files = directory / "channel", directory / "keys", directory / "dist"
        self._files.mkdir()

    def run(self, command: str, *words: str, has_keys: bool = True) -> Ended:
        keys = ("--keys", str(self.keys)) if has_keys else ()
        return self._run("channel", command, str(self.directory), *words, *keys)

    def file(self, name: str, content: str = "program") -> str:
        path = self._files / name
        path.write_text(content)
        return str(path)

    def publish(self, version: str = VERSION, **options: str) -> Ended:
        told = [word for name, value in options.items() for word in (f"--{name}", value)]
        return self.run("publish", self.file("sternway-cli-linux-x86_64.zip", version), "--version", version, *told)

    def listed(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.run("list", "--json", has_keys=False).out)
        return found


@pytest.fixture
def owner(run_alone: Run, tmp_path: Path) -> Owner:
    made = Owner(run_alone, tmp_path)
    assert made.run("init").code == 0
    return made


def test_init_prints_the_fingerprint_of_the_root(owner: Owner) -> None:
    fingerprint = owner.run("fingerprint", has_keys=False).out
    assert len(fingerprint.strip()) == 64
    assert not list(owner.directory.rglob("*.pem"))


def test_second_init_changes_nothing(owner: Owner) -> None:
    before = owner.run("fingerprint", has_keys=False).out
    assert owner.run("init").code == 4
    assert owner.run("fingerprint", has_keys=False).out == before


def test_threshold_above_the_number_of_keys_is_refused(run_alone: Run, tmp_path: Path) -> None:
    words = ("--keys", str(tmp_path / "keys"), "--root-keys", "2", "--root-threshold", "3")
    assert run_alone("channel", "init", str(tmp_path / "channel"), *words).code == 2


def test_published_version_is_listed_with_its_notes(owner: Owner) -> None:
    ended = owner.publish(notes="faster logs")
    assert ended.out == f"versions/{VERSION}/sternway-cli-linux-x86_64.zip\n"
    header, row = owner.run("list", has_keys=False).out.splitlines()
    assert header.split() == ["VERSION", "PROGRAM", "PLATFORM", "SIZE", "NOTES"]
    assert row.split(maxsplit=5) == [VERSION, "cli", "linux-x86_64", "0.0", "MB", "faster logs"]


def test_what_lies_beside_an_artifact_is_told_of_it(owner: Owner) -> None:
    owner.file("sternway-cli-linux-x86_64.zip.about.json", '{"schema": "0007"}')
    owner.publish()
    assert owner.listed()[0]["about"] == {"schema": "0007"}


def test_published_version_never_changes(owner: Owner) -> None:
    owner.publish()
    other = owner.file("sternway-cli-linux-x86_64.zip", "another")
    assert owner.run("publish", other, "--version", VERSION).code == 4


@pytest.mark.parametrize("name", ["sternway.zip", "sternway-cli-linux.tar", "rack-linux-x86_64.tar.gz"])
def test_file_that_is_not_named_as_an_artifact_is_refused(owner: Owner, name: str) -> None:
    assert owner.run("publish", owner.file(name), "--version", VERSION).code == 2


def test_file_that_is_not_there_is_not_found(owner: Owner) -> None:
    assert owner.run("publish", "sternway-cli-linux-x86_64.zip", "--version", VERSION).code == 3


def test_version_that_is_none_is_refused(owner: Owner) -> None:
    assert owner.publish("newest").code == 2


def test_yanked_version_says_why_until_the_mark_is_taken_away(owner: Owner) -> None:
    owner.publish()
    owner.run("yank", VERSION, "--reason", "loses logs")
    assert "yanked: loses logs" in owner.run("list", has_keys=False).out
    owner.run("unyank", VERSION)
    assert owner.listed()[0]["yanked"] == ""


def test_yank_needs_a_reason_and_a_version(owner: Owner) -> None:
    owner.publish()
    assert owner.run("yank", VERSION, "--reason", " ").code == 2
    assert owner.run("yank", LATER, "--reason", "loses logs").code == 3


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_clients_follow_a_change_of_keys(owner: Owner, tmp_path: Path, role: str) -> None:
    owner.publish()
    address = str(owner.directory)
    client = Follower(address, tmp_path / "trusted", root=fetch_root(address))
    client.artifacts()
    assert owner.run("rotate", role).code == 0
    assert [artifact.version for artifact in client.artifacts()] == [VERSION]


def test_renewed_channel_is_signed_again(owner: Owner) -> None:
    timestamp = owner.directory / "metadata" / "timestamp.json"
    before = json.loads(timestamp.read_bytes())["signed"]["version"]
    assert owner.run("renew").code == 0
    assert json.loads(timestamp.read_bytes())["signed"]["version"] == before + 1


def test_without_its_keys_nothing_is_signed(owner: Owner, run_alone: Run, tmp_path: Path) -> None:
    ended = run_alone("channel", "renew", str(owner.directory), "--keys", str(tmp_path / "empty"))
    assert (ended.code, "have to sign" in ended.err) == (1, True)


def test_directory_without_a_channel_is_not_found(run_alone: Run, tmp_path: Path) -> None:
    assert run_alone("channel", "list", str(tmp_path)).code == 3


def test_command_line_trusts_a_channel_of_its_own(owner: Owner, run_alone: Run, tmp_path: Path) -> None:
    fingerprint = owner.run("fingerprint", has_keys=False).out.strip()
    owner.publish()
    ended = run_alone("channel", "trust", str(owner.directory), "--fingerprint", fingerprint)
    assert ended.out == f"{fingerprint}\n"
    followed = trust.followed(tmp_path / "config" / "sternway")
    assert followed
    assert [artifact.version for artifact in followed.artifacts()] == [VERSION]


def test_relative_address_is_kept_as_one_that_is_good_anywhere(
    owner: Owner, run_alone: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = owner.run("fingerprint", has_keys=False).out.strip()
    monkeypatch.chdir(owner.directory.parent)
    run_alone("channel", "trust", "channel", "--fingerprint", fingerprint)
    found = trust.kept(tmp_path / "config" / "sternway")
    assert found
    assert found[0] == str(owner.directory)
