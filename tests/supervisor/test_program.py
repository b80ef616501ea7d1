"""Real supervisors, talked to as the engine talks to them, and as anybody else on their socket."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sternway.supervisor import child, nursery, order, program

TIMEOUT_S = 10.0


class Supervised:
    """One supervisor, forked by the waiting one, and the connection over which it reports."""

    def __init__(self, line: socket.socket, directory: Path, commands: bytes = b"", **wanted: object) -> None:
        self.directory = directory
        self.connection, theirs = socket.socketpair()
        self.connection.settimeout(TIMEOUT_S)
        socket.send_fds(line, [b"."], [theirs.fileno()])
        theirs.close()
        plain = {
            "protocol": order.PROTOCOL,
            "id": "0123456789",
            "directory": str(directory),
            "command": "sleep 1000",
            "working_directory": "/",
            "environment": {"PATH": os.environ["PATH"]},
            "grace_s": 5,
        }
        self.connection.sendall(order.encode(plain | wanted) + commands)
        self.reports = self.connection.makefile("rb")

    def until(self, phase: str, **fields: object) -> dict[str, Any]:
        for line in self.reports:
            report: dict[str, Any] = json.loads(line)
            if report["phase"] == phase and fields.items() <= report.items():
                return report
        raise AssertionError(f"no report says {phase}")

    def send(self, command: str) -> None:
        self.connection.sendall(order.encode({"command": command}))

    def printed(self) -> list[bytes]:
        files = sorted((self.directory / "log").iterdir())
        return [line.partition(b" ")[2] for path in files for line in path.read_bytes().splitlines()]

    def close(self) -> None:
        try:
            self.send("stop")
            self.reports.read()
        except OSError:
            pass
        self.reports.close()
        self.connection.close()


class Waiting:
    """The supervisor in waiting."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.line, theirs = socket.socketpair()
        program = Path(nursery.__file__).with_name("__main__.py")
        command = [sys.executable, "-I", "-S", str(program)]
        self.process = subprocess.Popen(command, stdin=theirs.fileno(), env={}, start_new_session=True)
        theirs.close()
        self.started: list[Supervised] = []

    def start(self, directory: Path | None = None, commands: bytes = b"", **wanted: object) -> Supervised:
        directory = directory or self.directory / str(len(self.started))
        directory.mkdir(exist_ok=True)
        self.started.append(Supervised(self.line, directory, commands, **wanted))
        return self.started[-1]

    def close(self) -> None:
        for supervised in self.started:
            supervised.close()
        self.line.close()
        self.process.wait(TIMEOUT_S)


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    waiting = Waiting(tmp_path)
    yield waiting
    waiting.close()


def test_the_supervisor_in_waiting_ends_with_the_connection_to_its_rack(waiting: Waiting):
    waiting.line.close()
    assert waiting.process.wait(TIMEOUT_S) == 0


def test_a_process_is_started_and_its_state_written_down(waiting: Waiting):
    supervised = waiting.start()
    report = supervised.until("running")
    assert child.start_ticks(report["pid"]) == report["start_ticks"] != 0
    assert json.loads((supervised.directory / "state.json").read_bytes()) == report


def test_a_process_that_ends_is_started_again_ever_more_slowly(waiting: Waiting):
    supervised = waiting.start(command="exit 3")
    starts = [supervised.until("running", exits=exits)["started_at"] for exits in range(3)]
    assert starts[1] - starts[0] >= 0.1
    assert starts[2] - starts[1] >= 0.2
    assert supervised.until("pausing")["last_exit"] == 3


def test_the_pause_before_a_start_doubles_up_to_half_a_minute():
    assert [program.pause_s(exits) for exits in (0, 1, 2, 3)] == [0.1, 0.1, 0.2, 0.4]
    assert program.pause_s(1000) == 30.0


def test_what_a_process_left_behind_is_gone_before_it_starts_again(waiting: Waiting):
    supervised = waiting.start(command="sleep 1000 & echo $!; setsid sleep 1000 & echo $!; exit 1")
    supervised.until("pausing", exits=1)
    left = [int(line) for line in supervised.printed()[:2]]
    assert [child.start_ticks(pid) for pid in left] == [0, 0]


def test_a_process_that_starts_others_all_the_time_is_frozen_and_goes_on(waiting: Waiting):
    supervised = waiting.start(command="while :; do sleep 0.001; (sleep 0.002 &); done")
    before = supervised.until("running")
    supervised.send("freeze")
    frozen = supervised.until("frozen")
    # A shell that was just starting something waits (D) until that, which is stopped, is another program.
    assert (frozen["pid"], child.states(frozen["pid"]) in (b"T", b"D")) == (before["pid"], True)
    assert json.loads((supervised.directory / "state.json").read_bytes()) == frozen
    supervised.send("freeze")
    supervised.send("thaw")
    assert supervised.until("running") == before


def test_a_process_that_pauses_between_starts_is_ended_instead_of_frozen(waiting: Waiting):
    supervised = waiting.start(command="exit 1")
    supervised.until("pausing", exits=3)
    supervised.send("freeze")
    supervised.until("ended")


def test_a_frozen_process_that_is_started_again_runs(waiting: Waiting):
    supervised = waiting.start()
    before = supervised.until("running")
    for command in ("freeze", "restart"):
        supervised.send(command)
    assert supervised.until("running")["pid"] not in (0, before["pid"])


def test_a_stopped_process_is_gone_and_so_is_its_supervisor(waiting: Waiting):
    supervised = waiting.start()
    report = supervised.until("running")
    supervised.send("stop")
    supervised.until("ended", last_exit=-signal.SIGTERM)
    assert supervised.reports.read() == b""
    assert child.start_ticks(report["pid"]) == 0
    assert not (supervised.directory / "control").exists()


def test_a_command_that_comes_together_with_the_order_is_obeyed(waiting: Waiting):
    supervised = waiting.start(commands=order.encode({"command": "stop"}))
    supervised.until("ended")


def test_a_process_that_pauses_between_starts_is_stopped_at_once(waiting: Waiting):
    supervised = waiting.start(command="exit 1")
    supervised.until("pausing", exits=2)
    supervised.send("stop")
    assert supervised.until("ended")["exits"] == 2


def test_a_supervisor_that_is_told_to_end_ends_its_process(waiting: Waiting):
    supervised = waiting.start()
    report = supervised.until("running")
    os.kill(report["supervisor_pid"], signal.SIGTERM)
    supervised.until("ended")
    assert child.start_ticks(report["pid"]) == 0


def test_a_restart_is_no_exit(waiting: Waiting):
    supervised = waiting.start()
    first = supervised.until("running")
    supervised.send("restart")
    second = supervised.until("running")
    assert (second["exits"], second["pid"] != first["pid"]) == (0, True)


def test_a_process_that_runs_once_is_not_started_again_and_its_end_is_on_record(waiting: Waiting):
    supervised = waiting.start(command="sleep 1000 & echo $!; exit 3", is_once=True)
    report = supervised.until("ended")
    assert (report["exits"], report["last_exit"]) == (1, 3)
    assert json.loads((supervised.directory / "state.json").read_bytes()) == report
    assert supervised.reports.read() == b""
    assert child.start_ticks(int(supervised.printed()[0])) == 0


def test_a_process_that_runs_once_and_is_stopped_did_not_end_by_itself(waiting: Waiting):
    supervised = waiting.start(is_once=True)
    supervised.until("running")
    supervised.send("stop")
    assert supervised.until("ended")["exits"] == 0


def test_a_request_for_a_session_that_is_none_is_refused_and_costs_nothing(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
):
    supervised = waiting.start()
    supervised.until("running")
    monkeypatch.chdir(supervised.directory)
    wrongs: list[dict[str, object]] = [{}, {"words": []}, {"words": "true"}, {"words": ["true"], "terminal": [1]}]
    for wrong in wrongs:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT_S)
            client.connect("control")
            client.sendall(order.encode({"command": "execute", **wrong}) + order.encode({"command": "stop"}))
            assert "problem" in json.loads(client.recv(65536))
    supervised.send("stop")
    assert supervised.until("ended")["exits"] == 0


def test_anybody_with_access_to_the_socket_can_ask_for_the_state(waiting: Waiting, monkeypatch: pytest.MonkeyPatch):
    supervised = waiting.start()
    report = supervised.until("running")
    monkeypatch.chdir(supervised.directory)
    assert Path("control").stat().st_mode & 0o077 == 0
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT_S)
        client.connect("control")
        client.sendall(order.encode({"command": "status"}))
        assert json.loads(client.recv(65536)) == report


def test_nonsense_costs_only_its_own_connection(waiting: Waiting, monkeypatch: pytest.MonkeyPatch):
    supervised = waiting.start()
    supervised.until("running")
    monkeypatch.chdir(supervised.directory)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT_S)
        client.connect("control")
        client.sendall(b"nonsense\n[1]\n")
        assert client.recv(65536) == b""
    supervised.send("stop")
    supervised.until("ended")


def test_an_order_of_another_protocol_is_refused(waiting: Waiting):
    assert f"protocol {order.PROTOCOL}" in waiting.start(protocol=order.PROTOCOL + 1).until("refused")["problem"]


def test_an_order_that_lacks_something_is_refused(waiting: Waiting):
    assert "nonsense" in waiting.start(confinement={"limits": {"nonsense": 1}}).until("refused")["problem"]


def test_limits_that_cannot_be_set_are_said_and_keep_nothing_from_running(waiting: Waiting):
    supervised = waiting.start(confinement={"groups": ["/proc/no/such/group"], "limits": {"memory_mib": 1}})
    supervised.until("running")
    assert supervised.printed()[0].startswith(b"limits: not in force, since ")


def test_a_start_that_comes_after_the_engine_gave_up_does_not_happen(waiting: Waiting, tmp_path: Path):
    given_up = tmp_path / "elsewhere"
    given_up.mkdir()
    (given_up / "ended").touch()
    supervised = waiting.start(given_up)
    assert b'"running"' not in supervised.reports.read()


def test_all_that_is_printed_is_kept_until_the_last_byte(waiting: Waiting):
    supervised = waiting.start(command="printf 'a\\377\\000b\\nlast'; exit 1")
    assert supervised.until("pausing", exits=1)["last_line"] == "last"
    assert supervised.printed()[:2] == [b"a\xff\x00b", b"last"]


def test_a_flood_fills_neither_memory_nor_disk_and_can_be_stopped(waiting: Waiting):
    supervised = waiting.start(command="yes 'a line that is printed again and again, as fast as it can be'")
    report = supervised.until("running")
    log = supervised.directory / "log"
    while not (log / "00000002").exists():
        assert child.start_ticks(report["pid"])
    status = Path(f"/proc/{report['supervisor_pid']}/status").read_text()
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    supervised.send("stop")
    supervised.until("ended")
    assert peak_kib < 64 * 1024
    assert sum(path.stat().st_size for path in log.iterdir()) < 48 * 1024 * 1024
