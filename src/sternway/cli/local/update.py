"""`update`: move this program to another version of itself, and back.

What a channel offers is believed only as far as the pinned root leads; what is kept here is believed by its hash.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

import sternway
from sternway.channel.artifact import CLI, Artifact, newest, this_platform
from sternway.channel.follow import Follower
from sternway.cli import errors, letters, options, output
from sternway.cli.command import command
from sternway.cli.local import executables, origin, trust
from sternway.cli.local.executables import Executables
from sternway.cli.local.failures import told
from sternway.cli.settings import Settings
from sternway.core import version as versions
from sternway.core.errors import ChannelUnavailable

NO_CHANNEL = "no channel is followed"
NO_CHANNEL_HINT = "sternway channel trust ADDRESS --fingerprint HEX; both are the owner's to tell"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    version: str | None
    is_forced: bool = False


@command()
@click.argument("version", required=False)
@click.option("--rollback", "is_back", is_flag=True, help="Go back to the version before; a second time undoes it.")
@click.option("--list", "is_list", is_flag=True, help="List the versions that there are.")
@click.option("--force", is_flag=True, help="Take a version although it was yanked.")
@click.option("--channel", "address", metavar="ADDRESS", help="Follow this channel from now on.")
@click.option("--fingerprint", metavar="HEX", help="That of the channel's root, as its owner tells it.")
@options.as_json
def update(version: str | None, *, is_back: bool, is_list: bool, force: bool, as_json: bool, **given: str) -> None:
    """Move this program to another version, newer or older; to the newest if none is named.

    The versions that it had before are kept, and can be had again without a network.
    """
    if (is_back and (version or is_list or given["address"])) or (is_list and version) or (as_json and not is_list):
        raise errors.usage("these options do not go together", hint="sternway update --help")
    if given["fingerprint"] and not given["address"]:
        raise errors.usage("--fingerprint: of which channel?", hint="name it: --channel ADDRESS")
    home = Settings(os.environ, Path.cwd()).home
    if address := given["address"]:
        trust.keep(home, address, trust.confirmed_root(address, given["fingerprint"]))
    with _explained():
        kept = Executables(_share())
        if is_list:
            return _list(kept, trust.followed(home), as_json=as_json)
        executable = origin.executable()
        with kept.alone():
            own = sternway.__version__
            target = kept.before(own) if is_back else _fetched(kept, trust.followed(home), Wish(version, force))
            _move(kept, executable, target)


def _move(kept: Executables, executable: Path, target: str) -> None:
    own = sternway.__version__
    if target == own:
        return output.show(f"This is version {own} already\n")
    found = kept.verify(target)
    kept.keep_running(own, executable)
    executables.swap(executable, found)
    kept.moved(running=target, before=own)
    output.show(f"Moved {executable} from {own} to {target}\n")
    sys.stderr.write(f"Go back with: {executable.name} update --rollback\n")


def _fetched(kept: Executables, channel: Follower | None, wish: Wish) -> str:
    """See to it that the wanted version is kept, and return it."""
    if wish.version and channel is None:
        return _without_channel(kept, versions.read(wish.version))
    try:
        offered = _offered(channel)
    except ChannelUnavailable:
        if wish.version is None or not _is_kept(kept, wish.version):
            raise
        sys.stderr.write("The channel does not answer: taken from what is kept.\n")
        return wish.version
    artifact = _chosen(offered, wish)
    if artifact is None:
        return sternway.__version__
    if artifact.yanked and not wish.is_forced:
        raise errors.CommandFailed(
            f"version {artifact.version} was yanked: {letters.printable(artifact.yanked)}",
            hint=f"choose another one (update --list), or insist: sternway update {artifact.version} --force",
        )
    if artifact.version != sternway.__version__ and channel is not None:
        sys.stderr.write(f"Fetching version {artifact.version}\n")
        kept.keep_fetched(artifact, channel.fetch)
    return artifact.version


def _without_channel(kept: Executables, version: str) -> str:
    if not _is_kept(kept, version):
        raise errors.not_found(f"version not kept, and {NO_CHANNEL}: {version}", hint=NO_CHANNEL_HINT)
    return version


def _chosen(offered: Sequence[Artifact], wish: Wish) -> Artifact | None:
    """Return the wanted artifact; None where nothing is newer than what runs and nothing was named."""
    if wish.version is None:
        found = newest(offered)
        return found if found and found.version > sternway.__version__ else None
    versions.read(wish.version)
    named = [artifact for artifact in offered if artifact.version == wish.version]
    if not named:
        raise errors.not_found(f"version not found: {wish.version}", hint="see them: sternway update --list")
    return named[0]


def _offered(channel: Follower | None) -> Sequence[Artifact]:
    if channel is None:
        raise errors.not_found(NO_CHANNEL, hint=NO_CHANNEL_HINT)
    return [each for each in channel.artifacts() if (each.program, each.platform) == (CLI, this_platform())]


def _is_kept(kept: Executables, version: str) -> bool:
    return any(each.version == version for each in kept.list())


def _list(kept: Executables, channel: Follower | None, *, as_json: bool) -> None:
    rows = _rows(kept, _seen(channel))
    if as_json:
        return output.show_json(rows)
    shown = [(str(row["version"]), str(row["date"]), _status(row), str(row["notes"])) for row in rows]
    output.show_table(("VERSION", "DATE", "STATUS", "NOTES"), shown, optional=("NOTES",))


def _seen(channel: Follower | None) -> Sequence[Artifact]:
    try:
        return _offered(channel)
    except (ChannelUnavailable, errors.CommandFailed) as exc:
        sys.stderr.write(f"Only what is kept is listed: {letters.printable(exc.message)}\n")
        return ()


def _rows(kept: Executables, offered: Sequence[Artifact]) -> list[dict[str, object]]:
    own, artifacts = sternway.__version__, {artifact.version: artifact for artifact in offered}
    here = {each.version for each in kept.list()}
    return [
        {
            "version": version,
            "date": _date(version),
            "is-running": version == own,
            "is-kept": version in here,
            "yanked": artifacts[version].yanked if version in artifacts else "",
            "notes": artifacts[version].notes if version in artifacts else "",
        }
        for version in sorted({*artifacts, *here, own}, reverse=True)
    ]


def _date(version: str) -> str:
    with contextlib.suppress(ValueError):
        return f"{versions.moment(version):%Y-%m-%d %H:%M}"
    return ""


def _status(row: dict[str, object]) -> str:
    words = ["running"] if row["is-running"] else []
    words += ["kept"] if row["is-kept"] and not row["is-running"] else []
    words += [f"yanked: {row['yanked']}"] if row["yanked"] else []
    return ", ".join(words)


def _share() -> Path:
    named = os.environ.get("XDG_DATA_HOME", "")
    return (Path(named) if named.startswith("/") else Path.home() / ".local" / "share") / "sternway" / "cli"


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        with told():
            yield
    except OSError as exc:
        raise errors.CommandFailed(
            f"cannot update: {exc.strerror or exc}", hint="is there room on the disk, and the right to write?"
        ) from exc
