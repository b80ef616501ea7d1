"""A session: a command beside the process, with its user, files, limits and environment, for as long as it is wanted.

A copy of the supervisor sees to it, so that nothing about it can hold up the process. Whoever asked is handed the
ends of what the command reads and prints, and told its exit code over the connection. The session is over, with all
that it started, when the command ends, when that connection does, or when the supervisor is gone.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import termios
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from sternway.supervisor import child, order

NOT_RUNNING = "not-running"
TERMINAL = "xterm"
_WORDS = 'exec "$@"'


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the words of a command, and the rows and columns of a terminal if it is to have one.

    `sandbox` is the process of the bubblewrap around the process, where there is one.
    """

    words: tuple[str, ...]
    sandbox: int = 0
    terminal: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Ends:
    """The files of a command, and those for whoever asked: where to write what it reads, and read what it prints."""

    input: int
    output: int
    theirs: tuple[int, int]


def begin(wanted: order.Order, process: int, client: socket.socket, message: Mapping[str, object]) -> None:
    """Start a session beside a process for a client, or tell it why not."""
    try:
        request = parse(message, process if wanted.confinement.sandbox else 0)
        supervisor = os.pidfd_open(os.getpid())
    except (OSError, ValueError, TypeError) as problem:
        return refuse(client, str(problem))
    try:
        if os.fork() == 0:
            _serve(wanted, client, request, supervisor)
    except OSError as problem:
        refuse(client, str(problem))
    finally:
        os.close(supervisor)


def parse(message: Mapping[str, object], sandbox: int = 0) -> Request:
    """Read a request; raises ValueError or TypeError for a wrong one."""
    words, terminal = message.get("words"), message.get("terminal")
    if not isinstance(words, list) or not words:
        raise ValueError("a session needs words")
    texts = tuple(str(word) for word in words)
    if terminal is None:
        return Request(texts, sandbox)
    if not isinstance(terminal, list):
        raise ValueError("a terminal has rows and columns")
    height, width = (min(max(int(each), 0), 0xFFFF) for each in terminal)
    return Request(texts, sandbox, (height, width))


def refuse(client: socket.socket, problem: str) -> None:
    """Say why there is no session."""
    with contextlib.suppress(OSError):
        client.send(order.encode({"problem": problem}))


def _serve(wanted: order.Order, client: socket.socket, request: Request, supervisor: int) -> None:
    """See to one session, in a process of its own."""
    try:
        _become_apart({client.fileno(), supervisor})
        code = _run(wanted, client, request, supervisor)
        client.send(order.encode({"code": code}))
    except (OSError, ValueError) as problem:
        refuse(client, str(problem))
    finally:
        os._exit(0)


def _become_apart(kept: Container[int]) -> None:
    """Let go of everything of the supervisor: an open connection or log would outlive it."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
    child.adopt_orphans()


def _run(wanted: order.Order, client: socket.socket, request: Request, supervisor: int) -> int:
    """Run the command to its end or that of whoever wants it, and return its exit code."""
    client.setblocking(True)
    ends = _ends(request, wanted.confinement.user)
    socket.send_fds(client, [order.encode({"session": True})], ends.theirs)
    _close(ends.theirs)
    surroundings = wanted
    if request.terminal:
        surroundings = replace(wanted, environment={"TERM": TERMINAL, **wanted.environment})
    program = child.Program(
        line=_WORDS,
        words=("sh", *request.words),
        input=ends.input,
        output=ends.output,
        is_terminal=request.terminal is not None,
        sandbox=request.sandbox,
    )
    pid = child.spawn_program(surroundings, program)
    _close((ends.input, ends.output))
    _wait(pid, client, supervisor)
    child.end_session(pid)
    code = child.reap(pid)
    child.end_orphans()
    return child.EXIT_BY_SIGNAL - code if code < 0 else code


def _ends(request: Request, user: int | None) -> _Ends:
    """Make a terminal, or a pipe each way; the command may open its ends again by their names in /dev and /proc."""
    if request.terminal:
        theirs, ours = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", *request.terminal, 0, 0))
        ends = _Ends(ours, ours, (theirs, theirs))
    else:
        read, written = os.pipe()
        printed, printing = os.pipe()
        ends = _Ends(read, printing, (written, printed))
    if user is not None:
        for file in (ends.input, ends.output):
            os.fchown(file, user, user)
    return ends


def _close(files: Sequence[int]) -> None:
    for file in set(files):
        os.close(file)


def _wait(pid: int, client: socket.socket, supervisor: int) -> None:
    """Return once the command has ended, or nobody wants it any more."""
    command = os.pidfd_open(pid)
    poll = select.poll()
    for file in (command, supervisor, client.fileno()):
        poll.register(file, select.POLLIN)
    poll.poll()
    os.close(command)
