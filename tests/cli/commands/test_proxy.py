import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Run
from tests.cli.scripted import ScriptedRack, Talk

DB = "/proxy/db.shop/5432"


@contextlib.contextmanager
def proxying(rack: ScriptedRack, *forwards: str) -> Iterator[list[int]]:
    """Run the command, and give the ports that it says."""
    process = subprocess.Popen(
        # What runs the tests may ignore the signal, as a shell does for what it starts in the background.
        ["env", "--default-signal=INT", sys.executable, "-m", "sternway.cli.main", "proxy", *forwards],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"RACK_URL": rack.url, "PATH": os.environ["PATH"]},
    )
    assert process.stdout
    try:
        lines = [process.stdout.readline() for _ in forwards]
        yield [int(line.split()[0].rpartition(":")[2]) for line in lines]
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130, err


def shout(peer: Talk) -> None:
    while content := peer.read():
        peer.send(content.upper())
    peer.end()


def test_each_connection_is_one_of_its_own(rack: ScriptedRack) -> None:
    rack.on_talk(DB, shout)
    with proxying(rack, "0:db.shop:5432") as (port,):
        for said in (b"one", b"two"):
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                client.sendall(said)
                assert client.recv(100) == said.upper()
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b""
    assert rack.lines() == [f"GET {DB}"] * 2


def test_refused_connection_is_closed_and_the_others_go_on(rack: ScriptedRack) -> None:
    rack.on_talk(DB, shout)
    with proxying(rack, "0:nowhere:1", "0:db.shop:5432") as (bad, good):
        with socket.create_connection(("127.0.0.1", bad), 10) as client:
            assert client.recv(100) == b""
        with socket.create_connection(("127.0.0.1", good), 10) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"HELLO"


@pytest.mark.parametrize("text", ["db", "db:", "x:db:1", "0:db:99999", "db:0", "1:2:3:4"])
def test_what_is_no_port_and_host_is_refused(run: Run, text: str) -> None:
    assert run("proxy", text).code == 2


def test_port_that_is_taken_is_said_so(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("proxy", f"{taken.getsockname()[1]}:db.shop:5432")
    assert ended.code == 1
    assert "cannot listen on 127.0.0.1" in ended.err
