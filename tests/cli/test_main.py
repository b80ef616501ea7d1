import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sternway.cli import main
from tests.cli.conftest import Run
from tests.cli.scripted import Answer, ScriptedRack, refusal

HEAVY = (
    "pydantic",
    "fastapi",
    "sqlalchemy",
    "asyncio",
    "yaml",
    "websockets",
    "http.client",
    "email",
    "ssl",
    "rich",
    "importlib.metadata",
)
FULL = b"ERROR: cannot write: No space left on device\nhint: make room on the disk\n"
PROBE = """
import sys
from sternway.cli import main
assert main.run(["version"]) == 0
print(*[name for name in sys.argv[1:] if name in sys.modules])
"""


def test_version_starts_without_heavy_modules(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, *HEAVY], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_every_command_of_the_table_is_there() -> None:
    ctx = main.root.make_context("sternway", ["version"])
    for name in main.COMMANDS:
        command = main.root.get_command(ctx, name)
        assert command is not None
        assert command.name == name


def test_help_lists_commands_in_full_lines(run_alone: Run) -> None:
    ended = run_alone("--help")
    assert ended.code == 0
    assert "releases    List, show, promote and roll back releases.\n" in ended.out


@pytest.mark.parametrize(
    ("args", "hint"),
    [(("bogus",), "sternway --help"), (("releases", "info"), "sternway releases info --help")],
)
def test_mistyped_commands_say_where_help_is(run_alone: Run, args: tuple[str, ...], hint: str) -> None:
    ended = run_alone(*args)
    assert ended.code == 2
    assert ended.err.startswith("ERROR: ")
    assert ended.err.endswith(f"hint: {hint}\n")


def test_command_without_a_rack_is_wrong_usage(run_alone: Run) -> None:
    ended = run_alone("apps")
    assert ended.code == 2
    assert ended.err.startswith("ERROR: no rack is chosen\nhint: save one: sternway login")


def test_unexpected_errors_are_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("sternway.cli.client.Rack.fetch_all", fail)
    ended = run("apps")
    assert (ended.code, ended.err) == (
        1,
        "ERROR: unexpected: RuntimeError: surprise\nhint: set STERNWAY_TRACE=1 for the trace\n",
    )


@pytest.mark.parametrize(
    ("called", "name"), [("/usr/bin/convox", "convox"), ("/x/sternway", "sternway"), ("/x/main.py", "sternway")]
)
def test_program_has_the_name_it_was_called_by(monkeypatch: pytest.MonkeyPatch, called: str, name: str) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert main.program() == name


def test_reader_that_leaves_early_hears_no_complaint(rack: ScriptedRack, folder: Path) -> None:
    rack.on("GET /big", Answer(200, b"x\n" * 500_000))
    command = [sys.executable, "-m", "sternway.cli.main", "api", "get", "/big"]
    environ = os.environ | {"RACK_URL": rack.url}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_full_disk_is_one_line(rack: ScriptedRack, folder: Path) -> None:
    rack.on("GET /apps", [])
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sternway.cli.main", "apps"],
            env=os.environ | {"RACK_URL": rack.url},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, FULL)


def test_interrupted_follower_says_that_the_promotion_goes_on(rack: ScriptedRack, folder: Path) -> None:
    updating = {"id": 7, "app": "shop", "release": "R2", "status": "updating"}
    rack.on("GET /apps/shop/promotions", [updating])
    rack.on("GET /apps/shop/promotions/7", updating | {"steps": [{"at": "2026-05-04T10:00:00Z", "text": "starting"}]})
    # What runs the tests may ignore the signal, as a shell does for what it starts in the background.
    heard = ["env", "--default-signal=INT"]
    command = [*heard, sys.executable, "-m", "sternway.cli.main", "releases", "follow", "R2"]
    environ = os.environ | {"RACK_URL": rack.url}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, env=environ, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert [process.stdout.readline(), process.stdout.readline()] == ["Promoting R2...\n", "starting\n"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    hint = "hint: watch it: sternway releases follow R2 -a shop\n"
    assert (process.returncode, err) == (130, f"The promotion of R2 goes on in the rack.\n{hint}")


def test_program_alone_shows_its_help(run_alone: Run) -> None:
    ended = run_alone()
    assert ended.code == 2
    assert ended.err.startswith("Usage: sternway")


def test_hints_bear_the_name_that_was_called(run: Run, rack: ScriptedRack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/convox"])
    rack.on("GET /apps", refusal(404, "x", hint="start sternwayd, then: sternway apps"))
    assert run("apps").err.endswith("hint: start sternwayd, then: convox apps\n")


def test_errors_cannot_steer_the_terminal(run: Run, rack: ScriptedRack) -> None:
    rack.on("GET /apps", refusal(400, "a\x1b[2Jb\nc", hint="d\x07"))
    assert run("apps").err == "ERROR: a [2Jb\nc\nhint: d \n"
