"""The list of releases as people see it: what each is, how it stands, and what can be done with it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sternway.core.promotion import Promotion, PromotionStatus
from sternway.core.release import ReleaseLine
from sternway.ops import apps, promotions, releases
from sternway.ops.rack import Rack
from sternway.ops.releases import MAX_LIMIT

PAGE = 50
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
    attempts = await promotions.of_releases(rack, app_name, [line.id for line in lines])
    return [_row(line, attempts.get(line.id), active_id, active_order, gone) for line in lines]


def _row(
    line: ReleaseLine, attempt: Promotion | None, active_id: str | None, active_order: int, gone: Collection[str]
) -> ReleaseRow:
    if line.id == active_id:
        return ReleaseRow(line, "active", is_older=False, promotion=attempt)
    is_older = line.order < active_order
    if attempt and attempt.status in _TOLD:
        return ReleaseRow(line, attempt.status.value, is_older, attempt)
    return ReleaseRow(line, "gone" if line.build_id in gone else "", is_older, attempt)


async def _order(rack: Rack, app_name: str, active_id: str | None, lines: Sequence[ReleaseLine]) -> int:
    for line in lines:
        if line.id == active_id:
            return line.order
    return (await releases.get(rack, app_name, active_id)).order if active_id else 0
