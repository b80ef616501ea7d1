"""The command line of bubblewrap: a read-only system, only the directories that are bound, processes of its own.

Everything but the command goes through a file in memory, so that the environment is in no command line, and
bubblewrap itself starts with an empty one: what an app declares must not decide how its sandbox is made.
"""

import fcntl
import os
import signal
from collections.abc import Iterator, Mapping, Sequence

from sternway.supervisor.confinement import Confinement

READY = 3
_ABOVE = 10
_BEGIN = f"printf . >&{READY}; exec {READY}>&-\n"


def command(confinement: Confinement, line: str, options: int) -> list[str]:
    """Return what is run: bubblewrap, and in it the shell. `options` is a file that bubblewrap reads.

    Bubblewrap must not end by the signal that is meant for the process, and so it is ignored on the way in,
    and no more by the shell. The shell says that it is there before it begins.
    """
    number = signal.SIGTERM.name.removeprefix("SIG")
    shell = ["/usr/bin/env", f"--default-signal={number}", "/bin/sh", "-c", _BEGIN + line]
    return [confinement.sandbox, "--args", str(options), "--", *shell]


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
