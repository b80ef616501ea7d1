"""Runs the builds that were ordered, a few at a time, and records how they ended."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Set
from dataclasses import replace

from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import BuildFailed, NotFound, SternwayError, StoreUnavailable
from sternway.core.event import Happening
from sternway.core.release import Build, BuildStatus, Wish
from sternway.ops import apps, releases
from sternway.ops.builds import log_key, shelf
from sternway.ops.rack import Rack
from sternway.ops.transcripts import Transcript
from sternway.ports import BuildOrder, BuildResult

log = logging.getLogger(__name__)

SIDE_BY_SIDE = 2
LOOK_AGAIN_S = 30.0
STOPPED = "the rack was stopped while the build ran"


class BuildYard:
    """One per rack. A build that was running when the rack stopped has failed; one that had not begun begins."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._awake = asyncio.Event()
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)
        self._taken: set[str] = set()

    def wake(self) -> None:
        """Have it look for builds that were ordered."""
        self._awake.set()

    async def run(self) -> None:
        """Run builds until cancelled."""
        interrupted = {build.id for _, build in await self._ordered() if build.status is BuildStatus.RUNNING}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._awake.clear()
                try:
                    await self._begin(tasks, interrupted)
                except StoreUnavailable:
                    log.warning("cannot look for builds")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await self._awake.wait()

    async def _ordered(self) -> list[tuple[App, Build]]:
        async with self._rack.store.read() as ledger:
            open_ = await ledger.builds.list_open()
        return [(app, build) for app, build in open_ if build.id not in self._taken]

    async def _begin(self, tasks: asyncio.TaskGroup, interrupted: Set[str]) -> None:
        for app, build in await self._ordered():
            self._taken.add(build.id)
            if build.id in interrupted:
                await self._fail(app, build, STOPPED)
            else:
                tasks.create_task(self._run(app, build), name=f"build {build.id}")

    async def _run(self, app: App, build: Build) -> None:
        transcript = self._rack.transcripts.begin(build.id)
        try:
            async with self._places:
                await self._build(app, build, transcript)
        except SternwayError as exc:
            transcript.write(f"ERROR: {exc.message}\n".encode())
            await self._keep_log(app, build, transcript)
            await self._fail(app, build, exc.message)
        except Exception as exc:
            log.exception("build failed unexpectedly", extra={"app": app.name, "build": build.id})
            await self._fail(app, build, f"unexpected {type(exc).__name__}; see the log of the rack")
        finally:
            self._rack.transcripts.end(build.id)
            self._rack.changes.notify(app.name)

    async def _build(self, app: App, build: Build, transcript: Transcript) -> None:
        at = self._rack.clock.now()
        build = replace(build, status=BuildStatus.RUNNING, started_at=at)
        async with self._rack.store.write() as ledger:
            await ledger.builds.record(build, at)
        self._rack.cross(Crossing.BUILD_BEGUN)
        result = await self._make(app, build, transcript)
        self._rack.cross(Crossing.BUILD_MADE)
        await self._keep_log(app, build, transcript)
        self._rack.cross(Crossing.BUILD_LOGGED)
        await self._complete(app, build, result)
        self._rack.cross(Crossing.BUILD_CONCLUDED)
        await self._forget_source(app, build)
        self._rack.cross(Crossing.SOURCE_FORGOTTEN)

    async def _make(self, app: App, build: Build, transcript: Transcript) -> BuildResult:
        try:
            archive = await self._rack.objects.path(shelf(app), build.options.source)
        except NotFound as exc:
            raise BuildFailed("the uploaded archive is gone", hint="deploy again: sternway deploy") from exc
        order = BuildOrder(app.name, build.id, archive, build.options)

        def hear(chunk: bytes) -> None:
            transcript.write(chunk)
            self._rack.cross(Crossing.BUILD_SPEAKING)

        return await self._rack.builder.build(order, hear)

    async def _complete(self, app: App, build: Build, result: BuildResult) -> None:
        """Record the artifacts and make the release, both or neither."""
        at = self._rack.clock.now()
        made = replace(build.made, at=at)
        build = replace(build, manifest=result.manifest, artifacts=result.artifacts, ended_at=at)
        async with self._rack.store.write() as ledger:
            parent = await ledger.releases.newest(app)
            release = await releases.add(self._rack, ledger, app, Wish(parent, build), made)
            await ledger.builds.record(replace(build, status=BuildStatus.COMPLETE, release_id=release.id), at)
            detail = {"id": build.id, "release": release.id}
            await apps.record(ledger, app, Happening("build:create", made.by, at, detail=detail))
            self._rack.cross(Crossing.BUILD_CONCLUDING)

    async def _keep_log(self, app: App, build: Build, transcript: Transcript) -> None:
        await self._rack.objects.put(shelf(app), log_key(build.id), _once(transcript.content()))

    async def _forget_source(self, app: App, build: Build) -> None:
        """The artifact holds everything that the archive did."""
        await self._rack.objects.delete(shelf(app), build.options.source)

    async def _fail(self, app: App, build: Build, reason: str) -> None:
        made = Made(self._rack.clock.now(), build.made.by)
        failed = replace(build, status=BuildStatus.FAILED, reason=reason, ended_at=made.at)
        async with self._rack.store.write() as ledger:
            await ledger.builds.record(failed, made.at)
            detail = {"id": build.id, "message": reason}
            await apps.record(ledger, app, Happening("build:create", made.by, made.at, status="error", detail=detail))
        self._rack.cross(Crossing.BUILD_FAILED)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
