"""Who an app runs as, where the rack may choose: a user of its own, that has no name and nothing else.

Numbers are handed out in turn and never twice, so that what one app left on a disk is never another's.
"""

import json
import pwd
import random
from pathlib import Path
from typing import Any

from sternway import files
from sternway.core.errors import EngineUnavailable

FIRST = 300_000
COUNT = 65_536


class Users:
    """The users of the apps of one rack, in a file. It begins anywhere, so that two racks hardly ever meet."""

    def __init__(self, directory: Path, dice: random.Random) -> None:
        self._path = directory / "users.json"
        self._dice = dice

    def of(self, app: str) -> int:
        """Return the user of the app, a new one at its first time; raises EngineUnavailable if none is left."""
        known = self._read()
        user = known["apps"].get(app)
        if user is None:
            user, known["next"] = self._free(known)
            known["apps"][app] = user
            self._write(known)
        return int(user)

    def forget(self, app: str) -> None:
        """Let the app's user go; the next app of that name is another one."""
        known = self._read()
        if known["apps"].pop(app, None) is not None:
            self._write(known)

    def _free(self, known: dict[str, Any]) -> tuple[int, int]:
        for number in range(known["next"], known["first"] + COUNT):
            user = FIRST + (number - FIRST) % COUNT
            if not _has_name(user):
                return user, number + 1
        raise EngineUnavailable("no user is left for another app", hint="apps need a new rack")

    def _read(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._path.read_bytes())
            return known
        except FileNotFoundError:
            first = FIRST + self._dice.randrange(COUNT)
            return {"first": first, "next": first, "apps": {}}
        except (OSError, ValueError) as exc:
            raise EngineUnavailable(f"{self._path} cannot be used: {exc}", hint="put it back from a backup") from exc

    def _write(self, known: dict[str, Any]) -> None:
        try:
            files.replace(self._path, json.dumps(known).encode(), is_durable=True)
        except OSError as exc:
            raise EngineUnavailable(f"{self._path} cannot be written: {exc}") from exc


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True
