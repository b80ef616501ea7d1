"""The volumes of a rack in its engine: those that it keeps for an app, and directories of the machine.

One that is kept is a volume of the engine, `sternway-RACK-APP-GENERATION-TARGET`, made before the first container that
names it. When an app is deleted, its generation is closed by a volume that stands for nothing
else: an app that is made anew under the same name begins the next one, and never sees what the last one left.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sternway.core.errors import Conflict
from sternway.core.formation import Volume
from sternway.engines.docker import labels
from sternway.engines.docker.calls.api import Api

GENERATION = "sternway.generation"
CLOSED = "sternway.closed"
OWNER = "sternway.owner"
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9]+")
_RESERVED = ("/proc", "/dev", "/sys")


@dataclass(frozen=True, slots=True)
class Mounts:
    """The volumes of one container, and lines about those that come to nothing."""

    kept: tuple[Mapping[str, Any], ...] = ()
    binds: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Volumes:
    """The volumes of one rack. Nothing in `private`, the rack's own directory, can be one of the machine."""

    def __init__(self, api: Api, rack: str, private: Path) -> None:
        self._api = api
        self._rack = rack
        self._private = os.path.realpath(private)
        self._generations: dict[str, int] = {}
        self._there: set[str] = set()

    async def learn(self) -> None:
        """See which generations and volumes there are."""
        found = await self._list()
        self._there = {each["Name"] for each in found}
        self._generations = {each["Labels"][labels.APP]: _generation(found, each) for each in found}

    def of(self, app: str, wanted: Sequence[Volume]) -> Mounts:
        """Return what a container of the app is to mount."""
        problems = {volume.target: self._problem(volume) for volume in wanted}
        good = [volume for volume in wanted if not problems[volume.target]]
        return Mounts(
            kept=tuple(self._kept(app, volume.target) for volume in good if volume.source is None),
            binds=tuple(f"{os.path.realpath(v.source)}:{v.target}" for v in good if v.source is not None),
            variables={f"VOLUME_{_words(v.target, '_').upper()}": v.target for v in good},
            notes=tuple(f"volume {target}: {problem}" for target, problem in problems.items() if problem),
        )

    async def ensure(self, mounts: Mounts) -> None:
        """Make the volumes that are not known to be there: not every engine labels those that it makes by itself."""
        for each in mounts.kept:
            if each["Source"] not in self._there:
                made = {"Name": each["Source"], "Labels": each["VolumeOptions"]["Labels"]}
                await self._api.post("volumes/create", made)
                self._there.add(each["Source"])

    async def leave(self, app: str, owner: int = 0) -> None:
        """Put the volumes of an app that is gone aside; called twice it does nothing more.

        What closes their generation says whose they are, and is all that `recall` has to take away.
        """
        found = await self._list(app)
        generation = max((_generation(found, each) for each in found), default=0)
        if any(_number(each) == generation for each in found):
            name = f"sternway-{self._rack}-{app}-{generation}-closed"
            marked = {**self._labels(app, generation, CLOSED), OWNER: str(owner)}
            await self._api.post("volumes/create", {"Name": name, "Labels": marked})
            generation += 1
        self._generations[app] = generation

    async def recall(self, app: str, owner: int) -> bool:
        """Bring the volumes of this owner back; tell whether there are any."""
        found = await self._list(app)
        generation = max((_generation(found, each) for each in found), default=0)
        closing = next((each for each in found if each["Labels"].get(OWNER) == str(owner)), None)
        if closing is None:
            return any(_number(each) == generation for each in found)
        if any(_number(each) > _number(closing) for each in found):
            raise Conflict(f"there are volumes of another {app}", hint="see them: docker volume ls")
        await self._api.delete(f"volumes/{closing['Name']}")
        self._generations[app] = _number(closing)
        return True

    def _kept(self, app: str, target: str) -> Mapping[str, Any]:
        generation = self._generations.get(app, 0)
        return {
            "Type": "volume",
            "Source": f"sternway-{self._rack}-{app}-{generation}-{slug(target)}",
            "Target": target,
            "VolumeOptions": {"Labels": self._labels(app, generation)},
        }

    def _labels(self, app: str, generation: int, *more: str) -> Mapping[str, str]:
        own = {labels.RACK: self._rack, labels.APP: app, GENERATION: str(generation)}
        return own | dict.fromkeys(more, "yes")

    async def _list(self, app: str | None = None) -> list[Mapping[str, Any]]:
        wanted = labels.selecting(self._rack) if app is None else labels.selecting(self._rack, app=app)
        found = (await self._api.get("volumes", filters=labels.encoded(wanted)))["Volumes"] or ()
        return [each for each in found if labels.APP in each["Labels"] and GENERATION in each["Labels"]]

    def _problem(self, volume: Volume) -> str:
        target = os.path.normpath(volume.target)
        if target == "/" or any(_is_in(target, reserved) for reserved in _RESERVED):
            return "ignored, since this path is the system's"
        if volume.source is None:
            return ""
        if not volume.source.startswith("/") or ":" in f"{volume.source}{volume.target}":
            return f"ignored, since {volume.source} is no path of the machine"
        source = os.path.realpath(volume.source)
        if _is_in(source, self._private) or _is_in(self._private, source):
            return "ignored, since the rack's own directory is no volume"
        return ""


def slug(target: str) -> str:
    """Return the part of the name that a target has; different targets never share one."""
    path = os.path.normpath(target)
    return f"{_words(path, '-').lower()}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _generation(found: Sequence[Mapping[str, Any]], volume: Mapping[str, Any]) -> int:
    """Return the generation that the app of a volume is in."""
    own = [each for each in found if each["Labels"][labels.APP] == volume["Labels"][labels.APP]]
    return max(_openings(own), default=0)


def _openings(own: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    for each in own:
        yield int(each["Labels"][GENERATION]) + (CLOSED in each["Labels"])


def _number(volume: Mapping[str, Any]) -> int:
    return int(volume["Labels"][GENERATION])


def _words(path: str, separator: str) -> str:
    return _NOT_A_WORD.sub(separator, os.path.normpath(path)).strip(separator)


def _is_in(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")
