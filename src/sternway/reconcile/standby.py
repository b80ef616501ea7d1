"""What may stand by: worked out from the history of an app."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime

from sternway.core import standby
from sternway.core.errors import SternwayError
from sternway.core.formation import FormationKey
from sternway.core.plan import Desired
from sternway.core.promotion import Activation, PromotionOptions
from sternway.core.standby import Manner, Replaced, Standby
from sternway.core.target import desire
from sternway.ops.rack import Rack
from sternway.ops.situation import Situation

MOST_REMEMBERED = 100

_Formations = tuple[tuple[FormationKey, Manner], ...]


class Bench:
    """What stands by of one app. It remembers what each release ran: that never changes."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._ran: dict[str, _Formations] = {}
        self._given_up: set[FormationKey] = set()
        self.resting: tuple[Standby, ...] = ()

    def remember(self, release_id: str, desired: Desired) -> None:
        """Take note of what a release runs."""
        self._ran[release_id] = _formations(desired)
        for forgotten in list(self._ran)[:-MOST_REMEMBERED]:
            del self._ran[forgotten]

    def give_up(self, key: FormationKey) -> None:
        """Have a formation not stand by any more, until it was active again."""
        self._given_up.add(key)

    async def choose(self, now: Situation, desired: Desired) -> tuple[Standby, ...]:
        """Return what may stand by while `desired` is to run."""
        if now.app is None or now.target is None:
            return ()
        policy = standby.read(now.app.settings.parameters.get(standby.PARAMETER) or standby.DEFAULT)
        if policy == standby.Policy():
            return ()
        wanted = {target.formation.key for target in desired.services}
        self._given_up -= wanted
        history = [Replaced(await self._formations(now, id), at) for id, at in replaced(now.activations, now.target.id)]
        chosen = standby.choose(policy, history, wanted)
        return tuple(each for each in chosen if each.key not in self._given_up and self._can_be(each.manner))

    def take(self, chosen: Iterable[Standby], resting: frozenset[FormationKey]) -> None:
        """Take note of what stands by now."""
        self.resting = tuple(each for each in chosen if each.key in resting)

    def next_end(self) -> datetime | None:
        """Return when the time of something that stands by is over."""
        return min((each.until for each in self.resting if each.until), default=None)

    def _can_be(self, manner: Manner) -> bool:
        return manner is not Manner.FROZEN or self._rack.engine.capabilities.can_freeze

    async def _formations(self, now: Situation, release_id: str) -> _Formations:
        if release_id not in self._ran:
            self._ran[release_id] = await self._read(now, release_id)
        return self._ran[release_id]

    async def _read(self, now: Situation, release_id: str) -> _Formations:
        app, rack = now.app, self._rack
        assert app is not None
        async with rack.store.read() as ledger:
            release = await ledger.releases.get(app, release_id)
            build = await ledger.builds.get(app, release.build_id) if release.build_id else None
        try:
            return _formations(desire(app, release, build, rack.place(), PromotionOptions())) if build else ()
        except SternwayError:  # what can no longer be run does not stand by
            return ()


def replaced(activations: Sequence[Activation], target_id: str) -> list[tuple[str, datetime | None]]:
    """Return which releases gave way, the newest first, and when; None: not yet, it is the active one."""
    ends: list[tuple[str, datetime | None]]
    ends = [(earlier.release_id, later.at) for later, earlier in itertools.pairwise(activations)]
    is_leaving = activations and activations[0].release_id != target_id
    return [(activations[0].release_id, None), *ends] if is_leaving else ends


def _formations(desired: Desired) -> _Formations:
    return tuple((target.formation.key, target.manner) for target in desired.services)
