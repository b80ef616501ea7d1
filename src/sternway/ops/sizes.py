"""Use cases of sizes: how large what a build made is, kept with the build, and asked for where it was not."""

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from sternway.core.app import App
from sternway.core.errors import NotFound, SternwayError
from sternway.core.release import Build
from sternway.ops.builds import once, shelf
from sternway.ops.rack import Rack

log = logging.getLogger(__name__)

ASKED_WITHIN_S = 5.0

Sizes = Mapping[str, int]
"""Bytes by service; a service of which it is not known is left out."""


def key(build_id: str) -> str:
    """Return the key of the object that keeps the sizes of a build."""
    return f"build/{build_id}/sizes"


async def keep(rack: Rack, app: App, build: Build, artifacts: Mapping[str, str]) -> None:
    """Keep how large the artifacts are, which stays known when they are gone; it is no reason to fail a build."""
    try:
        found = await _asked(rack, artifacts)
        await rack.objects.put(shelf(app), key(build.id), once(json.dumps(found).encode()))
    except (SternwayError, TimeoutError) as exc:
        log.warning("the sizes of a build are not kept", extra={"build": build.id, "problem": str(exc)})


async def read(rack: Rack, app: App, build: Build | None) -> Sizes:
    """Return what was kept, or what the engine says now; nothing where it does not say."""
    if build is None:
        return {}
    try:
        path = await rack.objects.path(shelf(app), key(build.id))
        kept = json.loads(await asyncio.to_thread(Path.read_bytes, path))
        return {str(service): int(size) for service, size in kept.items()}
    except (NotFound, OSError, ValueError):
        return await _asked_if_it_answers(rack, build)


async def _asked_if_it_answers(rack: Rack, build: Build) -> Sizes:
    try:
        return await _asked(rack, build.artifacts)
    except (SternwayError, TimeoutError):
        return {}


async def _asked(rack: Rack, artifacts: Mapping[str, str]) -> Sizes:
    if not artifacts:
        return {}
    async with asyncio.timeout(ASKED_WITHIN_S):
        found = await rack.builder.sizes(set(artifacts.values()))
    return {service: found[artifact] for service, artifact in artifacts.items() if artifact in found}
