"""The data directory: one rack at a time, private files, and a key that must not be lost."""

import json
import os
import stat

import pytest

from sternway import files
from sternway.core.errors import Refused
from sternway.home import Home


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "data")


def test_only_one_rack_holds_a_directory(home):
    with home.held(), pytest.raises(Refused, match="already runs"), home.held():
        pass
    with home.held():
        pass


def test_it_says_which_process_holds_it_and_forgets_it_after(home):
    with home.held():
        assert json.loads(home.process.read_text())["pid"] == os.getpid()
    assert not home.process.exists()


def test_a_password_is_made_once_and_then_read(home):
    home.root.mkdir()
    password, is_new = home.password()
    assert is_new
    files.replace(home.rack_url, f"http://rack:{password}@127.0.0.1:5443\n".encode(), is_durable=True)
    assert home.password() == (password, False)
    assert stat.S_IMODE(home.rack_url.stat().st_mode) == 0o600


def test_a_database_without_its_key_is_refused(home):
    home.check_key()
    home.store.parent.mkdir(parents=True)
    home.store.touch()
    with pytest.raises(Refused, match=r"key of the rack is missing"):
        home.check_key()
    home.key.parent.mkdir()
    home.key.touch()
    home.check_key()
