"""A supervisor in waiting: everything is imported, so that a copy of it is there within a millisecond.

The engine keeps one, and sends it a connection for each process that it wants started (and files to keep
open). A fork of it reads the order from that connection and becomes the supervisor of that process, in a
session of its own. When the engine goes away the nursery ends, and its supervisors stay.
"""

import gc
import os
import signal
import socket

from sternway.supervisor import order, program

MAX_FILES = 4


def serve(inherited: int) -> None:
    """Fork a supervisor for each connection received over the socket `inherited`, until it is closed."""
    os.umask(0o077)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    engine = socket.socket(fileno=os.dup(inherited))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), inherited)
    while True:
        message, files, _, _ = socket.recv_fds(engine, 1, MAX_FILES)
        if not message:
            return
        for file in files:
            # Not by a flag of recv_fds: Python 3.11 ignores its flags, and the process would inherit the files.
            os.set_inheritable(file, False)
        _fork(engine, files)


def _fork(engine: socket.socket, files: list[int]) -> None:
    if os.fork() == 0:
        engine.close()
        os.setsid()
        _supervise(socket.socket(fileno=files[0]))
        os._exit(0)
    for file in files:
        os.close(file)


def _supervise(engine: socket.socket) -> None:
    """Read the order, and see to it. Files beyond the first stay open, since nobody closes them."""
    try:
        wanted = order.receive(engine)
        program.Supervisor(wanted).run(engine)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        _refuse(engine, f"{type(problem).__name__}: {problem}")


def _refuse(engine: socket.socket, problem: str) -> None:
    try:
        engine.sendall(order.encode({"protocol": order.PROTOCOL, "phase": "refused", "problem": problem}))
    except OSError:
        return
