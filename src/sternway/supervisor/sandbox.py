"""The command line of bubblewrap: a read-only system, only the directories that are bound, processes of its own.

Everything but the command goes through a file in memory, so that the environment is in no command line, and
bubblewrap itself starts with an empty one: what an app declares must not decide how its sandbox is made.
"""

import fcntl
import os
import signal
from collections.abc import Iterator, Mapping, Sequence

from sternway.supervisor import confinement as confining
from sternway.supervisor import kernel
from sternway.supervisor.confinement import Confinement

READY = 3
NOT_MEANT_FOR_IT = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""Signals that bubblewrap gets as well when somebody, or the terminal, sends them to what runs in it."""

_ABOVE = 10
_BEGIN = f"printf . >&{READY}; exec {READY}>&-\n"


def command(confinement: Confinement, line: str, options: int) -> list[str]:
    """Return what is run: bubblewrap, and in it the shell. `options` is a file that bubblewrap reads.

    Bubblewrap must not end by a signal that is meant for the process, and so they are ignored on the way in,
    and no more by the shell. The shell says that it is there before it begins.
    """
    numbers = ",".join(number.name.removeprefix("SIG") for number in NOT_MEANT_FOR_IT)
    shell = ["/usr/bin/env", f"--default-signal={numbers}", "/bin/sh", "-c", _BEGIN + line]
    return [confinement.sandbox, "--args", str(options), "--", *shell]


def join(confinement: Confinement, first: int) -> None:
    """Go into the sandbox whose first process this is, as its user; its processes are seen by children only.

    The mounts belong to a user namespace around that of the processes, which bubblewrap makes for its own ends.
    From there everything else can be joined, by root as by the user whose sandbox it is. Raises OSError.
    """
    users, *others = (os.open(f"/proc/{first}/ns/{name}", os.O_RDONLY) for name in ("user", "ipc", "pid", "mnt"))
    around = kernel.owner(others[-1])
    confining.bound(confinement)
    if confinement.user is not None:
        os.setgroups([])
    for namespace in (around, *others, *([] if os.path.sameopenfile(around, users) else [users])):
        kernel.join(namespace)
    kernel.give_up_capabilities()
    if confinement.user is not None:
        confining.become(confinement.user)
    kernel.forbid_new_privileges()


def write_options(confinement: Confinement, directory: str, environment: Mapping[str, str]) -> int:
    """Return a file in memory with the options; it stays open in the next program."""
    words = [*_system(confinement.system), *_binds(confinement), "--chdir", directory, *_environment(environment)]
    made = os.memfd_create("options", 0)
    file = fcntl.fcntl(made, fcntl.F_DUPFD, _ABOVE)
    os.close(made)
    with open(file, "wb", closefd=False) as content:
        content.write(b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _system(paths: Sequence[str]) -> Iterator[str]:
    yield from ("--unshare-user", "--unshare-pid", "--unshare-ipc")
    for path in paths:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        else:
            yield from ("--ro-bind", path, path)
    yield from ("--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys")


def _binds(confinement: Confinement) -> Iterator[str]:
    for each in confinement.binds:
        yield from ("--bind" if each.is_writable else "--ro-bind", each.source, each.target)


def _environment(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        yield from ("--setenv", name, value)
