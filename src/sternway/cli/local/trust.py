"""Whom to trust: the root of a channel, compared by a person or by the fingerprint that one was told."""

import sys
from pathlib import Path

import click

from sternway.channel import pinning
from sternway.channel import publish as publishing
from sternway.channel.follow import Follower, base_url, fetch_root
from sternway.channel.versions import Places
from sternway.cli import errors
from sternway.cli.local.failures import told

ADDRESS = "address"


def confirmed_root(address: str, expected: str | None) -> bytes:
    """Return the first root of a channel if it is the expected one; with nothing to compare it with, ask."""
    with told():
        root = fetch_root(address)
    found = publishing.fingerprint(root)
    if expected is None:
        _ask(found)
    elif expected.strip().lower() != found:
        hint = "ask its owner again, and do not trust it before they are the same"
        raise errors.CommandFailed(f"the channel's root has the fingerprint {found}", hint=hint)
    return root


def keep(home: Path, address: str, root: bytes) -> None:
    """Have the command line of this user follow a channel; `home` is where its settings lie."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with told():
            pinning.pin(home, root)
        _address(home).write_text(f"{absolute(address)}\n")
    except OSError as exc:
        raise errors.CommandFailed(f"cannot write {exc.filename}: {exc.strerror}") from exc


def kept(home: Path) -> tuple[str, bytes] | None:
    """Return the address and the root of the channel that this user follows; None while there is none."""
    try:
        return _address(home).read_text().strip(), Places(home).pinned.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise errors.CommandFailed(f"cannot read {exc.filename}: {exc.strerror}") from exc


def followed(home: Path) -> Follower | None:
    """Return that channel, to be read."""
    found = kept(home)
    if found is None:
        return None
    address, root = found
    with told():
        return Follower(address, Places(home).trusted, root=root)


def absolute(address: str) -> str:
    """Return an address that means the same wherever it is read: that of a directory is made absolute."""
    with told():
        base_url(address)
    return address if "://" in address else str(Path(address).absolute())


def _address(home: Path) -> Path:
    return Places(home).pinned.with_name(ADDRESS)


def _ask(fingerprint: str) -> None:
    if not sys.stdin.isatty():
        raise errors.usage("nobody is here to be asked", hint="give the fingerprint: --fingerprint HEX")
    sys.stderr.write(f"The root of the channel has the fingerprint\n{fingerprint}\n")
    if not click.confirm("Is it what the owner of the channel has told you?", err=True):
        raise errors.CommandFailed("not trusted", hint="ask its owner for the fingerprint")
