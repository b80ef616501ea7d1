"""Package managers run apart from the rack's environment, for a bounded time, and leave no process."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from sternway.core.errors import BuildFailed
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Command

STUBBORN = "trap '' TERM; setsid sh -c 'echo $$; exec sleep 600' & wait"
PATIENCE_S = 10.0


def shell(directory: Path, script: str, **variables: str) -> Command:
    return Command("script", ("sh", "-c", script), directory, variables)


async def run(command: Command, runner: Runner | None = None) -> list[str]:
    lines: list[str] = []
    await (runner or Runner()).run(command, lines.append)
    return lines


async def until_gone(pid: int) -> None:
    """Wait for a process that is nobody's child here."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(end, gone.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
    finally:
        loop.remove_reader(end)
        os.close(end)


async def test_output_comes_line_by_line_whatever_it_holds(tmp_path: Path) -> None:
    script = r"echo one; echo two >&2; printf '\377\n'; printf 'last'; read x; echo $?"
    assert await run(shell(tmp_path, script)) == ["one", "two", "\ufffd", "last1"]


async def test_nothing_of_the_rack_is_passed_on_but_how_to_reach_registries(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RACK_SECRET", "hidden")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    monkeypatch.setenv("https_proxy", "http://proxy")
    names = {line.partition("=")[0] for line in await run(shell(tmp_path, "env", EXTRA="1"))}
    assert {"PATH", "PIP_FIND_LINKS", "https_proxy", "EXTRA"} <= names
    assert not names & {"RACK_SECRET", "RACK_URL", "PYTHONPATH"}


async def test_failure_names_what_was_said(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"^script exited with code 3: ERROR: no such package$"):
        await run(shell(tmp_path, "echo noise; echo 'ERROR: no such package'; echo hint; exit 3"))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "ERROR: Ignored the following versions\\nERROR: No matching distribution found for a",
            "ERROR: No matching .*",
        ),
        ("npm error code E404\\nnpm error A complete log of this run can be found in x", "npm error code E404"),
    ],
)
async def test_failure_names_the_line_that_tells_most(tmp_path: Path, said: str, reason: str) -> None:
    with pytest.raises(BuildFailed, match=f": {reason}$"):
        await run(shell(tmp_path, f"printf '{said}\n'; exit 1"))


async def test_program_that_is_not_there_fails(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="nowhere cannot be started: No such file"):
        await run(Command("it", ("nowhere",), tmp_path))


async def test_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="the disk of the rack is full"):
        await run(shell(tmp_path, "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1"))


async def test_what_takes_too_long_is_ended_with_everything_that_it_started(tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(BuildFailed, match="took more than 1 s"):
        await Runner(limit_s=0.6).run(shell(tmp_path, STUBBORN), lines.append)
    await until_gone(int(lines[0]))


async def test_cancelled_run_leaves_no_process(tmp_path: Path) -> None:
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(Runner().run(shell(tmp_path, STUBBORN), lambda line: pid.set_result(int(line))))
    async with asyncio.timeout(PATIENCE_S):
        await pid
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until_gone(pid.result())


HOST = """
import asyncio, sys
from pathlib import Path
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Command
script = "trap '' TERM; sh -c 'echo $$; exec sleep 600' & wait"
asyncio.run(Runner().run(Command("", ("sh", "-c", script), Path("/")), lambda line: print(line, flush=True)))
"""


async def test_rack_that_is_killed_leaves_no_process() -> None:
    host = await asyncio.create_subprocess_exec(sys.executable, "-c", HOST, stdout=asyncio.subprocess.PIPE)
    assert host.stdout
    async with asyncio.timeout(PATIENCE_S):
        pid = int(await host.stdout.readline())
        host.kill()
        await host.wait()
    await until_gone(pid)
