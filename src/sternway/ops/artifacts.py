"""Use cases of artifacts: which releases can still be run."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from sternway.core import registry
from sternway.core.app import App
from sternway.core.errors import Unavailable
from sternway.core.release import ReleaseLine
from sternway.ops.rack import Rack
from sternway.ports import Ledger

PATIENCE_S = 0.5
"""How long an engine may take to say what is there; lists do not wait for one that is slow."""

Recorded = Mapping[str, Collection[str]]
"""The artifacts of builds."""

LOOKED_AT = 50
OFFERED = 5


async def gone(rack: Rack, app_name: str, build_ids: Collection[str]) -> Collection[str] | None:
    """Return those of the builds of which an artifact is no longer there, or None where that is not known.

    It is not known while the engine does not answer or is slow, nor where a registry keeps copies.
    """
    async with rack.store.read() as ledger:
        made = await recorded(ledger, await ledger.apps.get(app_name), build_ids)
    return await gone_among(rack, app_name, made)


async def recorded(ledger: Ledger, app: App, build_ids: Collection[str]) -> Recorded | None:
    """Return the artifacts of builds, in the caller's transaction; None where a registry keeps copies of them."""
    if not build_ids:
        return {}
    if (await ledger.parameters.get()).get(registry.PARAMETER):
        return None
    return await ledger.builds.artifacts(app, build_ids)


async def gone_among(rack: Rack, app_name: str, made: Recorded | None) -> Collection[str] | None:
    """Answer as `gone` does, from what was recorded."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return None if made is None else await _incomplete(rack, app_name, made)
    except (TimeoutError, Unavailable):
        return None


async def reachable(rack: Rack, app_name: str) -> Sequence[str]:
    """Return a few of the newest releases that can still be run; none where that is not known."""
    async with rack.store.read() as ledger:
        lines = await ledger.releases.list(await ledger.apps.get(app_name), LOOKED_AT)
    built = [line for line in lines if line.build_id]
    lost = await gone(rack, app_name, builds_of(built))
    return [] if lost is None else [line.id for line in built if line.build_id not in lost][:OFFERED]


def builds_of(lines: Sequence[ReleaseLine]) -> Collection[str]:
    """Return the builds that releases are of, each once."""
    return {line.build_id for line in lines if line.build_id}


async def _incomplete(rack: Rack, app_name: str, made: Recorded) -> Collection[str]:
    artifacts = {artifact for found in made.values() for artifact in found}
    missing = frozenset(await rack.builder.missing(app_name, artifacts)) if artifacts else frozenset()
    return {build_id for build_id, found in made.items() if not missing.isdisjoint(found)}
