"""Read a channel, believing only what its pinned root leads to.

What a client has seen is kept with the root, outside all versions: an older list than that is refused, whoever
serves it. Every method blocks; call it in a thread where there is a loop.
"""

import http.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Targets
from tuf.ngclient import Updater, UpdaterConfig

from sternway import files
from sternway.channel.abort import Abort
from sternway.channel.artifact import Artifact, of_custom
from sternway.channel.download import Fetcher
from sternway.channel.repository import METADATA
from sternway.core.errors import ChannelRefused, ChannelUnavailable, InvalidInput, NotFound

LIST_S = 120.0
FETCH_S = 3600.0


class Follower:
    """Follows a channel. `address` is a directory, or an http(s) URL; `trusted` keeps what was seen of it.

    `root` is the pinned root; without it the one that is kept. `abort` ends whatever is being fetched.
    """

    def __init__(self, address: str, trusted: Path, *, root: bytes | None = None, abort: Abort | None = None) -> None:
        self._abort = abort or Abort()
        self._address = base_url(address)
        self._trusted = trusted
        self._root = root

    def artifacts(self) -> Sequence[Artifact]:
        """Fetch the newest list and return what the channel holds, newest first.

        Raises ChannelRefused for anything that is not as signed, ChannelUnavailable for what does not answer.
        """
        with translated(self._address), self._abort.within(LIST_S):
            self._updater().refresh()
            listed = Metadata[Targets].from_file(str(self._trusted / "targets.json")).signed
        found = [
            of_custom(target.custom or {}, size_bytes=target.length, sha256=target.hashes["sha256"])
            for target in listed.targets.values()
        ]
        return sorted(found, key=lambda each: (each.version, each.program, each.platform), reverse=True)

    def fetch(self, artifact: Artifact, to: Path) -> None:
        """Download an artifact, checked against the signed list; there is no file unless it is the right one."""
        to.parent.mkdir(parents=True, exist_ok=True)
        part = to.with_name(f".{to.name}.part")
        try:
            with translated(self._address), self._abort.within(FETCH_S):
                updater = self._updater()
                target = updater.get_targetinfo(artifact.path)
                if target is None:
                    raise NotFound(f"version not found: {artifact.version}", hint="see them: sternway update --list")
                updater.download_target(target, str(part))
            files.sync(part)
            part.rename(to)
        finally:
            part.unlink(missing_ok=True)

    def _updater(self) -> Updater:
        self._trusted.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._root is None and not (self._trusted / "root.json").exists():
            raise ChannelRefused("nothing says whom to trust: no root is pinned", hint="sternway channel trust ADDRESS")
        return Updater(
            str(self._trusted),
            f"{self._address}{METADATA}/",
            target_base_url=self._address,
            fetcher=Fetcher(self._abort),
            config=UpdaterConfig(prefix_targets_with_hash=False),
            bootstrap=self._root,
        )


def fetch_root(address: str) -> bytes:
    """Return the first root as it is served, unchecked: compare its fingerprint before it is pinned."""
    abort = Abort()
    with translated(address), abort.within(LIST_S):
        return Fetcher(abort).download_bytes(
            f"{base_url(address)}{METADATA}/1.root.json", UpdaterConfig().root_max_length
        )


def base_url(address: str) -> str:
    """Return the URL that the files of a channel lie under; raises InvalidInput."""
    if urlsplit(address).scheme in ("http", "https", "file"):
        return f"{address.rstrip('/')}/"
    path = Path(address)
    if "://" in address or not path.is_dir():
        raise InvalidInput(f"channel: {address!r} is no directory and no http address", hint="correct the address")
    return f"{path.absolute().as_uri()}/"


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Raise our errors, which say what is wrong with a channel and what it may mean."""
    try:
        yield
    except exceptions.ExpiredMetadataError as exc:
        raise ChannelRefused(
            f"the channel's list has expired: {exc}",
            hint="its owner has to renew it (sternway channel renew), or somebody holds newer ones back",
        ) from exc
    except exceptions.BadVersionNumberError as exc:
        raise ChannelRefused(
            f"the channel offers an older list than was seen before: {exc}", hint="somebody may be replaying it"
        ) from exc
    except (exceptions.LengthOrHashMismatchError, exceptions.DownloadLengthMismatchError) as exc:
        raise ChannelRefused(
            f"a file of the channel is not the one that was signed: {exc}", hint="it was changed or cut off on its way"
        ) from exc
    except exceptions.UnsignedMetadataError as exc:
        raise ChannelRefused(
            f"a list of the channel is not signed by enough of the keys that are trusted: {exc}",
            hint="somebody may have changed it",
        ) from exc
    except exceptions.RepositoryError as exc:
        raise ChannelRefused(
            f"the channel's lists are not in order: {exc}", hint="somebody may have changed them"
        ) from exc
    except exceptions.DownloadHTTPError as exc:
        raise ChannelUnavailable(f"the channel lacks a file: {exc}", hint=f"is {address} the right address?") from exc
    except (exceptions.DownloadError, http.client.HTTPException, OSError) as exc:
        raise ChannelUnavailable(f"the channel does not answer: {_cause(exc)}", hint="try again later") from exc


def _cause(problem: BaseException) -> str:
    return str(problem.__cause__ or problem)
