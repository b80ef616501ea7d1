import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sternway.cli.local import stop
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


def test_all_takes_down_what_a_rack_that_is_gone_left(
    run_alone: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "sternwayd"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert run_alone("rack", "stop", "--data", str(data), "--all").code == 0
    assert (tmp_path / "called").read_text() == f"--data {data} --dismantle\n"


def test_folder_that_is_not_there_is_not_found(run_alone: Run, tmp_path: Path) -> None:
    assert run_alone("rack", "stop", "--data", str(tmp_path / "absent")).code == 3


def test_damaged_record_is_an_error_and_not_no_rack(run_alone: Run, data: Path) -> None:
    (data / "rackd.json").write_text("{")
    assert run_alone("rack", "stop", "--data", str(data)).code == 1
