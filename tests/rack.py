"""A whole rack for tests: the real store and objects in a temporary directory, memory for engine and router."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from sternway.clock import RandomIds, SystemClock
from sternway.core.app import Made
from sternway.core.crossing import Cross, go_on
from sternway.core.errors import NotFound
from sternway.core.formation import FormationState
from sternway.core.manifest import parse
from sternway.core.promotion import Promotion, PromotionOptions
from sternway.core.release import Build, BuildOptions, BuildStatus, Release
from sternway.core.target import desire
from sternway.engines.memory import MemoryBuilder, MemoryEngine, MemoryLogs, World
from sternway.engines.memory_processes import MemoryProcesses
from sternway.journal import RecentLines
from sternway.objects import FileObjects
from sternway.ops import apps, builds, promotions, releases
from sternway.ops.changes import Changes
from sternway.ops.rack import Rack, RackSettings
from sternway.ops.shutdown import Shutdown
from sternway.ops.transcripts import Transcripts
from sternway.reconcile.loop import Reconciler
from sternway.router.memory import MemoryNetwork, MemoryRouter
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore
from tests.memory_repositories import MemoryRepositories
from tests.memory_versions import MemoryVersions

PATIENCE_S = 15.0

MANIFEST = """
environment:
  - GREETING=hello
services:
  web:
    command: run
    port: 3000
  worker:
    command: work
"""


@dataclass
class RackUnderTest:
    """The rack, and handles on what its adapters would be outside."""

    rack: Rack
    engine: MemoryEngine
    builder: MemoryBuilder
    router: MemoryRouter
    processes: MemoryProcesses
    versions: MemoryVersions
    repositories: MemoryRepositories

    def made(self, by: str = "ann", reason: str = "") -> Made:
        return Made(self.rack.clock.now(), by, reason)

    async def app(self, name: str = "shop") -> str:
        await apps.create(self.rack, name, self.made())
        return name

    async def build(self, app: str = "shop", manifest: str = MANIFEST, source: bytes = b"archive") -> Build:
        """Order a build and wait until it has ended."""

        async def chunks() -> AsyncIterator[bytes]:
            yield source

        self.builder.manifest = manifest
        self.builder.services = tuple(parse(manifest).manifest.services)
        await builds.store_source(self.rack, app, "tmp/source.tgz", chunks())
        ordered = await builds.create(self.rack, app, BuildOptions("tmp/source.tgz"), "build it", self.made())
        return await self.built(app, ordered.id)

    async def built(self, app: str, build_id: str) -> Build:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = self.rack.changes.version(app)
                build = await builds.get(self.rack, app, build_id)
                if not build.status.is_open:
                    return build
                await self.rack.changes.wait(app, seen, PATIENCE_S)

    async def release(self, app: str = "shop", **request) -> Release:
        return await releases.create(self.rack, app, releases.ReleaseRequest(**request), self.made())

    async def promoted(self, release_id: str, app: str = "shop", **options) -> Promotion:
        """Promote and wait until it has ended."""
        promotion = await promotions.promote(self.rack, app, release_id, PromotionOptions(**options), self.made())
        return await self.ended(promotion, app)

    async def deployed(self, app: str = "shop", **build) -> str:
        """Build and promote; return the id of the release."""
        done = await self.build(app, **build)
        assert done.status is BuildStatus.COMPLETE, done.reason
        assert done.release_id
        await self.promoted(done.release_id, app)
        return done.release_id

    async def rolled_back(self, release_id: str, app: str = "shop") -> Promotion:
        """Roll back and wait until it has ended."""
        _, promotion = await promotions.rollback(self.rack, app, release_id, PromotionOptions(), self.made())
        return await self.ended(promotion, app)

    async def ended(self, promotion: Promotion, app: str = "shop") -> Promotion:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                view = await promotions.wait(self.rack, app, promotion.id, after=10**6, timeout_s=PATIENCE_S)
                if not view.promotion.status.is_open:
                    return view.promotion

    async def until(self, app: str, is_reached: Callable[[tuple[FormationState, ...]], bool]) -> None:
        """Wait until what the engine has of the app is as asked."""
        changed = asyncio.Event()
        self.engine.subscribe(lambda _: changed.set())
        async with asyncio.timeout(PATIENCE_S):
            while not is_reached(await self.engine.observe(app)):
                changed.clear()
                await changed.wait()

    async def hold(self, release_id: str, app: str = "shop") -> None:
        """Let what this release starts stay STARTING."""
        for fingerprint in await self.fingerprints(release_id, app):
            self.world.hold(fingerprint)

    async def let_go(self, release_id: str, app: str = "shop") -> None:
        """Let what was held get healthy."""
        for fingerprint in await self.fingerprints(release_id, app):
            self.world.release(fingerprint)

    async def fail(self, release_id: str, detail: str, app: str = "shop") -> None:
        """Let what this release starts exit again and again."""
        for fingerprint in await self.fingerprints(release_id, app):
            self.world.fail(fingerprint, detail)

    async def fingerprints(self, release_id: str, app: str = "shop") -> list[str]:
        async with self.rack.store.read() as ledger:
            owner = await ledger.apps.get(app)
            release = await ledger.releases.get(owner, release_id)
            build = await ledger.builds.get(owner, release.build_id or "")
        desired = desire(owner, release, build, self.rack.place(), PromotionOptions())
        return [target.formation.key.fingerprint for target in desired.services]

    @property
    def world(self) -> World:
        return self.engine.world

    async def gone(self, app: str = "shop") -> None:
        """Wait until a deleted app is taken down and its name is free."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = self.rack.changes.version(app)
                try:
                    await apps.get(self.rack, app)
                except NotFound:
                    return
                await self.rack.changes.wait(app, seen, PATIENCE_S)

    async def active(self, app: str = "shop") -> str | None:
        return (await apps.get(self.rack, app)).active_id


@contextlib.asynccontextmanager
async def rack_under_test(
    directory: Path,
    *,
    world: World | None = None,
    network: MemoryNetwork | None = None,
    versions: MemoryVersions | None = None,
    reconcile: bool = True,
    cross: Cross = go_on,
) -> AsyncIterator[RackUnderTest]:
    """Open a rack over `directory`; opened again with the same world and network it is the rack restarted."""
    clock, key = SystemClock(), KeyFile(directory / "keys" / "rack.key")
    engine, router, builder = MemoryEngine(clock, world=world), MemoryRouter(network), MemoryBuilder()
    processes = MemoryProcesses(clock, engine.world)
    versions, repositories = versions or MemoryVersions(), MemoryRepositories()
    rack = Rack(
        settings=RackSettings("test", "20260101000000"),
        store=SqlStore(directory / "rack.db", key),
        objects=FileObjects(directory / "objects"),
        engine=engine,
        builder=builder,
        processes=processes,
        logs=MemoryLogs(engine.world),
        journal=RecentLines(),
        router=router,
        traffic=router,
        repositories=repositories,
        versions=versions,
        clock=clock,
        ids=RandomIds(),
        secrets=key,
        changes=Changes(),
        transcripts=Transcripts(),
        shutdown=Shutdown(),
        cross=cross,
    )
    async with rack.store.run(), rack.router.run(), rack.engine.run():
        working = asyncio.create_task(Reconciler(rack, "test").run()) if reconcile else None
        try:
            yield RackUnderTest(rack, engine, builder, router, processes, versions, repositories)
        finally:
            if working:
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working
