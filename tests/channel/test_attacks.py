"""What somebody may try who can change what a client reads, after the list of attacks of the TUF specification."""

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sternway.channel import download, publish
from sternway.channel.follow import Follower, fetch_root
from sternway.channel.keys import Keys
from sternway.core.errors import ChannelRefused, ChannelUnavailable
from tests.channel.rig import FIRST, SECOND, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a channel that its client has followed once."""
    rig = Rig(tmp_path)
    rig.publish(FIRST, b"the program")
    assert rig.versions() == [FIRST]
    return rig


def fetched(rig: Rig) -> bytes:
    artifact = rig.follower().artifacts()[0]
    rig.follower().fetch(artifact, rig.directory / "got")
    return (rig.directory / "got").read_bytes()


# --- arbitrary software ---


@pytest.mark.parametrize("content", [b"THE PROGRAM", b"the prog", b"", b"the program and more"])
def test_an_artifact_that_was_changed_or_cut_off_is_refused_and_leaves_no_file(rig: Rig, content: bytes):
    (rig.served / rig.follower().artifacts()[0].path).write_bytes(content)
    with pytest.raises(ChannelRefused, match="not the one that was signed"):
        fetched(rig)
    assert not list(rig.directory.glob("*got*"))


def test_a_list_that_was_changed_is_refused(rig: Rig):
    rig.publish(SECOND)
    rig.edit(rig.newest("targets"), lambda md: md["signed"]["targets"].popitem())
    with pytest.raises(ChannelRefused, match="signed"):
        rig.versions()


@pytest.mark.parametrize("role", ["targets", "snapshot"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"signed": {}, "signatures": []}'])
def test_a_list_that_is_none_is_refused(rig: Rig, role: str, content: bytes):
    rig.publish(SECOND)
    rig.newest(role).write_bytes(content)
    with pytest.raises(ChannelRefused):
        rig.versions()


def test_a_timestamp_that_is_cut_off_is_refused(rig: Rig):
    rig.publish(SECOND)
    whole = rig.metadata("timestamp.json").read_bytes()
    rig.metadata("timestamp.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChannelRefused, match="not in order"):
        rig.versions()


def test_a_list_signed_by_other_keys_is_refused(rig: Rig, tmp_path: Path):
    other = Rig(tmp_path / "other")
    other.publish(FIRST, b"evil")
    other.publish(SECOND, b"evil")
    rig.served = other.served
    with pytest.raises(ChannelRefused):
        rig.versions()


def test_a_stranger_who_leaves_the_root_and_signs_the_rest_is_refused(rig: Rig, tmp_path: Path):
    stranger = Keys(tmp_path / "strangers")
    stranger.make("timestamp")
    rig.publish(SECOND)
    channel = rig.channel()
    forged = channel.open("timestamp")
    forged.signed.version += 1
    channel.write("timestamp", forged, stranger.signers("timestamp"))
    with pytest.raises(ChannelRefused, match="not signed by enough"):
        rig.versions()


# --- rollback ---


def test_an_older_list_than_was_seen_is_refused(rig: Rig):
    old = rig.keep("old")
    rig.publish(SECOND)
    assert rig.versions() == [SECOND, FIRST]
    rig.served = old
    with pytest.raises(ChannelRefused, match="older list than was seen"):
        rig.versions()


def test_an_older_list_is_refused_also_by_a_client_that_starts_anew(rig: Rig):
    """What was seen lies on disk beside the root, outside all versions."""
    old = rig.keep("old")
    publish.yank(rig.channel(), FIRST, "broken")
    assert rig.follower().artifacts()[0].yanked == "broken"
    rig.served = old
    with pytest.raises(ChannelRefused):
        Follower(str(old), rig.directory / "trusted").artifacts()


# --- freeze ---


def test_an_expired_timestamp_is_refused(rig: Rig):
    rig.later(by=timedelta(days=31))
    rig.publish(SECOND)
    with pytest.raises(ChannelRefused, match="expired") as refused:
        rig.versions()
    assert "renew" in refused.value.hint


def test_a_renewed_list_is_believed_again(rig: Rig):
    rig.later(by=timedelta(days=31))
    rig.publish(SECOND)
    rig.later(by=timedelta(0))
    publish.renew(rig.channel())
    assert rig.versions() == [SECOND, FIRST]


def test_everything_expired_is_refused_though_it_was_believed_once(rig: Rig):
    rig.later(by=timedelta(days=400))
    publish.renew(rig.channel())
    with pytest.raises(ChannelRefused, match="expired"):
        rig.versions()


# --- mix and match ---


def test_lists_of_different_times_are_refused_together(rig: Rig):
    old_targets = rig.newest("targets").read_bytes()
    rig.publish(SECOND)
    rig.newest("targets").write_bytes(old_targets)
    with pytest.raises(ChannelRefused):
        rig.versions()


def test_a_new_timestamp_with_an_old_snapshot_is_refused(rig: Rig):
    old_snapshot = rig.newest("snapshot").read_bytes()
    rig.publish(SECOND)
    rig.newest("snapshot").write_bytes(old_snapshot)
    with pytest.raises(ChannelRefused):
        rig.versions()


# --- wrong software ---


def test_the_artifact_of_one_version_cannot_stand_for_another(rig: Rig):
    rig.publish(SECOND, b"another one")
    new, old = rig.follower().artifacts()
    (rig.served / new.path).write_bytes((rig.served / old.path).read_bytes())
    with pytest.raises(ChannelRefused, match="not the one that was signed"):
        fetched(rig)


# --- fast forward ---


def test_after_a_thief_ran_the_numbers_up_new_keys_let_clients_go_on(rig: Rig):
    """The specification's way out: a list whose keys were changed may begin at a lower number."""
    channel = rig.channel()
    stolen = channel.open("timestamp")
    stolen.signed.version = 2**31
    channel.write("timestamp", stolen, rig.keys.signers("timestamp"))
    assert rig.versions() == [FIRST]
    publish.change_key(channel, "timestamp")
    afresh = channel.open("timestamp")
    afresh.signed.version = 1
    channel.write("timestamp", afresh, rig.keys.signers("timestamp"))
    assert rig.versions() == [FIRST]
    believed = json.loads((rig.directory / "trusted" / "timestamp.json").read_bytes())
    assert believed["signed"]["version"] == 1


# --- key compromise ---


def test_a_key_that_was_replaced_is_worth_nothing(rig: Rig):
    thief = Keys(rig.directory / "stolen")
    (rig.directory / "stolen").mkdir()
    for path in (rig.directory / "keys").glob("timestamp-*"):
        (rig.directory / "stolen" / path.name).write_bytes(path.read_bytes())
        (rig.directory / "stolen" / path.name).chmod(0o600)
    publish.change_key(rig.channel(), "timestamp")
    assert rig.versions() == [FIRST]
    channel = rig.channel()
    forged = channel.open("timestamp")
    forged.signed.version += 1
    channel.write("timestamp", forged, thief.signers("timestamp"))
    with pytest.raises(ChannelRefused, match="not signed by enough"):
        rig.versions()


def test_a_root_that_the_old_root_did_not_sign_is_refused(rig: Rig, tmp_path: Path):
    other = Rig(tmp_path / "other")
    publish.change_key(other.channel(), "root")
    (rig.served / "metadata" / "2.root.json").write_bytes((other.served / "metadata" / "2.root.json").read_bytes())
    with pytest.raises(ChannelRefused):
        rig.versions()


# --- endless data, slow retrieval, and a mirror that gives nothing ---


class _Dripping(http.server.BaseHTTPRequestHandler):
    endless = b"x" * 65536

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(self.endless)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endless() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Dripping) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_a_server_that_never_stops_sending_is_cut_off(rig: Rig, endless: str):
    with pytest.raises(ChannelRefused, match="not the one that was signed"):
        Follower(endless, rig.directory / "trusted").artifacts()


def test_a_server_that_sends_too_slowly_is_given_up(rig: Rig, endless: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "SLOWEST_BYTES_S", 10**15)
    moments = iter(range(0, 10**6, 60))
    monkeypatch.setattr(download, "monotonic", lambda: float(next(moments)))
    with pytest.raises(ChannelUnavailable, match="too slowly"):
        Follower(endless, rig.directory / "trusted").artifacts()


@pytest.mark.parametrize("role", ["targets", "snapshot"])
def test_a_mirror_that_holds_a_list_back_is_told_from_one_that_has_no_news(rig: Rig, role: str):
    rig.publish(SECOND)
    rig.newest(role).unlink()
    with pytest.raises(ChannelUnavailable, match="lacks a file"):
        rig.versions()


def test_a_mirror_that_holds_an_artifact_back_leaves_no_file(rig: Rig):
    (rig.served / rig.follower().artifacts()[0].path).unlink()
    with pytest.raises(ChannelUnavailable, match="lacks a file"):
        fetched(rig)
    assert not list(rig.directory.glob("*got*"))


def test_another_root_is_not_taken_for_the_pinned_one(rig: Rig, tmp_path: Path):
    other = Rig(tmp_path / "other")
    assert publish.fingerprint(fetch_root(str(other.served))) != publish.fingerprint(fetch_root(str(rig.served)))
