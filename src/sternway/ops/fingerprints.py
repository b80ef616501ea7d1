"""What is remembered of releases: which formations each of them is. That never changes, and takes time to work out."""

from collections import OrderedDict

from sternway.core.formation import FormationKey

MOST_REMEMBERED = 1000


class Fingerprints:
    """By the id of a release; the least lately used are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, frozenset[FormationKey]] = OrderedDict()

    def find(self, release_id: str) -> frozenset[FormationKey] | None:
        """Return what was remembered, or None."""
        found = self._known.get(release_id)
        if found is not None:
            self._known.move_to_end(release_id)
        return found

    def remember(self, release_id: str, keys: frozenset[FormationKey]) -> None:
        """Take note of what a release is."""
        self._known[release_id] = keys
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
