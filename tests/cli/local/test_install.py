"""`rack install` and `rack uninstall` with a scripted version of the rack and the real launcher."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sternway.channel import publish
from sternway.channel.artifact import RACK, Artifact, this_platform
from sternway.channel.installed import ABOUT, PACKAGES
from sternway.channel.keys import Keys
from sternway.channel.repository import SignedFiles
from sternway.cli.local import install, service
from sternway.cli.local.service import Scope, Service
from sternway.launcher.files import Files
from sternway.launcher.rack import Racks
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("scripted_rack.py")
OLD, NEW, BROKEN = "20260101000000", "20260201000000", "20260301000000-broken"


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("channel")
    made = SignedFiles(directory / "channel", Keys(directory / "keys"), datetime.now(UTC))
    publish.init(made)
    for version in (OLD, NEW, BROKEN):
        file = artifact(directory / version, version)
        publish.publish(made, {file: Artifact(version, RACK, this_platform())})
    publish.yank(made, BROKEN, "it does not start")
    return made.directory


def artifact(directory: Path, version: str) -> Path:
    """Make an artifact of a version that is a script, with the launcher as it is."""
    program = directory / "bin" / "sternwayd"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM.read_text().replace("#!/usr/bin/env python3", f"#!{sys.executable} -IS"))
    program.chmod(0o755)
    behaviour = "broken" if version == BROKEN else "healthy"
    (directory / ABOUT).write_text(json.dumps({"version": version, "behaviour": behaviour}))
    shutil.copytree(ROOT / "src/sternway/launcher", directory / PACKAGES / "sternway/launcher")
    file = directory.with_name(f"{version}.tar.gz")
    with tarfile.open(file, "w:gz") as tar:
        tar.add(directory, ".")
    return file


@pytest.fixture
def words(channel: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The channel, on a machine without systemd."""
    monkeypatch.setattr(service, "SYSTEMD", tmp_path / "absent")
    root = (channel / "metadata" / "1.root.json").read_bytes()
    return ["--channel", str(channel), "--fingerprint", publish.fingerprint(root)]


@pytest.fixture
def data(tmp_path: Path, run_alone: Run) -> Iterator[Path]:
    directory = tmp_path / "a rack"
    yield directory
    if (directory / "launcher" / "service.json").exists():
        run_alone("rack", "uninstall", str(directory), "--force")


def serving(data: Path) -> str:
    return Racks(Files(data), ()).ask()


def test_install_starts_the_newest_that_was_not_yanked(run_alone: Run, data: Path, words: list[str]) -> None:
    ended = run_alone("rack", "install", str(data), *words)
    assert (ended.code, serving(data)) == (0, NEW), ended.err
    assert f"RACK_URL, with the password, is in {data}/rack-url\n" in ended.out
    assert "@reboot" in ended.err


def test_install_pins_the_root_and_tells_the_rack_its_channel(
    run_alone: Run, data: Path, words: list[str], channel: Path
) -> None:
    run_alone("rack", "install", str(data), *words, "--version", OLD)
    pinned = (data / "channel" / "root.json").read_bytes()
    assert pinned == (channel / "metadata" / "1.root.json").read_bytes()
    assert "channel" in (data / "put").read_text()
    assert json.loads((data / "launcher" / "state.json").read_bytes())["active"] == OLD


def test_what_the_rack_is_to_know_is_passed_on(run_alone: Run, data: Path, words: list[str]) -> None:
    options = ["--name", "production", "--engine", "process", "--listen", "127.0.0.1:0"]
    run_alone("rack", "install", str(data), *words, *options)
    passed = json.loads((data / "words").read_bytes())
    assert [passed[passed.index(word) + 1] for word in options[::2]] == options[1::2]
    assert passed[-1] == "--launched"


def test_channel_that_the_command_line_follows_needs_no_naming(run_alone: Run, data: Path, words: list[str]) -> None:
    assert run_alone("rack", "install", str(data)).code == 2
    run_alone("channel", "trust", words[1], *words[2:])
    assert run_alone("rack", "install", str(data)).code == 0


def test_launcher_is_one_file_outside_of_all_versions(run_alone: Run, data: Path, words: list[str]) -> None:
    run_alone("rack", "install", str(data), *words)
    found = (data / "launcher" / "launcher.pyz").read_bytes()
    shutil.rmtree(data / "versions" / NEW / "lib")
    assert found.startswith(b"PK")
    assert serving(data) == NEW


@pytest.mark.parametrize("option", [(), ("--adopt",)])
def test_installed_rack_is_never_overwritten(
    run_alone: Run, data: Path, words: list[str], option: tuple[str, ...]
) -> None:
    run_alone("rack", "install", str(data), *words, "--version", OLD)
    assert run_alone("rack", "install", str(data), *words, *option).code == 4
    assert serving(data) == OLD


def test_directory_with_something_else_is_left_alone(run_alone: Run, data: Path, words: list[str]) -> None:
    data.mkdir()
    (data / "mine").touch()
    assert run_alone("rack", "install", str(data), *words).code == 4
    assert [path.name for path in data.iterdir()] == ["mine"]


def test_failure_leaves_nothing(run_alone: Run, data: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "START_S", 1.0)
    ended = run_alone("rack", "install", str(data), *words, "--version", BROKEN, "--force")
    assert (ended.code, data.exists()) == (1, False)
    assert "the rack did not start within 1 s" in ended.err


def test_wrong_fingerprint_leaves_nothing(run_alone: Run, data: Path, words: list[str]) -> None:
    assert run_alone("rack", "install", str(data), *words[:3], "00").code == 1
    assert not data.exists()


def test_yanked_version_says_why(run_alone: Run, data: Path, words: list[str]) -> None:
    ended = run_alone("rack", "install", str(data), *words, "--version", BROKEN)
    assert (ended.code, "was yanked: it does not start" in ended.err, data.exists()) == (1, True, False)


def test_machine_without_python_is_told_what_it_lacks(
    run_alone: Run, data: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    ended = run_alone("rack", "install", str(data), *words)
    assert (ended.code, "apt install python3.11" in ended.err, data.exists()) == (1, True, False)


def test_data_of_a_stopped_rack_can_be_taken_over(run_alone: Run, data: Path, words: list[str]) -> None:
    (data / "store").mkdir(parents=True)
    (data / "store" / "rack.db").write_text("rows")
    assert run_alone("rack", "install", str(data), *words).code == 4
    assert run_alone("rack", "install", str(data), *words, "--adopt").code == 0
    assert (data / "store" / "rack.db").read_text() == "rows"


def test_failed_take_over_leaves_the_data(
    run_alone: Run, data: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "START_S", 0.5)
    (data / "store").mkdir(parents=True)
    (data / "store" / "rack.db").write_text("rows")
    run_alone("rack", "install", str(data), *words, "--adopt", "--version", BROKEN, "--force")
    assert [str(path.relative_to(data)) for path in sorted(data.rglob("*"))] == ["store", "store/rack.db"]
    assert not data.with_name("dismantled").exists()


def test_uninstall_takes_everything_down_and_away(run_alone: Run, data: Path, words: list[str]) -> None:
    run_alone("rack", "install", str(data), *words)
    pid = int((data / "launcher" / "pid").read_text())
    assert run_alone("rack", "uninstall", str(data), "--force").code == 0
    assert (data.exists(), data.with_name("dismantled").exists()) == (False, True)
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text()


def test_uninstall_can_keep_the_data_for_the_next_install(run_alone: Run, data: Path, words: list[str]) -> None:
    run_alone("rack", "install", str(data), *words)
    assert run_alone("rack", "uninstall", str(data), "--force", "--keep-data").code == 0
    assert ((data / "store" / "rack.db").exists(), (data / "versions").exists()) == (True, False)
    assert run_alone("rack", "install", str(data), *words, "--adopt").code == 0


def test_uninstall_asks_a_person(run_alone: Run, data: Path, words: list[str]) -> None:
    run_alone("rack", "install", str(data), *words)
    assert run_alone("rack", "uninstall", str(data)).code == 2
    assert serving(data) == NEW


def test_uninstall_of_what_was_not_installed_is_not_found(run_alone: Run, tmp_path: Path) -> None:
    assert run_alone("rack", "uninstall", str(tmp_path), "--force").code == 3


@pytest.fixture
def systemctl(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with systemd, as far as it can be seen; what it is told is written down."""
    calls, program = tmp_path / "calls", tmp_path / "programs" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >>{calls}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(service, "SYSTEMD", tmp_path)
    return calls


def test_unit_of_a_user_is_started_and_enabled(systemctl: Path, tmp_path: Path) -> None:
    root = tmp_path / "100% rack"
    (root / "launcher").mkdir(parents=True)
    assert service.scope_here(is_user=True) is Scope.USER
    made = Service(str(root), "local", Scope.USER)
    made.write(["/bin/true", "a b"])
    made.start()
    unit = (tmp_path / "config/systemd/user/sternway-local.service").read_text()
    assert f'ExecStart=/bin/sh "{tmp_path}/100%% rack/launcher/run"\n' in unit
    assert "KillMode=process\n" in unit
    assert systemctl.read_text() == "--user daemon-reload\n--user enable --now sternway-local.service\n"
    assert service.installed(root) == made


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("scope", [Scope.USER, Scope.SYSTEM])
def test_systemd_finds_nothing_wrong_with_the_unit(
    systemctl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: Scope
) -> None:
    root = tmp_path / 'a "rack" of $HOME, 100%'
    (root / "launcher").mkdir(parents=True)
    made = Service(str(root), "local", scope)
    unit = tmp_path / made.unit
    monkeypatch.setattr(Service, "unit_file", unit)
    made.write(["/bin/true"])
    made.start()
    asked = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    found = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    assert (found.returncode, [line for line in found.stderr.splitlines() if made.unit in line]) == (0, [])


def test_unit_is_taken_away_again(systemctl: Path, tmp_path: Path) -> None:
    (tmp_path / "launcher").mkdir()
    made = Service(str(tmp_path), "local", Scope.USER)
    made.write(["/bin/true"])
    made.start()
    made.stop()
    assert not made.unit_file.exists()
    assert "--user disable --now sternway-local.service\n" in systemctl.read_text()


def test_unit_of_another_rack_is_not_overwritten(
    systemctl: Path, run_alone: Run, data: Path, channel: Path, tmp_path: Path
) -> None:
    unit = tmp_path / "config/systemd/user/sternway-local.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("another's")
    root = publish.fingerprint((channel / "metadata" / "1.root.json").read_bytes())
    words = ["--channel", str(channel), "--fingerprint", root, "--user"]
    assert run_alone("rack", "install", str(data), *words).code == 4
    assert (unit.read_text(), data.exists(), systemctl.exists()) == ("another's", False, False)
