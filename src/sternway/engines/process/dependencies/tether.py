"""The program between the rack and a package manager: it ends the whole group as soon as the rack lets go.

The rack holds the other end of its stdin. However the rack ends, kill -9 included, that end closes, and nothing
of the package manager is left. Run as a script with the command as its arguments: stdlib only, no imports of ours.
"""

import ctypes
import os
import select
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36
EXIT_CANNOT_START = 127
EXIT_LET_GO = 137
MAX_ROUNDS = 100


def main(command: list[str]) -> int:
    """Run the command to its end, or until stdin closes; return its exit code as a shell would."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    pid = os.fork()
    if pid == 0:
        become(command)
    has_ended = wait(pid)
    end_all(pid)
    status = os.waitpid(pid, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    end_orphans()
    return (code if code >= 0 else 128 - code) if has_ended else EXIT_LET_GO


def become(command: list[str]) -> None:
    """Turn into the command, in a session of its own, with nothing to read."""
    try:
        os.setsid()
        os.umask(0o022)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as problem:
        os.write(2, f"{command[0]} cannot be started: {problem.strerror}\n".encode())
    finally:
        os._exit(EXIT_CANNOT_START)


def wait(pid: int) -> bool:
    """Tell whether the command ended by itself; False when stdin closed first. It stays a zombie until then."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    poll.register(ended, select.POLLIN)
    return any(number == ended for number, _ in poll.poll())


def end_all(group: int) -> None:
    """Kill everyone in the group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def end_orphans() -> None:
    """Kill what left the group and came to us; new ones may appear meanwhile."""
    for _ in range(MAX_ROUNDS):
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            left = [int(word) for word in file.read().split()]
        if not left:
            return
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
