"""`channel`: make a channel of versions, publish to it, and look into one, on this machine."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import click

from sternway.channel import pinning
from sternway.channel import publish as publishing
from sternway.channel.artifact import SUFFIXES, Artifact
from sternway.channel.keys import ROLES, Keys
from sternway.channel.repository import SignedFiles
from sternway.cli import errors, options, output
from sternway.cli.command import Group
from sternway.cli.local import trust as trusting
from sternway.cli.local.failures import told
from sternway.cli.settings import Settings
from sternway.core import version as versions

ABOUT = "about.json"
_FILE = re.compile(rf"sternway-(?P<program>{'|'.join(SUFFIXES)})-(?P<platform>[a-z0-9_-]+)\.(?:tar\.gz|zip)")

_directory = click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
_keys = click.option(
    "--keys",
    "keys",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A directory of keys; may be repeated. Keep it out of the channel.",
)


@click.group(cls=Group)
def channel() -> None:
    """Make and fill a channel: a signed list of versions that any file server can serve."""


@channel.command()
@_directory
@_keys
@click.option("--root-keys", default=1, show_default=True, help="How many keys the root has.")
@click.option("--root-threshold", default=1, show_default=True, help="How many of them have to sign.")
def init(directory: Path, keys: tuple[Path, ...], root_keys: int, root_threshold: int) -> None:
    """Make an empty channel, and its keys in the first of the directories of keys.

    Move the files `root-…` to where nobody publishes: they are needed to change keys only.
    """
    with told():
        made = _opened(directory, keys)
        publishing.init(made, publishing.Thresholds(root_keys, root_threshold))
        _show_root(made)


@channel.command()
@_directory
@_keys
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--version", "version", required=True, help="The version that the files are of.")
@click.option("--notes", default="", help="What is new in it, in a few words.")
def publish(directory: Path, keys: tuple[Path, ...], files: tuple[Path, ...], version: str, notes: str) -> None:
    """Publish the files of a version, all at once, as `make version` names them."""
    with told():
        versions.read(version)
        found = {file: _artifact(file, version, notes) for file in files}
        publishing.publish(_opened(directory, keys), found)
    output.show("".join(f"{artifact.path}\n" for artifact in found.values()))


@channel.command(name="list")
@_directory
@options.as_json
def list_(directory: Path, as_json: bool) -> None:
    """List what a channel holds, as its files say."""
    with told():
        found = publishing.artifacts(_opened(directory, ()))
    if as_json:
        output.show_json([{**each.custom(), "path": each.path, "sha256": each.sha256} for each in found])
        return
    output.show_table(("VERSION", "PROGRAM", "PLATFORM", "SIZE", "NOTES"), map(_row, found), optional=("NOTES",))


@channel.command()
@_directory
@_keys
@click.argument("version")
@click.option("--reason", required=True, help="Why nobody should use it; shown to whoever tries.")
def yank(directory: Path, keys: tuple[Path, ...], version: str, reason: str) -> None:
    """Mark a version as one that should no longer be used. Its files stay."""
    if not reason.strip():
        raise errors.usage("--reason: say why", hint="to take a mark away: channel unyank")
    with told():
        publishing.yank(_opened(directory, keys), version, reason)


@channel.command()
@_directory
@_keys
@click.argument("version")
def unyank(directory: Path, keys: tuple[Path, ...], version: str) -> None:
    """Take the mark of a yanked version away."""
    with told():
        publishing.yank(_opened(directory, keys), version, "")


@channel.command()
@_directory
@_keys
def renew(directory: Path, keys: tuple[Path, ...]) -> None:
    """Sign the lists again. Clients refuse a list that was not renewed for 30 days."""
    with told():
        publishing.renew(_opened(directory, keys))


@channel.command()
@_directory
@_keys
@click.argument("role", type=click.Choice(ROLES))
def rotate(directory: Path, keys: tuple[Path, ...], role: str) -> None:
    """Give a role new keys. Clients follow by themselves, and believe the old ones no longer."""
    with told():
        publishing.change_key(_opened(directory, keys), role)


@channel.command()
@_directory
def fingerprint(directory: Path) -> None:
    """Print the fingerprint of the root, to be told to whoever is to trust the channel."""
    with told():
        _show_root(_opened(directory, ()))


@channel.command()
@click.argument("address")
@click.option("--data", type=click.Path(path_type=Path), help="The folder of a rack's data: the rack is to trust it.")
@click.option("--fingerprint", "expected", metavar="HEX", help="What `channel fingerprint` prints for its owner.")
def trust(address: str, data: Path | None, expected: str | None) -> None:
    """Trust the keys of a channel, once and for all that follow from them.

    With --data it is a rack of this machine that is to trust it, else the command line of this user, which then
    follows the channel. Without --fingerprint it shows the one that it found, and asks.
    """
    if data is not None and not data.is_dir():
        raise errors.not_found(f"no such directory: {data}", hint="name the folder that the rack was given as --data")
    root = trusting.confirmed_root(address, expected)
    if data is None:
        trusting.keep(Settings(os.environ, Path.cwd()).home, address, root)
    else:
        with told():
            pinning.pin(data, root)
    output.show(f"{publishing.fingerprint(root)}\n")


def _opened(directory: Path, keys: tuple[Path, ...]) -> SignedFiles:
    return SignedFiles(directory, Keys(*keys), datetime.now(UTC))


def _row(artifact: Artifact) -> tuple[str, ...]:
    size = f"{artifact.size_bytes / 1_000_000:.1f} MB"
    notes = f"yanked: {artifact.yanked}" if artifact.yanked else artifact.notes
    return artifact.version, artifact.program, artifact.platform, size, notes


def _show_root(made: SignedFiles) -> None:
    output.show(f"{publishing.fingerprint(publishing.root_of(made))}\n")


def _artifact(file: Path, version: str, notes: str) -> Artifact:
    if not file.is_file():
        raise errors.not_found(f"no such file: {file}", hint="make them: make version")
    found = _FILE.fullmatch(file.name)
    if found is None:
        raise errors.usage(
            f"{file.name} is not named as an artifact",
            hint="sternway-rack-PLATFORM.tar.gz or sternway-cli-PLATFORM.zip",
        )
    return Artifact(version, found["program"], found["platform"], notes=notes, about=_about(file))


def _about(file: Path) -> dict[str, object]:
    """Return what lies beside an artifact that says what it can work with."""
    beside = file.with_name(f"{file.name}.{ABOUT}")
    try:
        told_of: dict[str, object] = json.loads(beside.read_bytes()) if beside.exists() else {}
    except ValueError as exc:
        raise errors.usage(f"{beside.name} is not JSON", hint="make the version again: make version") from exc
    return told_of
