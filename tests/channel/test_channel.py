"""Publishing and following a channel, where nobody is up to anything."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sternway.channel import publish
from sternway.channel.artifact import newest, this_platform
from sternway.channel.follow import Follower, fetch_root
from sternway.channel.keys import Keys
from sternway.core.errors import ChannelRefused, ChannelUnavailable, Conflict, InvalidInput, NotFound, Refused
from tests.channel.rig import FIRST, SECOND, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
def address(rig: Rig) -> Iterator[str]:
    """Serve the channel by a plain file server."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(rig.served))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_an_empty_channel_lists_nothing(rig: Rig):
    assert rig.versions() == []


def test_versions_are_listed_newest_first_with_what_was_said_of_them(rig: Rig):
    rig.publish(FIRST)
    rig.publish(SECOND, notes="better", about={"schema": "0002"})
    listed = rig.follower().artifacts()
    assert [artifact.version for artifact in listed] == [SECOND, FIRST]
    assert (listed[0].notes, listed[0].about) == ("better", {"schema": "0002"})


def test_an_artifact_arrives_as_it_was_published(rig: Rig, tmp_path: Path):
    rig.publish(FIRST, b"the program")
    (artifact,) = rig.follower().artifacts()
    rig.follower().fetch(artifact, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"the program"


def test_any_file_server_can_serve_a_channel(rig: Rig, address: str, tmp_path: Path):
    rig.publish(FIRST, b"over http")
    follower = Follower(address, tmp_path / "other", root=fetch_root(address))
    (artifact,) = follower.artifacts()
    follower.fetch(artifact, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"over http"


def test_an_older_version_that_a_person_asks_for_can_be_had(rig: Rig, tmp_path: Path):
    old = rig.publish(FIRST, b"old")
    rig.publish(SECOND, b"new")
    rig.follower().fetch(old, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"old"


def test_a_version_never_changes(rig: Rig):
    rig.publish(FIRST, b"one")
    with pytest.raises(Conflict, match="another content"):
        rig.publish(FIRST, b"two")
    assert rig.versions() == [FIRST]


def test_publishing_the_same_again_changes_nothing(rig: Rig):
    rig.publish(FIRST)
    rig.publish(FIRST)
    assert rig.versions() == [FIRST]


def test_a_yanked_version_says_why_and_is_not_the_newest(rig: Rig):
    rig.publish(FIRST)
    rig.publish(SECOND)
    publish.yank(rig.channel(), SECOND, "loses logs")
    listed = rig.follower().artifacts()
    assert listed[0].yanked == "loses logs"
    found = newest(listed)
    assert found
    assert found.version == FIRST


def test_a_yank_can_be_taken_back(rig: Rig):
    rig.publish(FIRST)
    publish.yank(rig.channel(), FIRST, "by mistake")
    publish.yank(rig.channel(), FIRST, "")
    assert rig.follower().artifacts()[0].yanked == ""


def test_yanking_what_is_not_there_is_not_found(rig: Rig):
    with pytest.raises(NotFound, match=FIRST):
        publish.yank(rig.channel(), FIRST, "why")


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_clients_follow_new_keys_by_themselves(rig: Rig, role: str):
    rig.publish(FIRST)
    assert rig.versions() == [FIRST]
    publish.change_key(rig.channel(), role)
    rig.publish(SECOND)
    assert rig.versions() == [SECOND, FIRST]


def test_a_client_that_slept_through_several_roots_follows_them_all(rig: Rig):
    rig.publish(FIRST)
    assert rig.versions() == [FIRST]
    for role in ("root", "timestamp", "root", "targets"):
        publish.change_key(rig.channel(), role)
    assert rig.versions() == [FIRST]


def test_a_root_of_several_keys_needs_as_many_as_it_says(tmp_path: Path):
    rig = Rig(tmp_path / "one")
    channel = rig.channel()
    channel.directory = tmp_path / "three"
    channel.keys = Keys(tmp_path / "three-keys")
    publish.init(channel, publish.Thresholds(keys=3, needed=2))
    for path in sorted((tmp_path / "three-keys").glob("root-*"))[:2]:
        path.unlink()
    with pytest.raises(Refused, match="2 of its 3 keys have to sign, and 1 are here"):
        publish.change_key(channel, "timestamp")


def test_publishing_needs_no_root_key(rig: Rig, tmp_path: Path):
    for path in (tmp_path / "keys").glob("root-*"):
        path.rename(tmp_path / path.name)
    rig.publish(FIRST)
    assert rig.versions() == [FIRST]


def test_renewing_needs_only_the_keys_that_may_lie_where_it_is_done(rig: Rig, tmp_path: Path):
    rig.publish(FIRST)
    for path in [*(tmp_path / "keys").glob("root-*"), *(tmp_path / "keys").glob("targets-*")]:
        path.rename(tmp_path / path.name)
    publish.renew(rig.channel())
    assert rig.versions() == [FIRST]


def test_a_key_that_others_may_read_is_refused(rig: Rig, tmp_path: Path):
    for path in (tmp_path / "keys").glob("targets-*"):
        path.chmod(0o644)
    with pytest.raises(Refused, match="others may read this key"):
        rig.publish(FIRST)


def test_keys_are_for_their_owner_only_and_never_in_the_channel(rig: Rig, tmp_path: Path):
    keys = list((tmp_path / "keys").iterdir())
    assert len(keys) == 4
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert not [path for path in rig.served.rglob("*") if path.suffix == ".pem"]


def test_a_channel_is_made_once(rig: Rig):
    with pytest.raises(Conflict, match="a channel is there already"):
        publish.init(rig.channel())


def test_without_a_pinned_root_nothing_is_believed(rig: Rig, tmp_path: Path):
    with pytest.raises(ChannelRefused, match="no root is pinned"):
        Follower(str(rig.served), tmp_path / "new").artifacts()


def test_an_address_that_is_none_says_so(tmp_path: Path):
    with pytest.raises(InvalidInput, match="no directory and no http address"):
        Follower(str(tmp_path / "nowhere"), tmp_path / "trusted")


def test_a_server_that_does_not_answer_is_unavailable(rig: Rig, tmp_path: Path):
    root = fetch_root(str(rig.served))
    with pytest.raises(ChannelUnavailable, match="does not answer"):
        Follower("http://127.0.0.1:1", tmp_path / "new", root=root).artifacts()


def test_the_page_for_people_has_every_version_with_its_files(rig: Rig):
    rig.publish(FIRST, b"x", notes="first <b>")
    publish.yank(rig.channel(), FIRST, "why & how")
    page = (rig.served / "index.html").read_text()
    artifact = rig.follower().artifacts()[0]
    assert f'href="{artifact.path}"' in page
    assert artifact.sha256 in page
    assert "first &lt;b&gt;" in page
    assert "why &amp; how" in page
    assert (rig.served / artifact.path).exists()


def test_this_platform_has_a_name():
    assert this_platform().startswith("linux-")
