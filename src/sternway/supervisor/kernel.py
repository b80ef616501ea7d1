"""System calls that the standard library of this Python lacks."""

import ctypes
import errno
import fcntl
import os

_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWNS = 0x00020000
_MS_NOSUID = 0x2
_MS_NODEV = 0x4
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000
_NS_GET_USERNS = 0xB701
_CAPABILITIES = 64


def adopt_orphans() -> None:
    """Become the parent of whatever a child leaves behind; raises OSError."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """See to it that no program that is started from here on gains rights, as setuid ones do; raises OSError."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def give_up_capabilities() -> None:
    """See to it that no program that is started from here on has any, not even root's; raises OSError."""
    for number in range(_CAPABILITIES):
        try:
            _prctl(_PR_CAPBSET_DROP, number)
        except OSError as problem:
            if problem.errno != errno.EINVAL:
                raise
            return  # this kernel has no more of them


def join(namespace: int) -> None:
    """Go into a namespace, given as an open file; into one of processes go only those started from here on."""
    _call("setns", namespace, 0)


def owner(namespace: int) -> int:
    """Return the user namespace in which a namespace was made, as an open file; raises OSError."""
    return fcntl.ioctl(namespace, _NS_GET_USERNS)


def leave_mounts() -> None:
    """Have a table of mounts of our own, whose changes nobody else sees; raises OSError."""
    _call("unshare", _CLONE_NEWNS)
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)


def cover(directory: str) -> None:
    """Mount an empty directory over this one; raises OSError."""
    _mount("tmpfs", directory, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m")


def bind(source: str, target: str) -> None:
    """Have a directory seen in another place as well; raises OSError."""
    _mount(source, target, "", _MS_BIND | _MS_REC)


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, *(ctypes.c_ulong(each) for each in (value, 0, 0, 0)))


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    texts = (os.fsencode(text) for text in (source, target, kind))
    _call("mount", *texts, ctypes.c_ulong(flags), options.encode(), about=target)


def _call(name: str, *arguments: object, about: str | None = None) -> None:
    try:
        function = getattr(ctypes.CDLL(None, use_errno=True), name)
    except AttributeError as exc:
        raise OSError(f"this machine has no {name}") from exc
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), about)
