"""Routes of what is asked of apps (Sternway's own), and of what they use of the machine."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from sternway.api import answers
from sternway.api.inputs import AppName, RackIn
from sternway.core.traffic import GRAINS, Counts, Grain, Series
from sternway.ops import capacity, traffic
from sternway.wire import types as wire

router = APIRouter(tags=["traffic"])

_GRAINS = {str(grain.step_s): grain for grain in GRAINS}
StepIn = Annotated[Literal["1", "10", "60"], Query(description="seconds: 1 and 10 for five minutes, 60 for an hour")]


@router.get("/apps/{app}/traffic")
async def get_traffic(rack: RackIn, app: AppName, step: StepIn = "60") -> Response:
    """Return how many requests of an app ended, how many of them failed, and how long they took."""
    series = await traffic.of_app(rack, app, _GRAINS[step])
    return answers.json_response(_traffic(app, series))


@router.get("/system/capacity")
async def get_capacity(rack: RackIn) -> Response:
    """Return what the machine has and what processes use: cores in thousandths, memory in MiB."""
    found = await capacity.measure(rack)
    return answers.json_response(
        wire.Capacity(
            cluster_cpu=found.cpus * 1000,
            cluster_memory=found.memory_mib,
            process_count=found.processes,
            process_cpu=round(found.cpu_used * 1000),
            process_memory=round(found.memory_used_mib),
        )
    )


def _traffic(app: str, series: Series) -> wire.Traffic:
    total = series.total()
    known = [number for number in range(len(series.counts)) if series.is_known(number)]
    return wire.Traffic(
        app=app,
        step=series.grain.step_s,
        since=_time(series.begins + known[0] * series.grain.step_s) if known else None,
        requests=total.requests,
        errors=total.errors,
        p50=_ms(total, series.grain, 0.5),
        p95=_ms(total, series.grain, 0.95),
        steps=[_step(series, number) for number in known],
    )


def _step(series: Series, number: int) -> wire.TrafficStep:
    counts, grain = series.counts[number], series.grain
    return wire.TrafficStep(
        _time(series.begins + number * grain.step_s),
        counts.requests,
        counts.errors,
        _ms(counts, grain, 0.5),
        _ms(counts, grain, 0.95),
    )


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _ms(counts: Counts, grain: Grain, share: float) -> float:
    """Return a quantile, or -1 where there is none."""
    found = counts.quantile_ms(share) if grain.has_latency else None
    return -1.0 if found is None else round(found, 2)
