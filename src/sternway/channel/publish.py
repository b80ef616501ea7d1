"""Make a channel, and change what it holds: publish, yank, renew, change keys."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Root, TargetFile, Targets

from sternway import files
from sternway.channel import archive
from sternway.channel.artifact import Artifact, of_custom
from sternway.channel.keys import ROLES
from sternway.channel.repository import METADATA, SignedFiles
from sternway.core.errors import Conflict, InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many keys a role has, and how many of them have to sign."""

    keys: int = 1
    needed: int = 1


def init(channel: SignedFiles, root: Thresholds = Thresholds()) -> None:
    """Make an empty channel and its keys; raises Conflict where there is one."""
    if (channel.directory / METADATA).exists():
        raise Conflict(f"a channel is there already: {channel.directory}", hint="choose another directory")
    if not 1 <= root.needed <= root.keys:
        raise InvalidInput("--root-threshold: must be between 1 and the number of root keys", hint="for example 2 of 3")
    first = Root(consistent_snapshot=True)
    for role in ROLES:
        _add_keys(channel, first, role, root if role == "root" else Thresholds())
    channel.create(first)
    _sign_snapshot(channel)


def publish(channel: SignedFiles, added: Mapping[Path, Artifact]) -> None:
    """Add the artifacts of a version, with their files. Nobody sees any of them before all are there.

    Raises Conflict for an artifact that is there with another content: a version never changes.
    """
    there = {artifact.path: artifact for artifact in artifacts(channel)}
    with _edited(channel) as targets:
        for file, artifact in added.items():
            found = TargetFile.from_file(artifact.path, str(file), ["sha256"])
            known = there.get(artifact.path)
            if known and known.sha256 != found.hashes["sha256"]:
                raise Conflict(f"{artifact.path} is published with another content", hint="make a new version")
            found.unrecognized_fields["custom"] = artifact.custom()
            _copy(file, channel.directory / artifact.path)
            targets.targets[artifact.path] = found


def yank(channel: SignedFiles, version: str, reason: str) -> None:
    """Mark a version as one that should not be used; its files stay. An empty reason takes the mark away."""
    with _edited(channel) as targets:
        marked = [target for target in targets.targets.values() if _artifact(target).version == version]
        if not marked:
            raise NotFound(f"version not found: {version}", hint="see them: sternway channel list DIR")
        for target in marked:
            target.unrecognized_fields["custom"] = replace(_artifact(target), yanked=reason).custom()


def renew(channel: SignedFiles) -> None:
    """Sign again what expires soonest, so that clients go on believing it. The keys of the targets are not needed."""
    _sign_snapshot(channel)


def change_key(channel: SignedFiles, role: str) -> None:
    """Give a role new keys, as many as it has, in place of all its old ones; clients follow by themselves."""
    if role not in ROLES:
        raise InvalidInput(f"role: {role!r} is not one of {', '.join(ROLES)}", hint="name one of them")
    with channel.edit_root() as root:
        old = root.get_delegated_role(role)
        count, needed = len(old.keyids), old.threshold
        for keyid in list(old.keyids):
            root.revoke_key(keyid, role)
        _add_keys(channel, root, role, Thresholds(count, needed))
    if role == "targets":
        with channel.edit_targets():
            pass
    _sign_snapshot(channel)


def artifacts(channel: SignedFiles) -> Sequence[Artifact]:
    """Return everything that a channel holds, newest first."""
    found = [_artifact(target) for target in channel.targets().targets.values()]
    return sorted(found, key=lambda each: (each.version, each.program, each.platform), reverse=True)


def root_of(channel: SignedFiles) -> bytes:
    """Return the first root, which clients pin."""
    try:
        return (channel.directory / METADATA / "1.root.json").read_bytes()
    except FileNotFoundError as exc:
        raise NotFound(f"no channel: {channel.directory}", hint="make one: sternway channel init DIR") from exc


def fingerprint(root: bytes) -> str:
    """Return what people compare to know that a root is the right one."""
    return hashlib.sha256(root).hexdigest()


@contextmanager
def _edited(channel: SignedFiles) -> Iterator[Targets]:
    """Change the list of artifacts; it is signed, and the page for people written, at the end."""
    with channel.edit_targets() as targets:
        yield targets
    _sign_snapshot(channel)
    archive.write(channel.directory, artifacts(channel))


def _sign_snapshot(channel: SignedFiles) -> None:
    channel.do_snapshot(force=True)
    channel.do_timestamp(force=True)


def _add_keys(channel: SignedFiles, root: Root, role: str, thresholds: Thresholds) -> None:
    for _ in range(thresholds.keys):
        key = channel.keys.make(role).public_key
        assert isinstance(key, SSlibKey)
        root.add_key(key, role)
    root.get_delegated_role(role).threshold = thresholds.needed


def _artifact(target: TargetFile) -> Artifact:
    return of_custom(target.custom or {}, size_bytes=target.length, sha256=target.hashes["sha256"])


def _copy(file: Path, to: Path) -> None:
    """Put a file in place whole, durably."""
    to.parent.mkdir(parents=True, exist_ok=True)
    new = to.with_name(f".{to.name}.new")
    shutil.copyfile(file, new)
    files.sync(new)
    new.rename(to)
