"""What differs between two releases: variables, the manifest by meaning and as text, files, settings. Pure."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sternway.core.app import Settings
from sternway.core.environment import Environment
from sternway.core.errors import InvalidInput
from sternway.core.manifest import Manifest, parse
from sternway.core.release import Build

MAX_SHOWN = 200


class Kind(StrEnum):
    """What became of something from one release to the other."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. `before` and `after` are in words, None where it was not there or is not to be seen."""

    name: str
    kind: Kind
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source tree, with a hash of its bytes (or of where it leads to, for a link)."""

    size_bytes: int
    sha256: str


def environments(before: Environment, after: Environment, *, reveal: bool = False) -> tuple[Change, ...]:
    """Return the variables that differ, by name; without `reveal` no value is in the answer."""
    changes = _maps(before, after)
    return tuple(changes if reveal else (Change(change.name, change.kind) for change in changes))


def manifests(before: str, after: str) -> tuple[Change, ...] | None:
    """Return what two manifests mean differently, key by key, as `services.web.scale.count.min`.

    Keys that differ in how they are written only are the same. None where one of them cannot be read any more.
    Values of variables are never filled in, and so cannot be seen.
    """
    try:
        return tuple(_trees(_meaning(before), _meaning(after)))
    except InvalidInput:
        return None


def unified(before: str, after: str, names: tuple[str, str]) -> str:
    """Return the difference of two texts as `diff -u` writes it; empty if there is none."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def settings(before: Settings, after: Settings) -> tuple[Change, ...]:
    """Return what is set differently: `lock`, `scale.SERVICE`, `parameters.NAME`."""
    return tuple(_maps(_flat(before), _flat(after)))


def files(before: Mapping[str, SourceFile], after: Mapping[str, SourceFile]) -> tuple[Change, ...]:
    """Return the files that differ, by path, with their sizes."""
    both = sorted(before.keys() | after.keys())
    return tuple(
        Change(path, _kind(path in before, path in after), _size(before.get(path)), _size(after.get(path)))
        for path in both
        if before.get(path) != after.get(path)
    )


def artifacts(before: Build | None, after: Build | None) -> tuple[Change, ...]:
    """Return the services that are started from something else."""
    return tuple(_maps(before.artifacts if before else {}, after.artifacts if after else {}))


def _maps(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Change(name, _kind(name in before, name in after), before.get(name), after.get(name))


def _kind(was: bool, is_now: bool) -> Kind:
    if was and is_now:
        return Kind.CHANGED
    return Kind.ADDED if is_now else Kind.REMOVED


def _flat(found: Settings) -> Mapping[str, str]:
    scale = {f"scale.{service}": str(count) for service, count in found.scale.items()}
    parameters = {f"parameters.{name}": value for name, value in found.parameters.items()}
    return {"lock": "yes" if found.locked else "no", **scale, **parameters}


def _size(file: SourceFile | None) -> str | None:
    return f"{file.size_bytes} B" if file else None


def _meaning(text: str) -> object:
    found = parse(text).manifest if text.strip() else Manifest()
    return _named(found.model_dump(by_alias=True, mode="json"))


def _named(value: object) -> object:
    """Return a tree of maps, in which lists of things that have a name are maps by that name."""
    if isinstance(value, Mapping):
        return {str(key): _named(item) for key, item in value.items() if not (key == "name" and len(value) > 2)}
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
        return {str(item["name"]): _named({k: v for k, v in item.items() if k != "name"}) for item in value}
    return value


def _trees(before: object, after: object, path: str = "") -> Iterator[Change]:
    if before == after:
        return
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield Change(path, Kind.CHANGED, _shown(before), _shown(after))
        return
    for key in sorted(before.keys() | after.keys()):
        at = f"{path}.{key}" if path else key
        if key in before and key in after:
            yield from _trees(before[key], after[key], at)
        elif key in before:
            yield Change(at, Kind.REMOVED, _shown(before[key]), None)
        else:
            yield Change(at, Kind.ADDED, None, _shown(after[key]))


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(_told(value), sort_keys=True, ensure_ascii=False)[:MAX_SHOWN]


def _told(value: object) -> object:
    """Leave out what is only there to say that nothing was said."""
    if isinstance(value, Mapping):
        kept = {key: _told(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, False, [], {}, "")}
    return value
