"""What is to be promoted as soon as it is built, and why it was not. It is only memory, and goes with the rack."""

from collections import OrderedDict
from typing import TypeVar

from sternway.core.app import Made

T = TypeVar("T")

REMEMBERED_AT_MOST = 500


class Due:
    """By the id of a build. `fetching` counts the repositories that are being fetched."""

    def __init__(self) -> None:
        self.fetching = 0
        self._wanted: OrderedDict[str, Made] = OrderedDict()
        self._problems: OrderedDict[str, str] = OrderedDict()

    def add(self, build_id: str, made: Made) -> None:
        """Have the release of this build promoted; `made` says who wants it, and why."""
        _keep(self._wanted, build_id, made)

    def take(self, build_id: str) -> Made | None:
        """Return who wants its release promoted, and forget it."""
        return self._wanted.pop(build_id, None)

    def is_wanted(self, build_id: str) -> bool:
        """Tell whether its release is to be promoted."""
        return build_id in self._wanted

    def remember(self, build_id: str, problem: str) -> None:
        """Take note of why its release was not promoted."""
        _keep(self._problems, build_id, problem)

    def problem(self, build_id: str) -> str:
        """Return why its release was not promoted, or nothing."""
        return self._problems.get(build_id, "")


def _keep(kept: OrderedDict[str, T], build_id: str, value: T) -> None:
    kept[build_id] = value
    while len(kept) > REMEMBERED_AT_MOST:
        kept.popitem(last=False)
