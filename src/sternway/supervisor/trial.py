"""Finds out what this machine allows, by trying it: which control groups can be used, which confinement works.

What a kernel has and what it lets one do are different things, in a container above all.
"""

import contextlib
import json
import os
import select
import signal
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from sternway.supervisor import cgroup, child, order

PATIENCE_S = 5.0
_SEEN_BYTES = 4096
_BOUNDS = cgroup.Limits(memory_mib=64, cpu_millis=500, tasks=64)


def answer(questions: BinaryIO, answers: BinaryIO) -> None:
    """Read one question, and answer it.

    It has `groups`, a list of lists of directories: of each list the first is answered below which groups can
    be used, if there is one. And it has `orders`: of each is answered what kept it from working, up to the
    first that works.
    """
    question = order.decode(questions.readline())
    groups: Any = question.get("groups", [])
    orders: Any = question.get("orders", [])
    found = {
        "groups": [_usable(candidates) for candidates in groups],
        "problems": _problems(order.parse(json.dumps(each).encode()) for each in orders),
    }
    answers.write(order.encode(found))
    answers.flush()


def _usable(parents: Sequence[str]) -> str | None:
    return next((parent for parent in parents if _works(os.path.join(parent, f"trial-{os.getpid()}"))), None)


def _works(group: str) -> bool:
    try:
        cgroup.create(group, _BOUNDS)
        with contextlib.closing(_Idler()) as idler:
            cgroup.enter(group, idler.pid)
            return idler.pid in cgroup.members(group)
    except OSError:
        return False
    finally:
        cgroup.remove(group)


class _Idler:
    """A process that does nothing."""

    def __init__(self) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            signal.alarm(int(PATIENCE_S))
            signal.pause()
            os._exit(0)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _problems(orders: Iterable[order.Order]) -> list[str]:
    found = []
    for each in orders:
        found.append(_problem(each))
        if not found[-1]:
            break
    return found


def _problem(wanted: order.Order) -> str:
    """Run the command of an order to its end, and return what it printed if that is not well."""
    printed, printing = os.pipe()
    os.set_blocking(printed, False)
    pid = child.spawn(wanted, printing)
    os.close(printing)
    _wait(pid)
    child.signal_group(pid, signal.SIGKILL)
    code = child.reap(pid, is_sandboxed=bool(wanted.confinement.sandbox))
    try:
        said = os.read(printed, _SEEN_BYTES).decode(errors="replace").strip()
    except BlockingIOError:
        said = ""
    os.close(printed)
    return "" if code == 0 else said or f"it ended with {code}"


def _wait(pid: int) -> None:
    process = os.pidfd_open(pid)
    select.select([process], [], [], PATIENCE_S)
    os.close(process)
