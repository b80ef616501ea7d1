import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sternway.cli.local import stop
from sternway.launcher import files
from sternway.launcher.files import Files
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack

Process = subprocess.Popen[bytes]


@pytest.fixture
def process() -> Iterator[Process]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


def record(data: Path, process: Process, *, later: int = 0) -> None:
    ticks = stop._started_at_ticks(process.pid)
    assert ticks is not None
    (data / "rackd.json").write_text(json.dumps({"pid": process.pid, "started_at_ticks": ticks + later}))


def test_rack_is_ended_by_a_signal(run_alone: Run, data: Path, process: Process) -> None:
    record(data, process)
    ended = run_alone("rack", "stop", "--data", str(data))
    assert (ended.code, ended.out) == (0, "Stopping rack... OK\n")
    assert process.wait(5) == -15


def test_another_process_with_the_pid_is_left_alone(run_alone: Run, data: Path, process: Process) -> None:
    record(data, process, later=1)
    ended = run_alone("rack", "stop", "--data", str(data))
    assert (ended.code, ended.err) == (0, f"No rack runs on {data}.\n")
    assert process.poll() is None


def test_rack_that_is_gone_is_no_error(run_alone: Run, data: Path, process: Process) -> None:
    record(data, process)
    process.kill()
    process.wait()
    assert run_alone("rack", "stop", "--data", str(data)).code == 0


def test_rack_that_does_not_end_is_reported(
    run_alone: Run, data: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(data, process)
    monkeypatch.setattr(stop, "STOP_WAIT_S", 0)
    monkeypatch.setattr("signal.pidfd_send_signal", lambda *_: None)
    ended = run_alone("rack", "stop", "--data", str(data))
    assert (ended.code, ended.out) == (1, "Stopping rack...\n")


def test_all_asks_the_rack_to_stop_everything(run_alone: Run, rack: ScriptedRack, data: Path, process: Process) -> None:
    record(data, process)
    (data / "rack-url").write_text(f"{rack.url}\n")
    rack.on("POST /system/stop", Answer(202))
    end = threading.Timer(0.05, process.kill)
    end.start()
    ended = run_alone("rack", "stop", "--data", str(data), "--all")
    end.join()
    assert (ended.code, ended.out) == (0, "Stopping rack, router and apps... OK\n")
    assert rack.requests[0].form == {"all": "true"}


def program(path: Path) -> Path:
    """A `sternwayd` that tells how it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/sh\necho "$@" > "$0.called"\n')
    path.chmod(0o755)
    return path


def called(path: Path) -> str:
    told = path.with_name(f"{path.name}.called")
    return told.read_text() if told.exists() else ""


def active(data: Path, version: str) -> None:
    files.write(Files(data).state, {"protocol": files.PROTOCOL, "active": version, "update": None})


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have nothing beside this program, as beside the one executable; return where that would be."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "alone" / "sternway"))
    return tmp_path / "alone" / "sternwayd"


def test_all_takes_down_what_a_rack_that_is_gone_left(run_alone: Run, data: Path, alone: Path) -> None:
    beside = program(alone)
    assert run_alone("rack", "stop", "--data", str(data), "--all").code == 0
    assert called(beside) == f"--data {data} --dismantle\n"


def test_the_active_version_takes_down_what_is_left(run_alone: Run, data: Path, alone: Path) -> None:
    other, version = program(data / "other"), program(Files(data).program("20260101000000"))
    active(data, "20260101000000")
    (data / "program").write_text(f"{other}\n")
    assert run_alone("rack", "stop", "--data", str(data), "--all").code == 0
    assert (called(version), called(other)) == (f"--data {data} --dismantle\n", "")


def test_what_a_rack_was_run_by_takes_down_what_it_left(
    run_alone: Run, data: Path, tmp_path: Path, alone: Path
) -> None:
    ran = program(tmp_path / "somewhere" / "sternwayd")
    (data / "program").write_text(f"{ran}\n")
    assert run_alone("rack", "stop", "--data", str(data), "--all").code == 0
    assert called(ran) == f"--data {data} --dismantle\n"


def test_what_others_may_have_written_is_not_run(
    run_alone: Run, data: Path, tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = program(tmp_path / "somewhere" / "sternwayd")
    (data / "program").write_text(f"{ran}\n")
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    ended = run_alone("rack", "stop", "--data", str(data), "--all")
    assert (ended.code, called(ran)) == (1, "")


def test_without_any_program_it_says_what_to_run(run_alone: Run, data: Path, alone: Path) -> None:
    ended = run_alone("rack", "stop", "--data", str(data), "--all")
    assert ended.code == 1
    assert f"hint: run it by hand: sternwayd --data {data} --dismantle" in ended.err


def test_folder_that_is_not_there_is_not_found(run_alone: Run, tmp_path: Path) -> None:
    assert run_alone("rack", "stop", "--data", str(tmp_path / "absent")).code == 3


def test_damaged_record_is_an_error_and_not_no_rack(run_alone: Run, data: Path) -> None:
    (data / "rackd.json").write_text("{")
    assert run_alone("rack", "stop", "--data", str(data)).code == 1
