"""The ways in which processes are kept apart, and which of them this machine has."""

import functools
from collections.abc import Awaitable, Callable

import pytest

from sternway.engines.process.isolation import Wanted
from tests.engines.bench import ProcessBench, surveyed

NOTHING = Wanted(groups=False, users=False, sandbox=False)
USERS = Wanted(groups=False, sandbox=False)
SANDBOX = Wanted(groups=False, users=False)
BOTH = Wanted(groups=False)
GROUPS = Wanted(users=False, sandbox=False)

Start = Callable[[Wanted], Awaitable[ProcessBench]]


def lent(wanted: Wanted) -> bool:
    """Tell whether this machine lends all of it."""
    found = surveyed(wanted)
    has_users = found.has_users or not wanted.users
    has_sandbox = bool(found.sandbox) or not wanted.sandbox
    return has_users and has_sandbox and (found.can_limit or not wanted.groups)


def ways(*wanted: Wanted) -> pytest.MarkDecorator:
    marked = [pytest.param(each, marks=pytest.mark.skipif(not lent(each), reason="not here")) for each in wanted]
    return pytest.mark.parametrize("wanted", marked, ids=str)


only = functools.partial(pytest.mark.skipif, reason="not here")
