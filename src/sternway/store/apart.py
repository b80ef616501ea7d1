"""Brings the schema up to date in a process of its own, which takes with it what only a migration needs.

It is told the database on its standard input and prints what went wrong, as JSON. It ends with the process that
asked: one that went on would write a database that may be replaced by then, and remove the log of the other one.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys

import sqlalchemy as sa

from sternway.core import errors
from sternway.store import schema

TIMEOUT_S = 600.0
"""How long a migration may take. One that is given up leaves the database as it was."""
PR_SET_PDEATHSIG = 1


def upgrade(url: sa.URL, wait_s: float) -> None:
    """Do what `schema.upgrade` does, with the same errors; without a process if there is nothing to migrate."""
    if schema.is_newest(url, wait_s=wait_s):
        return
    problem = _migrate(url, wait_s)
    if problem:
        raise errors.StoreUnavailable(problem["message"], hint=problem["hint"])


def _migrate(url: sa.URL, wait_s: float) -> dict[str, str]:
    """Return what went wrong, or nothing."""
    order = json.dumps({"url": url.render_as_string(hide_password=False), "wait_s": wait_s, "asked_by": os.getpid()})
    command = [sys.executable, "-P", "-m", __name__]
    try:
        done = subprocess.run(command, input=order, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        said = dict(json.loads(done.stdout))
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise errors.StoreUnavailable(f"store: the schema cannot be migrated: {exc}") from exc
    except ValueError as exc:
        last = done.stderr.strip().rpartition("\n")[2]
        raise errors.StoreUnavailable(f"store: the schema cannot be migrated: {last}") from exc
    return said


def _answer(order: str) -> dict[str, str]:
    wanted = json.loads(order)
    _end_with(wanted["asked_by"])
    try:
        schema.upgrade(sa.make_url(wanted["url"]), wait_s=wanted["wait_s"])
    except errors.SternwayError as exc:
        return {"message": exc.message, "hint": exc.hint}
    return {}


def _end_with(parent: int) -> None:
    """Have the kernel kill this process with the one that asked, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("whoever asked is gone")


if __name__ == "__main__":
    print(json.dumps(_answer(sys.stdin.read())))
