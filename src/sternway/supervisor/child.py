"""The process itself: how it is started, and how it is ended with everything that it started."""

import contextlib
import fcntl
import os
import re
import select
import signal
import termios
from dataclasses import dataclass
from typing import NoReturn

from sternway.supervisor import confinement, kernel, sandbox
from sternway.supervisor.order import Order

EXIT_CANNOT_ENTER = 126
EXIT_CANNOT_START = 127
EXIT_BY_SIGNAL = 128
BECOMES_WITHIN_S = 10.0
_FILES = 4096
_KILLS = 200
_KILL_AGAIN_S = 0.005
_SIMPLE = re.compile(r"[\w./+-]+(?![\w./+-]*=)[^;&|()<>{}`\n#!]*")
_SHELL_ONLY = re.compile(
    r"\.|alias|break|case|cd|command|continue|eval|exec|exit|export|for|if|read|readonly|return|set|shift|trap|type"
    r"|ulimit|umask|unset|until|wait|while"
)


@dataclass(frozen=True, slots=True)
class Program:
    """What is started: a line for the shell with its words, $0 first, and the files that it reads and prints to.

    A terminal is both of them, and the program's own. Without an input there is nothing to read. `sandbox` is the
    process of a bubblewrap, whose sandbox it joins; without one it gets its own, where there is to be one, and then
    has no words.
    """

    line: str
    output: int
    words: tuple[str, ...] = ()
    input: int | None = None
    is_terminal: bool = False
    sandbox: int = 0


def adopt_orphans() -> None:
    """Become the parent of whatever the process leaves behind; without it, only its group is ended."""
    with contextlib.suppress(OSError):
        kernel.adopt_orphans()


def shell_line(command: str) -> str:
    """Return what the shell is given: it steps aside for a single command, and stays for anything else."""
    words = command.split(maxsplit=1)
    is_simple = words and not _SHELL_ONLY.fullmatch(words[0]) and _SIMPLE.fullmatch(command.strip())
    return f"exec {command.strip()}" if is_simple else command


def spawn(order: Order, output: int) -> int:
    """Start the command of an order, and return its process id."""
    return spawn_program(order, Program(shell_line(order.command), output))


def spawn_program(order: Order, program: Program) -> int:
    """Start a program where the order says, in a session of its own; return its process id once it is the program.

    Until then it is a copy of the supervisor, or the making of a sandbox, which a signal would reach in its
    place.
    """
    became, becoming = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(order, program, becoming)
    os.close(becoming)
    select.select([became], [], [], BECOMES_WITHIN_S)
    os.close(became)
    return pid


def _become(order: Order, program: Program, becoming: int) -> None:
    """Turn into the program; what cannot be done is printed where the command would print."""
    code = EXIT_CANNOT_ENTER
    try:
        _detach(program)
        if program.sandbox:
            _join_sandbox(order, program, becoming)
        else:
            confinement.enter(order.confinement)
            if order.confinement.sandbox:
                _enter_sandbox(order, program, becoming)
        os.chdir(order.working_directory)
        code = EXIT_CANNOT_START
        os.execve("/bin/sh", ["sh", "-c", program.line, *program.words], dict(order.environment))
    except (OSError, ValueError) as problem:
        os.write(2, f"cannot start: {problem}\n".encode())
    finally:
        os._exit(code)


def _detach(program: Program) -> None:
    """Be in a session of our own, with files and signals as any program expects them."""
    os.setsid()
    os.umask(0o022)
    if program.is_terminal:
        fcntl.ioctl(program.output, termios.TIOCSCTTY, 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY) if program.input is None else program.input, 0)
    os.dup2(program.output, 1)
    os.dup2(program.output, 2)
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def _enter_sandbox(order: Order, program: Program, becoming: int) -> NoReturn:
    """Turn into bubblewrap, in which the program is started; the shell in there writes to `becoming`."""
    options = sandbox.write_options(order.confinement, order.working_directory, order.environment)
    os.dup2(becoming, sandbox.READY)
    for number in sandbox.NOT_MEANT_FOR_IT:
        signal.signal(number, signal.SIG_IGN)
    words = sandbox.command(order.confinement, program.line, options)
    os.execve(words[0], words, {})


def _join_sandbox(order: Order, program: Program, becoming: int) -> None:
    """Go where the command of an order is; who goes on is a child, and this process ends as the child does."""
    sandbox.join(order.confinement, next(iter(_children(program.sandbox)), 0))
    pid = os.fork()
    if pid == 0:
        return
    for number in sandbox.NOT_MEANT_FOR_IT:
        signal.signal(number, signal.SIG_IGN)
    os.closerange(0, _FILES)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os._exit(code if code >= 0 else EXIT_BY_SIGNAL - code)


def end_session(leader: int) -> None:
    """Kill everyone in the session of a leader, who is not yet reaped, whatever groups they made."""
    for _ in range(_KILLS):
        there = [int(name) for name in os.listdir("/proc") if name.isdecimal() and _session(int(name)) == leader]
        if not there:
            return
        for pid in there:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        select.select([], [], [], _KILL_AGAIN_S)


def _session(pid: int) -> int:
    """Return whose session a process is in; none for one that has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return 0 if fields[0] == b"Z" else int(fields[3])
    except (OSError, IndexError, ValueError):
        return 0


def start_ticks(pid: int) -> int:
    """Return when the process started, in clock ticks since boot: with the pid, that is its identity."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def has_exited(pid: int) -> bool:
    """Tell whether it ended; it stays a zombie, so that its number cannot be another's."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def reap(pid: int, *, is_sandboxed: bool = False) -> int:
    """Take its end from the kernel: the exit code, or minus the signal that ended it.

    A sandbox ends with an exit code in any case, as a shell does, and tells a signal by a high one.
    """
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return EXIT_BY_SIGNAL - code if is_sandboxed and code > EXIT_BY_SIGNAL else code


def signal_group(group: int, number: int) -> bool:
    """Signal everyone in the group; False if nobody is left, as in no group at all."""
    if group <= 0:
        return False
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_in_sandbox(group: int) -> bool:
    """Tell whether anybody of the group is left in a sandbox whose command has ended.

    Its first process, which is ours by now, stays for as long as there are others, also of other groups.
    """
    below = [each for pid in _children() for each in _children(pid)]
    while below:
        pid = below.pop()
        if _group(pid) == group:
            return True
        below += _children(pid)
    return False


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def reap_orphans(keep: int) -> None:
    """Take the ends of orphans that were adopted, except that of the process itself."""
    for pid in _children():
        if pid != keep:
            _wait(pid, os.WNOHANG)


def end_orphans() -> None:
    """End whatever is left below the supervisor, also what left the group; new orphans may appear meanwhile."""
    for _ in range(100):
        left = _children()
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
            _wait(pid, 0)


def _wait(pid: int, options: int) -> None:
    try:
        os.waitpid(pid, options)
    except ChildProcessError:
        return


def children(pid: int) -> list[int]:
    """Return the children of a process, whichever of its threads started them."""
    return [each for task in _tasks(pid) for each in _children_of_task(pid, task)]


def states(pid: int) -> bytes:
    """Return the kernel's letters for how each thread of a process stands; none for one that is gone."""
    return b"".join(_state(pid, task) for task in _tasks(pid))


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _state(pid: int, task: str) -> bytes:
    try:
        with open(f"/proc/{pid}/task/{task}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return b""


def _children(pid: int | None = None) -> list[int]:
    """Return the children of a process, of this one by default; those of its other threads are left out."""
    pid = pid or os.getpid()
    return _children_of_task(pid, str(pid))


def _children_of_task(pid: int, task: str) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        return []
