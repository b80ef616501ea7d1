"""Image registries: how to log in to them, and which one keeps copies of what this rack builds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sternway.core.errors import InvalidInput

PARAMETER = "registry"
"""The parameter of the rack that names where images are pushed: `HOST[:PORT][/PATH]`, or nothing."""

_SERVER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_PATH = re.compile(r"(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True)
class Login:
    """Who to be at a registry. The password is secret: it is in no repr."""

    server: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registries:
    """What is known of registries: logins by server, and where images are pushed (empty: nowhere)."""

    logins: Mapping[str, Login] = field(default_factory=dict)
    push_to: str = ""

    def login_for(self, image: str) -> Login | None:
        """Return the login for what an image's name says of its registry."""
        return self.logins.get(server_of(image))


DEFAULT_SERVER = "docker.io"
_ALIASES = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


def server_of(image: str) -> str:
    """Return the registry that an image's name stands for: its first part, if that looks like a host."""
    first, separator, _ = image.partition("/")
    is_host = separator and ("." in first or ":" in first or first == "localhost")
    return first if is_host else DEFAULT_SERVER


def read_server(text: str) -> str:
    """Return a registry's host as `login_for` knows it; raises InvalidInput."""
    server = re.sub(r"^https?://", "", text.strip()).removesuffix("/").removesuffix("/v1").removesuffix("/v2")
    server = DEFAULT_SERVER if server in _ALIASES else server
    if not _SERVER.fullmatch(server):
        raise InvalidInput(f"server: {text[:80]!r} is not HOST or HOST:PORT", hint="for example registry.example.com")
    return server


def read_push_to(text: str) -> str:
    """Return where images are pushed; empty for nowhere. Raises InvalidInput."""
    host, slash, path = text.strip().removesuffix("/").partition("/")
    if text.strip() and not (_SERVER.fullmatch(host) and _PATH.fullmatch(slash + path)):
        raise InvalidInput(
            f"{PARAMETER}: {text[:80]!r} is not HOST[:PORT][/PATH]", hint="for example registry.example.com/apps"
        )
    return host + slash + path
