"""exec and run, without a terminal; with one: tests/cli/test_terminal.py."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sternway.wire import types
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, Talk, refusal

EXEC = "/apps/shop/processes/web/exec"
WAITING = types.Process("once-1", "shop", "web", "starting")
RUNNING = types.Process("once-1", "shop", "web", "running")

Feed = Callable[[bytes], None]


@pytest.fixture
def stdin(tmp_path: Path) -> Iterator[Feed]:
    """Have the command read given bytes as its input."""
    kept = os.dup(0)

    def feed(content: bytes) -> None:
        (tmp_path / "stdin").write_bytes(content)
        with (tmp_path / "stdin").open("rb") as file:
            os.dup2(file.fileno(), 0)

    yield feed
    os.dup2(kept, 0)
    os.close(kept)


def test_output_and_exit_code_are_those_of_the_command(run: Run, rack: ScriptedRack) -> None:
    def talk(peer: Talk) -> None:
        peer.send(b"\xff\x00 any bytes\n")
        peer.exit(7)

    rack.on_talk(EXEC, talk)
    ended = run("exec", "web", "--", "ls", "-l", "a file")
    assert ended.code == 7, ended.err
    assert (ended.code, ended.out.encode(errors="surrogateescape"), ended.err) == (7, b"\xff\x00 any bytes\n", "")
    headers = rack.requests[0].headers
    assert (headers["Command"], headers["Tty"]) == ("ls -l 'a file'", "false")
    assert "Height" not in headers


def test_single_word_is_a_whole_command(run: Run, rack: ScriptedRack) -> None:
    rack.on_talk(EXEC, lambda peer: peer.exit(0))
    run("exec", "web", "ls -l caf\u00e9", "--entrypoint")
    headers = rack.requests[0].headers
    assert headers["Command"].encode("latin-1").decode() == "ls -l caf\u00e9"
    assert headers["Entrypoint"] == "true"


def test_reason_goes_along_with_every_command_that_enters_a_process(run: Run, rack: ScriptedRack) -> None:
    rack.on_talk(EXEC, lambda peer: peer.exit(0))
    rack.on("POST /apps/shop/services/web/processes", RUNNING)
    rack.on("GET /apps/shop/processes/web/files", Answer(404, b"{}"))
    run("exec", "web", "ls", "--reason", "caf\u00e9")
    run("run", "web", "ls", "--detach", "--reason", "caf\u00e9")
    run("cp", "web:/etc/hosts", ".", "--reason", "caf\u00e9")
    assert [r.headers["Reason"].encode("latin-1").decode() for r in rack.requests] == ["caf\u00e9"] * 3


def test_stdin_is_passed_byte_for_byte(run: Run, rack: ScriptedRack, stdin: Feed) -> None:
    received = []

    def talk(peer: Talk) -> None:
        received.append(peer.read_all())
        peer.exit(0)

    rack.on_talk(EXEC, talk)
    content = bytes(range(256)) * 1000
    stdin(content)
    assert run("exec", "web", "cat").code == 0
    assert received == [content]


def test_what_only_looks_like_the_exit_code_is_output(run: Run, rack: ScriptedRack) -> None:
    def talk(peer: Talk) -> None:
        peer.send(b"F1E49A85-0AD7-4AEF-A618-C249C6E6568D:9\n")
        peer.send(b"more\n")
        peer.exit(0)

    rack.on_talk(EXEC, talk)
    ended = run("exec", "web", "cat")
    assert (ended.code, ended.out) == (0, "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:9\nmore\n")


def test_lost_connection_is_an_error(run: Run, rack: ScriptedRack) -> None:
    rack.on_talk(EXEC, lambda peer: peer.send(b"half of it\n"))
    ended = run("exec", "web", "cat")
    assert (ended.code, ended.out) == (1, "half of it\n")
    assert "the connection to the rack was lost" in ended.err


def test_command_with_line_breaks_is_not_sent(run: Run, rack: ScriptedRack) -> None:
    assert run("exec", "web", "sh", "-c", "a\nb").code == 2
    assert not rack.requests


# --- run ---


@contextmanager
def launched(rack: ScriptedRack, *states: types.Process) -> Iterator[None]:
    rack.on("POST /apps/shop/services/web/processes", WAITING)
    rack.on("GET /apps/shop/processes/once-1", *states)
    rack.on("DELETE /apps/shop/processes/once-1", Answer())
    yield
    assert rack.lines()[-1] == "DELETE /apps/shop/processes/once-1"


def test_run_has_a_process_of_its_own_and_removes_it(run: Run, rack: ScriptedRack) -> None:
    rack.on_talk("/apps/shop/processes/once-1/exec", lambda peer: peer.exit(3))
    with launched(rack, WAITING, RUNNING):
        ended = run("run", "web", "-t", "60", "--release", "R1", "--memory", "128", "--", "bin/check", "--all")
    assert (ended.code, ended.out) == (3, "")
    headers = rack.requests[0].headers
    assert (headers["Command"], headers["Release"], headers["Memory"]) == ("sleep 60", "R1", "128")
    assert rack.request("GET /apps/shop/processes/once-1/exec").headers["Command"] == "bin/check --all"


def test_process_that_does_not_start_is_removed_too(run: Run, rack: ScriptedRack) -> None:
    with launched(rack, types.Process("once-1", "shop", "web", "failed")):
        ended = run("run", "web", "bin/check")
    assert ended.code == 1
    assert "did not start: it is failed" in ended.err


def test_refused_command_leaves_no_process(run: Run, rack: ScriptedRack) -> None:
    with launched(rack, RUNNING):
        assert run("run", "web", "bin/check").code == 3


def test_detached_run_prints_the_id(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /apps/shop/services/web/processes", RUNNING)
    ended = run("run", "-d", "web", "--", "bin/import", "--all")
    assert (ended.code, ended.out) == (0, "once-1\n")
    assert rack.requests[0].headers["Command"] == "bin/import --all"


def test_service_that_is_not_there_is_not_found(run: Run, rack: ScriptedRack) -> None:
    rack.on("POST /apps/shop/services/none/processes", refusal(404, "service not found: none"))
    ended = run("run", "none", "true")
    assert (ended.code, ended.err) == (3, "ERROR: service not found: none\n")


def test_interrupted_run_still_removes_its_process(
    run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sternway.cli.session.execute", interrupted)
    with launched(rack, RUNNING):
        assert run("run", "web", "true").code == 130
