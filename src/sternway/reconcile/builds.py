"""Runs the builds that were ordered, a few at a time, and records how they ended."""

import asyncio
import logging
from collections.abc import Sequence, Set
from dataclasses import replace

from sternway.core.app import App, Made
from sternway.core.crossing import Crossing
from sternway.core.errors import BuildFailed, ManifestInvalid, NotFound, Refused, SternwayError, StoreUnavailable
from sternway.core.event import Happening
from sternway.core.release import Build, BuildStatus, Wish
from sternway.ops import apps, builds, deployments, releases, sizes, sources
from sternway.ops.builds import log_key, shelf
from sternway.ops.rack import Rack
from sternway.ops.transcripts import Transcript
from sternway.ports import BuildOrder, BuildResult, Ledger

log = logging.getLogger(__name__)

SIDE_BY_SIDE = 2
LOOK_AGAIN_S = 30.0
RECORD_AGAIN_S = 1.0
STOPPED = "the rack was stopped while the build ran"


class BuildYard:
    """One per rack. A build that was running when the rack stopped has failed; one that had not begun begins."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._awake = asyncio.Event()
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)
        self._taken: set[str] = set()
        self._running: dict[str, tuple[App, asyncio.Task[None]]] = {}
        self._given_up: dict[str, str] = {}

    def wake(self) -> None:
        """Have it look for builds that were ordered or cancelled."""
        self._awake.set()

    async def run(self) -> None:
        """Run builds until cancelled."""
        interrupted = {build.id for _, build in await self._ordered() if build.status is BuildStatus.RUNNING}
        waiting = await deployments.list_due(self._rack)
        is_due = True
        async with asyncio.TaskGroup() as tasks:
            for app_name, build_ids in waiting.items():
                tasks.create_task(self._conclude(app_name, build_ids), name=f"deployments of {app_name}")
            while True:
                self._awake.clear()
                try:
                    await self._look(tasks, interrupted, is_due=is_due)
                except StoreUnavailable:
                    log.warning("cannot look for builds")
                is_due = not await self._is_woken()

    async def _conclude(self, app_name: str, build_ids: Sequence[str]) -> None:
        """Promote what was built before the rack ended, one after the other."""
        for build_id in build_ids:
            await deployments.conclude(self._rack, app_name, build_id)

    async def _is_woken(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                return await self._awake.wait()
        except TimeoutError:
            return False

    async def _look(self, tasks: asyncio.TaskGroup, interrupted: Set[str], *, is_due: bool) -> None:
        """Give up what was cancelled, and begin what is new; every change of any app comes by here."""
        await self._give_up()
        if is_due or self._rack.transcripts.ids() - self._taken:
            await self._begin(tasks, interrupted)

    async def _ordered(self) -> list[tuple[App, Build]]:
        async with self._rack.store.read() as ledger:
            open_ = await ledger.builds.list_open()
        return [(app, build) for app, build in open_ if build.id not in self._taken]

    async def _begin(self, tasks: asyncio.TaskGroup, interrupted: Set[str]) -> None:
        for app, build in await self._ordered():
            if build.id in interrupted:
                await self._clear_up(app, build)
            else:
                running = tasks.create_task(self._run(app, build), name=f"build {build.id}")
                self._running[build.id] = (app, running)
            self._taken.add(build.id)

    async def _give_up(self) -> None:
        """Stop the builds that the ledger says have ended: somebody cancelled them."""
        running = [(key, *found) for key, found in self._running.items() if key not in self._given_up]
        for build_id, app, task in running:
            async with self._rack.store.read() as ledger:
                build = await ledger.builds.get(app, build_id)
            if build_id in self._running and build.reason.startswith(builds.CANCELLED):
                self._given_up[build_id] = build.reason
                task.cancel()

    async def _clear_up(self, app: App, build: Build) -> None:
        """Fail what the end of the rack interrupted."""
        await self._keep_log(app, build, f"ERROR: {STOPPED}\n".encode())
        await self._fail(app, build, STOPPED)
        await self._forget_source(app, build)
        self._rack.transcripts.end(build.id)
        self._rack.changes.notify(app.name)

    async def _run(self, app: App, build: Build) -> None:
        transcript = self._rack.transcripts.begin(build.id)
        try:
            async with self._places:
                await self._build(app, build, transcript)
            await deployments.conclude(self._rack, app.name, build.id)
        except SternwayError as exc:
            for warning in exc.warnings if isinstance(exc, ManifestInvalid) else ():
                transcript.write(f"Warning: {warning}\n".encode())
            await self._end_failed(app, build, transcript, exc.message)
        except asyncio.CancelledError:
            if build.id not in self._given_up:
                raise
            await self._end_failed(app, build, transcript, self._given_up[build.id])
        except Exception as exc:
            log.exception("build failed unexpectedly", extra={"app": app.name, "build": build.id})
            await self._end_failed(app, build, transcript, f"unexpected {type(exc).__name__}; see the log of the rack")
        finally:
            self._running.pop(build.id, None)
            self._given_up.pop(build.id, None)
            self._rack.transcripts.end(build.id)
            self._rack.changes.notify(app.name)

    async def _end_failed(self, app: App, build: Build, transcript: Transcript, reason: str) -> None:
        """Record the failure for as long as it takes: a full disk takes writes again once it has room."""
        self._running.pop(build.id, None)
        transcript.write(f"ERROR: {reason}\n".encode())
        while True:
            try:
                await self._keep_log(app, build, transcript.content())
                await self._fail(app, build, reason)
                return await self._forget_source(app, build)
            except StoreUnavailable as exc:
                log.warning("cannot record a failed build", extra={"build": build.id, "problem": exc.message})
                await self._rack.clock.sleep(RECORD_AGAIN_S)

    async def _build(self, app: App, build: Build, transcript: Transcript) -> None:
        at = self._rack.clock.now()
        build = replace(build, status=BuildStatus.RUNNING, started_at=at)
        async with self._rack.store.write() as ledger:
            await _check_open(ledger, app, build)
            await ledger.builds.record(build, at)
        self._rack.cross(Crossing.BUILD_BEGUN)
        release_id = self._rack.ids.release()
        result = await self._make(app, build, release_id, transcript)
        self._rack.cross(Crossing.BUILD_MADE)
        await self._keep_log(app, build, transcript.content())
        self._rack.cross(Crossing.BUILD_LOGGED)
        await self._complete(app, build, release_id, result)
        self._rack.cross(Crossing.BUILD_CONCLUDED)
        await sources.keep(self._rack, app, build)
        await sizes.keep(self._rack, app, build, result.artifacts)
        await self._forget_source(app, build)
        self._rack.cross(Crossing.SOURCE_FORGOTTEN)

    async def _make(self, app: App, build: Build, release_id: str, transcript: Transcript) -> BuildResult:
        try:
            archive = await self._rack.objects.path(shelf(app), build.options.source)
        except NotFound as exc:
            raise BuildFailed("the uploaded archive is gone", hint="deploy again: sternway deploy") from exc
        order = BuildOrder(app.name, build.id, release_id, archive, build.options)

        def hear(chunk: bytes) -> None:
            transcript.write(chunk)
            self._rack.cross(Crossing.BUILD_SPEAKING)

        return await self._rack.builder.build(order, hear)

    async def _complete(self, app: App, build: Build, release_id: str, result: BuildResult) -> None:
        """Record the artifacts and make the release, both or neither."""
        at = self._rack.clock.now()
        made = replace(build.made, at=at)
        build = replace(build, manifest=result.manifest, artifacts=result.artifacts, ended_at=at)
        async with self._rack.store.write() as ledger:
            await _check_open(ledger, app, build)
            parent = await ledger.releases.newest(app)
            release = await releases.add(self._rack, ledger, app, Wish(parent, build, id=release_id), made)
            await ledger.builds.record(replace(build, status=BuildStatus.COMPLETE, release_id=release.id), at)
            detail = {"id": build.id, "release": release.id}
            await apps.record(ledger, app, Happening("build:create", made.by, at, detail=detail))
            self._rack.cross(Crossing.BUILD_CONCLUDING)

    async def _keep_log(self, app: App, build: Build, content: bytes) -> None:
        await self._rack.objects.put(shelf(app), log_key(build.id), builds.once(content))

    async def _forget_source(self, app: App, build: Build) -> None:
        """An artifact holds everything that the archive did, and what failed once would fail again."""
        try:
            await self._rack.objects.delete(shelf(app), build.options.source)
        except NotFound:
            return
        except SternwayError as exc:
            log.warning("cannot remove a source", extra={"build": build.id, "problem": exc.message})

    async def _fail(self, app: App, build: Build, reason: str) -> None:
        """Record the failure, unless the build has ended already, as one that was cancelled has."""
        made = Made(self._rack.clock.now(), build.made.by)
        async with self._rack.store.write() as ledger:
            standing = await ledger.builds.get(app, build.id)
            if standing.status.is_open:
                await builds.fail(ledger, app, standing, reason, made)
        self._rack.cross(Crossing.BUILD_FAILED)


async def _check_open(ledger: Ledger, app: App, build: Build) -> None:
    """Raise Refused if the build has ended meanwhile: whoever cancelled it has the last word."""
    standing = await ledger.builds.get(app, build.id)
    if not standing.status.is_open:
        raise Refused(standing.reason)
