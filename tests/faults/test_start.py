"""Starting a rack where it cannot start: it says why in words, ends with 1, and leaves everything as it was."""

import os
import socket
import subprocess

import pytest

from scripts.faults import census
from scripts.rack_process import BIN
from sternway.core.errors import Refused
from sternway.home import Home
from sternway.secrets import KeyFile

PATIENCE_S = 30


def start(data, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `sternwayd` where it is expected to end by itself."""
    command = [BIN / "sternwayd", "--data", data, "--listen", "127.0.0.1:0", "--router-listen", "127.0.0.1:0", *options]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("sternwayd: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def data(tmp_path):
    """A data directory as an earlier rack left it: a database and its key."""
    for name, content in (("store/rack.db", b""), ("keys/rack.key", b"")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_missing_key_is_not_replaced_by_a_new_one(data):
    (data / "keys" / "rack.key").unlink()
    assert_refused(start(data), "the key of the rack is missing", "backup")
    assert not (data / "keys" / "rack.key").exists()


def test_a_damaged_key_is_refused(data):
    (data / "keys" / "rack.key").write_text("not a key\n")
    (data / "keys" / "rack.key").chmod(0o600)
    assert_refused(start(data), "does not hold a key")


def test_a_damaged_database_is_refused_and_left_alone(tmp_path):
    (tmp_path / "store").mkdir()
    database = tmp_path / "store" / "rack.db"
    database.write_bytes(b"this is no database" * 1000)
    before = database.read_bytes()
    (tmp_path / "keys").mkdir(mode=0o700)
    KeyFile(tmp_path / "keys" / "rack.key")
    assert_refused(start(tmp_path), "database")
    assert database.read_bytes() == before


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert_refused(start(tmp_path / "file" / "rack"), str(tmp_path / "file" / "rack"))


@pytest.fixture
def read_only(tmp_path):
    """A directory that not even root can write to."""
    tmp_path.chmod(0o500)
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(tmp_path)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    if os.geteuid() == 0 and not is_mounted:
        pytest.skip("root may write everywhere, and no file system can be mounted here")
    yield tmp_path
    if is_mounted:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_data_directory_that_cannot_be_written_is_refused(read_only):
    assert_refused(start(read_only), str(read_only))


def test_a_corrupted_rack_url_is_refused_and_left_alone(tmp_path):
    (tmp_path / "rack-url").write_bytes(b"http://[")
    assert_refused(start(tmp_path), "rack-url", "holds no password")
    assert (tmp_path / "rack-url").read_bytes() == b"http://["


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"http://rack:secr"], ids=["empty", "binary", "cut off"])
def test_only_a_rack_url_that_is_not_there_gives_a_new_password(tmp_path, content):
    (tmp_path / "rack-url").write_bytes(content)
    with pytest.raises(Refused, match="holds no password"):
        Home(tmp_path).password()
    (tmp_path / "rack-url").unlink()
    assert Home(tmp_path).password()[1]


def test_a_corrupted_router_address_is_refused(tmp_path):
    (tmp_path / "router-address").write_bytes(b"\xff\xfe")
    assert_refused(start(tmp_path), "router-address")


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(start(tmp_path, "--listen", f"127.0.0.1:{port}"), str(port))


def test_a_port_in_use_by_somebody_else_than_the_router_is_named_and_nothing_is_left_running(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(start(tmp_path, "--router-listen", f"127.0.0.1:{port}"), str(port))
    assert census.working_in(tmp_path) == []
