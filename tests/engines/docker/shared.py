"""The Docker engine that all tests share: one that runs anyway, else one that runs as long as they do."""

import contextlib
import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROGRAM = Path(__file__).parents[3] / "scripts" / "with_docker.sh"


class NoEngine(Exception):
    """There is none that tests can use, and none can be started; the message says why."""


@contextlib.contextmanager
def engine(lock: Path) -> Iterator[str]:
    """Have an engine with the base images until the block ends, and give its address; raises NoEngine.

    Whoever has the same lock waits: images are made once.
    """
    command = [str(PROGRAM), "sh", "-c", 'echo "at ${DOCKER_HOST-}"; exec cat']
    with contextlib.ExitStack() as stack:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            # The command ends when it has nothing more to read, and then so does the engine.
            stack.callback(process.communicate)
            address = _address(process)
        yield address


def _address(process: "subprocess.Popen[str]") -> str:
    """Read until the command tells the address; before it come problems, one in a line."""
    assert process.stdout is not None
    problems = ""
    for line in iter(process.stdout.readline, ""):
        if line.startswith("at "):
            break
        problems += "" if ": made " in line else line
    address = line.removeprefix("at ").strip()
    if problems or not address:
        raise NoEngine(problems.strip())
    return address
