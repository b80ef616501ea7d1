"""Where a rack answers: the parts of a rack URL, `scheme://user:password@host[:port][/prefix]`."""

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sternway.cli import errors

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """`userinfo` is the text before the @ as it was written: racks compare it still percent-encoded."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    userinfo: str = field(default="", repr=False)

    @property
    def is_secure(self) -> bool:
        """Tell whether TLS is spoken."""
        return self.scheme == "https"

    @property
    def origin(self) -> str:
        """Return `scheme://host[:port]`, the port only if it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def has_password(self) -> bool:
        """Tell whether the URL carries one."""
        return bool(self.userinfo.partition(":")[2])

    def url(self) -> str:
        """Return the whole, with the password."""
        scheme, _, rest = self.origin.partition("://")
        return f"{scheme}://{self.userinfo}{'@' if self.userinfo else ''}{rest}{self.prefix}"

    def authorization(self) -> str | None:
        """Return the value of the Authorization header, None without a user."""
        if not self.userinfo:
            return None
        from base64 import b64encode

        return f"Basic {b64encode(self.userinfo.encode()).decode()}"


def parse(url: str) -> Address:
    """Read a rack URL. The message of an error never repeats it: it carries the password."""
    parts = urlsplit(url.strip())
    if parts.scheme not in PORTS or not parts.hostname:
        raise _invalid()
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as exc:
        raise _invalid() from exc
    userinfo, _, _ = parts.netloc.rpartition("@")
    return Address(parts.scheme, parts.hostname, port, parts.path.rstrip("/"), userinfo)


def replaced(address: Address, userinfo: str) -> Address:
    """Return the address with another user and password."""
    return replace(address, userinfo=userinfo)


def _invalid() -> errors.CommandFailed:
    return errors.usage("the rack URL is not valid", hint="write it as https://USER:PASSWORD@HOST[:PORT]")
