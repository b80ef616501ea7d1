"""`sternwayd` as the launcher calls it: a trial on a copy, the way down to an older schema, and what comes back."""

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sternway.bootstrap import maintenance
from sternway.core.app import Made
from sternway.core.errors import Refused
from sternway.core.registry import Login
from sternway.home import Home
from sternway.router.caddy import layout
from sternway.secrets import KeyFile
from sternway.store import dialect, schema
from sternway.store.ledger import SqlStore

SECRET = "a-password-nobody-may-see"
MADE = Made(datetime(2026, 1, 1, tzinfo=UTC), "ann", "")
PROGRAM = Path(sys.executable).with_name("sternwayd")


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    """The data of a rack, with a row that schema 0001 cannot hold."""
    home = Home(tmp_path / "rack")
    home.store.parent.mkdir(parents=True)
    store = SqlStore(home.store, KeyFile(home.key))
    async with store.run(), store.write() as ledger:
        await ledger.logins.add(Login("registry.example", "ann", SECRET), MADE)
    return home


def sternwayd(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [PROGRAM, *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def revision(home: Home) -> str:
    with closing(sqlite3.connect(home.store)) as store:
        return str(store.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def logins(home: Home) -> int:
    with closing(sqlite3.connect(home.store)) as store:
        return int(store.execute("SELECT count(*) FROM registry_logins").fetchone()[0])


def test_a_trial_migrates_and_answers_on_the_copy_and_touches_nothing_else(home: Home):
    maintenance.downgrade(home, "0001", home.root / "out.json")
    (home.root / "out.json").unlink()
    done = sternwayd("--trial", "--data", home.root)
    assert done.returncode == 0, done.stderr
    assert revision(home) == schema.NEWEST
    left = {path.name for path in home.root.iterdir()}
    assert not left & {"engine", "docker", "router", "engine-kind", "api.sock", "rack-url", "rackd.json"}


def test_a_trial_of_a_copy_without_its_key_fails_in_words(home: Home):
    home.key.unlink()
    done = sternwayd("--trial", "--data", home.root)
    assert (done.returncode, "the key of the rack is missing" in done.stderr) == (1, True)


def test_a_trial_without_knowledge_of_the_router_fails_in_words(home: Home):
    home.router.mkdir()
    (home.router / layout.FILE).write_text(json.dumps({"layout": 8, "readable_from": layout.NUMBER + 1}))
    done = sternwayd("--trial", "--data", home.root)
    assert (done.returncode, "the router was left with layout 8" in done.stderr) == (1, True)


def test_who_holds_the_address_of_the_api_is_said(home: Home):
    with socket.create_server(("127.0.0.1", 0)) as front:
        address = f"127.0.0.1:{front.getsockname()[1]}"
        for recorded, hint in (("", "choose another port"), (f"{address}\n", "its launcher starts it")):
            home.api_address.write_text(recorded)
            done = sternwayd("--listen", address, "--data", home.root)
            assert (done.returncode, hint in done.stderr) == (1, True), done.stderr


def test_a_trial_of_a_damaged_copy_fails_in_words(home: Home):
    home.store.write_bytes(b"no database" * 1000)
    done = sternwayd("--trial", "--data", home.root)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.startswith("sternwayd: ")


def test_rows_in_the_way_are_named_without_their_values_and_stay(home: Home):
    done = sternwayd("--downgrade-to", "0001", "--data", home.root)
    assert done.returncode == 1
    assert "1 of registry_logins" in done.stderr
    assert "--accept-export" in done.stderr
    assert SECRET not in done.stderr
    assert (revision(home), logins(home)) == (schema.NEWEST, 1)


def test_rows_in_the_way_are_exported_for_their_owner_only(home: Home):
    export = home.root / "exports" / "u1.json"
    done = sternwayd("--downgrade-to", "0001", "--data", home.root, "--export", export)
    assert done.returncode == 0, done.stderr
    [row] = json.loads(export.read_text())["registry_logins"]
    assert row["username"] == "ann"
    assert SECRET not in export.read_text()
    assert export.stat().st_mode & 0o777 == 0o600
    assert revision(home) == "0001"


def test_a_way_down_that_is_gone_again_keeps_what_was_exported_first(home: Home):
    """The launcher goes it again after a crash."""
    export = home.root / "exports" / "u1.json"
    maintenance.downgrade(home, "0001", export)
    exported = export.read_text()
    maintenance.downgrade(home, "0001", export)
    assert (export.read_text(), revision(home)) == (exported, "0001")


def test_without_rows_in_the_way_nothing_is_exported(home: Home):
    shutil.rmtree(home.store.parent)
    home.store.parent.mkdir()
    schema.upgrade(dialect.url_of(home.store))
    maintenance.downgrade(home, "0001", home.root / "exports" / "u1.json")
    assert (revision(home), (home.root / "exports").exists()) == ("0001", False)


def test_an_export_that_cannot_be_written_leaves_the_rows(home: Home):
    (home.root / "exports").write_text("in the way")
    with pytest.raises(FileExistsError):
        maintenance.downgrade(home, "0001", home.root / "exports" / "u1.json")
    assert (revision(home), logins(home)) == (schema.NEWEST, 1)


def test_rows_are_refused_without_a_place_for_them(home: Home):
    with pytest.raises(Refused, match="1 of registry_logins"):
        maintenance.downgrade(home, "0001", None)
