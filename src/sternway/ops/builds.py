"""Use cases of builds: take in source, order a build, look at it, read what it printed, cancel it.

The build itself runs in `reconcile`; ordering one appends a row and answers.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import InvalidInput, NotFound, Refused
from sternway.core.event import Happening
from sternway.core.release import Build, BuildOptions, BuildStatus
from sternway.ops import apps
from sternway.ops.rack import Rack
from sternway.ops.releases import DEFAULT_LIMIT, check_limit
from sternway.ports import Ledger

CHUNK_BYTES = 64 * 1024
DESCRIPTION_MAX_LENGTH = 1000
CANCELLED = "cancelled by "
_SCHEME = "object://"


async def store_source(rack: Rack, app_name: str, key: str, chunks: AsyncIterator[bytes]) -> str:
    """Keep an uploaded object and return its address, `object://APP/KEY`."""
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
    await rack.objects.put(shelf(app), key, chunks)
    rack.cross(Crossing.SOURCE_STORED)
    return f"{_SCHEME}{app_name}/{key}"


async def find_object(rack: Rack, app_name: str, key: str) -> Path:
    """Return the file of an object; raises NotFound."""
    async with rack.store.read() as ledger:
        app = await ledger.apps.get(app_name)
    return await rack.objects.path(shelf(app), key)


def shelf(app: App) -> str:
    """Return where the objects of an app lie; its name may be another app's later."""
    return f"app-{app.id}"


def source_key(app_name: str, url: str) -> str:
    """Return the key that an address of `store_source` names; raises InvalidInput for any other address."""
    prefix = f"{_SCHEME}{app_name}/"
    if not url.startswith(prefix) or url == prefix:
        raise InvalidInput(f"url: not an uploaded object of {app_name}", hint="upload the archive first")
    return url.removeprefix(prefix)


@dataclass(frozen=True, slots=True)
class Order:
    """What a build is to be of; the release of one that is deployed is promoted once it is there."""

    options: BuildOptions
    description: str = ""
    is_deployed: bool = False


async def create(rack: Rack, app_name: str, options: BuildOptions, description: str, made: Made) -> Build:
    """Order a build of an uploaded archive and return at once. Raises NotFound for app or archive."""
    return await order(rack, app_name, Order(options, description), made)


async def order(rack: Rack, app_name: str, wanted: Order, made: Made) -> Build:
    """Do the same, and record whether its release is to be promoted."""
    if len(wanted.description) > DESCRIPTION_MAX_LENGTH:
        raise InvalidInput(f"description: longer than {DESCRIPTION_MAX_LENGTH} characters", hint="shorten it")
    await find_object(rack, app_name, wanted.options.source)
    async with rack.store.write() as ledger:
        build = await _add(rack, ledger, await ledger.apps.get(app_name), wanted, made)
    rack.cross(Crossing.BUILD_ORDERED)
    rack.transcripts.begin(build.id)
    rack.changes.notify(app_name)
    return build


async def _add(rack: Rack, ledger: Ledger, app: App, wanted: Order, made: Made) -> Build:
    build = Build(rack.ids.build(), app.id, made, wanted.options, wanted.description)
    await ledger.builds.add(build)
    if wanted.is_deployed:
        await ledger.deployments.add(build.id, made)
    detail = {"id": build.id, "description": build.description} | ({"reason": made.reason} if made.reason else {})
    await apps.record(ledger, app, Happening("build:create", made.by, made.at, status="start", detail=detail))
    return build


async def get(rack: Rack, app_name: str, build_id: str) -> Build:
    """Return a build as it stands; raises NotFound."""
    async with rack.store.read() as ledger:
        return await ledger.builds.get(await ledger.apps.get(app_name), build_id)


async def list_newest(rack: Rack, app_name: str, limit: int = DEFAULT_LIMIT) -> Sequence[Build]:
    """Return the newest builds first."""
    check_limit(limit)
    async with rack.store.read() as ledger:
        return await ledger.builds.list(await ledger.apps.get(app_name), limit)


async def cancel(rack: Rack, app_name: str, build_id: str, made: Made) -> Build:
    """Have a build end that waits or runs, and return it as failed; whoever runs it stops when it hears of that.

    Called twice it does nothing more. Raises NotFound, and Refused for a build that ended otherwise.
    """
    async with rack.store.write() as ledger:
        app = await ledger.apps.get(app_name)
        build = await ledger.builds.get(app, build_id)
        if not build.status.is_open and build.reason.startswith(CANCELLED):
            return build
        if not build.status.is_open:
            raise Refused(f"build {build_id} is {build.status}", hint="there is nothing to cancel")
        has_begun = build.status is BuildStatus.RUNNING
        build = await fail(ledger, app, build, _cancelled(made), made)
    rack.cross(Crossing.BUILD_CANCELLED)
    if not has_begun:
        await _conclude_log(rack, app, build)
    rack.changes.notify(app_name)
    return build


async def fail(ledger: Ledger, app: App, build: Build, reason: str, made: Made) -> Build:
    """Record that a build failed, with its event, and return it."""
    failed = replace(build, status=BuildStatus.FAILED, reason=reason, ended_at=made.at)
    await ledger.builds.record(failed, made.at)
    detail = {"id": build.id, "message": reason}
    await apps.record(ledger, app, Happening("build:create", made.by, made.at, status="error", detail=detail))
    return failed


async def _conclude_log(rack: Rack, app: App, build: Build) -> None:
    """End the log of a build that may never be taken up by anybody who would."""
    transcript = rack.transcripts.begin(build.id)
    if not transcript.content():
        transcript.write(f"ERROR: {build.reason}\n".encode())
    await rack.objects.put(shelf(app), log_key(build.id), once(transcript.content()))
    rack.transcripts.end(build.id)


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield the content as one chunk."""
    yield content


def _cancelled(made: Made) -> str:
    return f"{CANCELLED}{made.by}" + (f": {made.reason}" if made.reason else "")


async def log(rack: Rack, app_name: str, build_id: str) -> AsyncIterator[bytes]:
    """Yield what the build printed, from the beginning: live while it runs, the same bytes afterwards.

    It ends when the build has ended and its outcome is in the ledger.
    """
    transcript = rack.transcripts.find(build_id)
    await get(rack, app_name, build_id)
    chunks = transcript.read() if transcript else _kept(rack, app_name, build_id)
    async for chunk in chunks:
        yield chunk


def log_key(build_id: str) -> str:
    """Return the key of the object that keeps what a build printed."""
    return f"build/{build_id}/logs"


async def _kept(rack: Rack, app_name: str, build_id: str) -> AsyncIterator[bytes]:
    try:
        path = await find_object(rack, app_name, log_key(build_id))
    except NotFound:
        return
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
