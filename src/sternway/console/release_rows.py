"""The list of releases as people see it: what each is, how it stands, and what can be done with it."""

import asyncio
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

from sternway.core.errors import SternwayError
from sternway.core.formation import FormationKey
from sternway.core.promotion import Promotion, PromotionStatus
from sternway.core.release import ReleaseLine
from sternway.ops import apps, formations, processes, promotions, releases
from sternway.ops.rack import Rack
from sternway.ops.releases import MAX_LIMIT

PAGE = 50
PATIENCE_S = 0.5
_TOLD = frozenset(PromotionStatus) - {PromotionStatus.COMPLETED}


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release in the list. `status` is a word for people, empty for one that was active before or never tried.

    `promotion` is the last attempt to make it active.
    """

    line: ReleaseLine
    status: str
    is_older: bool
    promotion: Promotion | None = None

    @property
    def is_active(self) -> bool:
        """Tell whether it is the active release."""
        return self.status == "active"

    @property
    def can_go_back(self) -> bool:
        """Tell whether there is a way back to it."""
        return self.is_older and self.line.build_id is not None and self.status != "gone"

    @property
    def can_promote(self) -> bool:
        """Tell whether it can be made active as it is."""
        is_open = self.promotion is not None and self.promotion.status.is_open
        return not (self.is_older or self.is_active or is_open) and self.line.build_id is not None


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """Some releases, the newest first. `number` counts from 1."""

    rows: Sequence[ReleaseRow]
    number: int
    has_more: bool


async def page(rack: Rack, app_name: str, number: int = 1, size: int = PAGE) -> ReleasePage:
    """Return a page of releases; raises NotFound."""
    wanted = min(number * size + 1, MAX_LIMIT)
    lines, gone = await releases.list_with_gone(rack, app_name, wanted)
    shown = lines[(number - 1) * size : number * size]
    return ReleasePage(await _rows(rack, app_name, shown, gone), number, len(lines) > number * size)


async def _rows(rack: Rack, app_name: str, lines: Sequence[ReleaseLine], gone: Collection[str]) -> Sequence[ReleaseRow]:
    active_id = (await apps.get(rack, app_name)).active_id
    active_order = await _order(rack, app_name, active_id, lines)
    standby = await _standing_by(rack, app_name, lines)
    attempts = await promotions.of_releases(rack, app_name, [line.id for line in lines])
    found = []
    for line in lines:
        attempt = attempts.get(line.id)
        status = "active" if line.id == active_id else _status(line, attempt, standby, gone)
        found.append(ReleaseRow(line, status, line.order < active_order, attempt))
    return found


def _status(line: ReleaseLine, attempt: Promotion | None, standby: Collection[str], gone: Collection[str]) -> str:
    if attempt and attempt.status in _TOLD:
        return attempt.status.value
    if line.build_id in gone:
        return "gone"
    return "standby" if line.id in standby else ""


async def _standing_by(rack: Rack, app_name: str, lines: Sequence[ReleaseLine]) -> Collection[str]:
    """Return those of these releases of whose content something stands by, whichever release started it."""
    standing = await _standing(rack, app_name)
    if not standing:
        return ()
    # A copy is the same formations as what it is a copy of.
    contents = {line.id: line.copy_of or line.id for line in lines if line.build_id}
    keys = await formations.of_releases(rack, app_name, frozenset(contents.values()))
    return {release_id for release_id, content in contents.items() if not standing.isdisjoint(keys[content])}


async def _standing(rack: Rack, app_name: str) -> Set[FormationKey]:
    """Return what stands by; nothing while the engine does not answer at once."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            running = await processes.list_running(rack, app_name)
    except (TimeoutError, SternwayError):
        return frozenset()
    return {FormationKey(app_name, each.service, each.fingerprint) for each in running if each.stands_by}


async def _order(rack: Rack, app_name: str, active_id: str | None, lines: Sequence[ReleaseLine]) -> int:
    for line in lines:
        if line.id == active_id:
            return line.order
    return (await releases.get(rack, app_name, active_id)).order if active_id else 0
