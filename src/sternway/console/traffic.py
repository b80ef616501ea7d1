"""What pages say of requests: an app's last hour, how it does now, and how it did across a switch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sternway.console import charts
from sternway.console.charts import Columns, Lines, Mark
from sternway.core import traffic
from sternway.core.app import App
from sternway.core.errors import SternwayError
from sternway.core.promotion import Promotion
from sternway.core.traffic import MINUTES, MOMENTS, SECONDS, Counts, Series
from sternway.ops import traffic as counted
from sternway.ops.promotions import PromotionView
from sternway.ops.rack import Rack

GROUP_S = 5
BEFORE = timedelta(seconds=20)
AFTER = timedelta(seconds=40)
"""How long before an attempt and after its end its chart reaches."""
LAST_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Hour:
    """The last hour of an app."""

    total: Counts
    chart: Columns


@dataclass(frozen=True, slots=True)
class Now:
    """How an app does: figures of the last minute, charts of the last five. `known_from` is set if that is later."""

    minute: Counts
    rate: float
    five: Counts
    requests: Columns
    latency: Lines
    median_ms: float | None
    slow_ms: float | None
    known_from: datetime | None


@dataclass(frozen=True, slots=True)
class Switch:
    """When requests went elsewhere, how many there were in that very second, and since."""

    at: datetime
    then: Counts
    after: Counts


@dataclass(frozen=True, slots=True)
class Across:
    """The requests around an attempt: `before` its switch, or all of them where nothing was switched."""

    begins: datetime
    ends: datetime
    chart: Columns
    before: Counts
    switch: Switch | None
    is_over: bool


async def hours(rack: Rack, apps: Iterable[App]) -> dict[str, Hour]:
    """Return the last hour of each app by name; nothing where the router does not say."""
    try:
        found = await counted.of_apps(rack, apps, MINUTES)
    except SternwayError:
        return {}
    return {
        name: Hour(series.total(), charts.columns(_known(series), MINUTES.step_s)) for name, series in found.items()
    }


async def now(rack: Rack, app_name: str) -> Now | None:
    """Return how an app does; None where the router does not say."""
    try:
        seconds = await counted.of_app(rack, app_name, SECONDS)
        moments = await counted.of_app(rack, app_name, MOMENTS)
    except SternwayError:
        return None
    # Columns stay where they are while time goes by: they begin at full multiples, and the last one is complete.
    ends = (seconds.ends - 1) // GROUP_S * GROUP_S
    begins = ends - (SECONDS.steps // GROUP_S - 1) * GROUP_S
    shown, minute = seconds.between(begins, ends), seconds.between(seconds.ends - 1 - LAST_MINUTE_S, seconds.ends - 1)
    recent = moments.last(LAST_MINUTE_S // MOMENTS.step_s + 1).total()
    steps = moments.between(begins, moments.ends).counts
    is_short = seconds.known_from > begins
    return Now(
        minute.total(),
        _rate(minute),
        shown.total(),
        charts.columns(charts.grouped(_known(shown), GROUP_S), GROUP_S),
        charts.lines(len(steps), *([each.quantile_ms(share) for each in steps] for share in (0.5, 0.95))),
        recent.quantile_ms(0.5),
        recent.quantile_ms(0.95),
        datetime.fromtimestamp(seconds.known_from, rack.clock.now().tzinfo) if is_short else None,
    )


async def across(rack: Rack, app_name: str, found: PromotionView) -> Across | None:
    """Return the requests around an attempt; None where they are not known any more, or the router does not say."""
    at = rack.clock.now()
    begins, ends = _span(found.promotion, at)
    try:
        series = await counted.of_app(rack, app_name, SECONDS)
    except SternwayError:
        return None
    if ends.timestamp() <= series.begins + 1:
        return None
    first, last = int(begins.timestamp()), int(ends.timestamp())
    steps = [_second(series, second) for second in range(first, last)]
    switches = [step.at for step in found.steps if step.is_switch and begins <= step.at <= ends]
    marks = [Mark(_percent(switched, first, last), _name(switched, switches)) for switched in switches]
    chart = charts.columns(steps, SECONDS.step_s, marks)
    is_over = at >= ends + timedelta(seconds=1)
    known = [each or Counts() for each in steps]
    if not switches:
        return Across(begins, ends, chart, traffic.total(known), None, is_over)
    place = int(switches[0].timestamp()) - first
    switch = Switch(switches[0], traffic.total(known[place : place + 1]), traffic.total(known[place + 1 :]))
    return Across(begins, ends, chart, traffic.total(known[:place]), switch, is_over)


def _name(switched: datetime, switches: Sequence[datetime]) -> str:
    """Name the first of them only: names of those that follow close would stand over each other."""
    return f"{switched:%H:%M:%S}" if switched == switches[0] else ""


def _span(promotion: Promotion, now: datetime) -> tuple[datetime, datetime]:
    """Return what a chart shows: a minute at least, and no more than is kept."""
    until = now if promotion.status.is_open else promotion.status_at or promotion.made.at
    begins, ends = promotion.made.at - BEFORE, until + AFTER
    return max(begins, ends - timedelta(seconds=SECONDS.steps)), ends


def _second(series: Series, second: int) -> Counts | None:
    """Return a second that is over and known."""
    number = second - series.begins
    is_over = 0 <= number < len(series.counts) - 1
    return series.counts[number] if is_over and series.is_known(number) else None


def _known(series: Series) -> Sequence[Counts | None]:
    return [each if series.is_known(number) else None for number, each in enumerate(series.counts)]


def _rate(series: Series) -> float:
    known = sum(series.is_known(number) for number in range(len(series.counts)))
    return series.total().requests / (known * series.grain.step_s) if known else 0.0


def _percent(at: datetime, first: int, last: int) -> float:
    return round(100 * (at.timestamp() - first) / (last - first), 2)
