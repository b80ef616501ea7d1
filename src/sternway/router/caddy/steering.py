"""Which of several fronts on an address gets the new connections: told to the kernel, and then tried.

The kernel keeps the sockets of an address in an array and is told a place in it. A new one is put last; when one is
closed, the last takes its place. Who comes later cannot know what went before: so a place is told, and a connection
shows who has it. Only connections come and go meanwhile, and whoever gets them answers them.
"""

import contextlib
import ctypes
import os
import socket
import struct
import time
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

TRY_S = 2.0
"""How long a front may take to accept a connection."""
PAUSE_S = 0.002
_ATTACH_REUSEPORT_CBPF = 51
"""SO_ATTACH_REUSEPORT_CBPF of Linux, which Python has no name for."""
_RETURN_CONSTANT = 0x06
"""BPF_RET | BPF_K: a program of one instruction that always returns the same number."""
_PIDFD_GETFD = 438
"""The number of a system call, the same on all machines."""
_LISTENS = "0A"


@dataclass(frozen=True, slots=True)
class _Row:
    """A TCP socket as the kernel lists it. `inode` is 0 until a connection was accepted."""

    local: str
    remote: str
    state: str
    inode: int


def lead(listener: socket.socket, front: int, others: Collection[int], *, is_ready: bool = True) -> bool:
    """Have new connections to the address of this socket come to the process `front`, and tell whether they do.

    `others` are the processes that may accept them too. A socket that is not `is_ready`, just opened and thus the last,
    is left out. True also where the kernel cannot be told: then trying again is of no use.
    """
    count = sharing(listener) - (not is_ready)
    places = range(max(1, count))[::-1]
    for place in places:
        if not steer(listener, place) or (count == 1 and is_ready) or _comes_to(listener, front, others):
            return True
    steer(listener, places[0])
    return False


def steer(listener: socket.socket, place: int) -> bool:
    """Have all new connections to the address of this socket come to the one at this place; False if it cannot be."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN_CONSTANT, 0, 0, place))
    with contextlib.suppress(OSError):
        described = struct.pack("@HP", 1, ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, described)
        return True
    return False


def sharing(listener: socket.socket) -> int:
    """Return how many sockets listen on the address of this one."""
    rows = [row for row in _rows() if row.state == _LISTENS]
    own = [row.local for row in rows if row.inode == _inode(listener)]
    return sum(row.local in own for row in rows)


def copies(front: int) -> Iterator[socket.socket]:
    """Return copies of the sockets that the process listens on. Raises OSError where that is forbidden.

    They are to be closed before their front ends: a copy that outlives it takes connections that nobody answers.
    """
    listening = {row.inode for row in _rows() if row.state == _LISTENS}
    found = {inode: number for number, inode in _sockets(front)}  # each once
    of_front = os.pidfd_open(front)
    try:
        for inode in found.keys() & listening:
            yield socket.socket(fileno=_fetched(of_front, found[inode]))
    finally:
        os.close(of_front)


def _fetched(process: int, number: int) -> int:
    """Return a descriptor of a process as one of ours; no child inherits it."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    fetched = int(call(_PIDFD_GETFD, process, number, 0))
    if fetched < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fetched


def _comes_to(listener: socket.socket, front: int, others: Collection[int]) -> bool:
    """Connect, and tell whether this process accepts."""
    with contextlib.suppress(OSError), socket.socket(listener.family, socket.SOCK_STREAM) as client:
        client.settimeout(TRY_S)
        client.connect(listener.getsockname())
        return _accepted_by(client, {front, *others}) == front
    return False


def _accepted_by(client: socket.socket, fronts: Set[int]) -> int | None:
    """Wait until one of the processes has accepted the connection, and return which."""
    deadline = time.monotonic() + TRY_S
    while time.monotonic() < deadline:
        accepted = _other_end(client)
        for front in fronts if accepted else ():
            if any(inode == accepted for _, inode in _sockets(front)):
                return front
        time.sleep(PAUSE_S)  # in a thread
    return None


def _other_end(client: socket.socket) -> int:
    """Return the inode of the other end, 0 if it is not accepted yet."""
    rows = list(_rows())
    ends = [(row.remote, row.local) for row in rows if row.inode == _inode(client)]
    return next((row.inode for row in rows if (row.local, row.remote) in ends), 0)


def _inode(of: socket.socket) -> int:
    return os.fstat(of.fileno()).st_ino


def _sockets(process: int) -> Iterator[tuple[int, int]]:
    """Return number and inode of the sockets that a process has open; nothing if it has ended."""
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                kind, _, inode = os.readlink(file).partition(":")
                if kind == "socket":
                    yield int(file.name), int(inode.strip("[]"))


def _rows() -> Iterator[_Row]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), Path(f"/proc/self/net/{table}").open() as file:
            next(file)
            for fields in map(str.split, file):
                yield _Row(fields[1], fields[2], fields[3], int(fields[9]))
