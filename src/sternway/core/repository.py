"""Addresses of Git repositories that a build may be made of: which are taken, and what of them may be shown. Pure.

Only http and https are taken: other ways to reach a repository run programs, or read files of the machine.
"""

import base64
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import unquote, urlsplit

from sternway.core.errors import InvalidInput, Refused

MAX_LENGTH = 2000
PORTS = {"http": 80, "https": 443}
SHORT = 9
SUBJECT_MAX_LENGTH = 500

_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,199}")
_NOT_IN_REFS = ("..", "//", "@{", "/.")
_PATH = re.compile(r"/[A-Za-z0-9_.~/@:+%-]*")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is. `url` has no credentials and may be shown; `authorization` is secret, and in no repr."""

    url: str
    host: str
    port: int
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its full id and the first line of what was written to it."""

    sha: str
    subject: str

    @property
    def description(self) -> str:
        """Say what a build of it is called."""
        return f"build {self.sha[:SHORT]} {self.subject[:SUBJECT_MAX_LENGTH]}".rstrip()


def read(text: str) -> Address:
    """Read an address. Raises InvalidInput, which never repeats it: it may bear a password."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as exc:
        raise _wrong() from exc
    host = parts.hostname or ""
    if parts.scheme not in PORTS:
        raise InvalidInput(
            "repository: only http and https addresses are taken", hint="for example https://example.com/shop.git"
        )
    is_plain = text.isascii() and text.isprintable() and len(text) <= MAX_LENGTH
    is_whole = _HOST.fullmatch(host) and _PATH.fullmatch(parts.path) and len(parts.path) > 1
    if not (is_plain and is_whole) or parts.query or parts.fragment:
        raise _wrong()
    name = f"[{host}]" if ":" in host else host
    shown = f"{parts.scheme}://{name}{'' if parts.port is None else f':{port}'}{parts.path}"
    return Address(shown, host, port, _authorization(parts.username, parts.password))


def read_ref(text: str) -> str:
    """Read the name of a branch or tag, or the id of a commit; empty is what the repository shows by itself."""
    ref = text.strip()
    is_good = _REF.fullmatch(ref) and not any(part in ref for part in _NOT_IN_REFS)
    if ref and (not is_good or ref.endswith((".lock", "/", "."))):
        raise InvalidInput("ref: not the name of a branch, a tag or a commit", hint="for example main, or v1.2")
    return ref or "HEAD"


def check_reach(address: Address, found: IPv4Address | IPv6Address) -> None:
    """Raise Refused for what a rack does not fetch from: itself, and what answers only those beside it.

    Private networks are taken, since that is where people have servers of their own.
    """
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    real = mapped or found
    if real.is_loopback or real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved:
        raise Refused(
            f"repository: {address.host} is this machine, or an address that only it can reach",
            hint="name a server of your network; for source on this machine use: sternway deploy",
        )


def _authorization(user: str | None, password: str | None) -> str:
    if user is None and password is None:
        return ""
    plain = f"{unquote(user or '')}:{unquote(password or '')}"
    return "Basic " + base64.b64encode(plain.encode()).decode()


def _wrong() -> InvalidInput:
    return InvalidInput("repository: not the address of a repository", hint="for example https://example.com/shop.git")
