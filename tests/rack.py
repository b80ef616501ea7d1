"""A whole rack for tests: the real store and objects in a temporary directory, memory for engine and router."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from sternway.clock import RandomIds, SystemClock
from sternway.core.app import Made
from sternway.core.promotion import Promotion, PromotionOptions
from sternway.core.release import Build, BuildOptions, BuildStatus, Release
from sternway.engines.memory import MemoryBuilder, MemoryEngine, MemoryLogs
from sternway.objects import FileObjects
from sternway.ops import apps, builds, promotions, releases
from sternway.ops.changes import Changes
from sternway.ops.rack import Rack, RackSettings
from sternway.ops.shutdown import Shutdown
from sternway.ops.transcripts import Transcripts
from sternway.reconcile.loop import Reconciler
from sternway.router.memory import MemoryRouter
from sternway.secrets import KeyFile
from sternway.store.ledger import SqlStore

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
        promotion = await promotions.promote(
            self.rack, app, release_id, PromotionOptions(**options), self.made()
        )
        return await self.ended(promotion, app)

    async def deployed(self, app: str = "shop", **build) -> str:
        """Build and promote; return the id of the release."""
        done = await self.build(app, **build)
        assert done.status is BuildStatus.COMPLETE, done.reason
        assert done.release_id
        await self.promoted(done.release_id, app)
        return done.release_id

    async def ended(self, promotion: Promotion, app: str = "shop") -> Promotion:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                view = await promotions.wait(self.rack, app, promotion.id, after=10**6, timeout_s=PATIENCE_S)
                if not view.promotion.status.is_open:
                    return view.promotion

    async def active(self, app: str = "shop") -> str | None:
        return (await apps.get(self.rack, app)).active_id


@contextlib.asynccontextmanager
async def rack_under_test(
    directory: Path, *, engine: MemoryEngine | None = None, router: MemoryRouter | None = None, reconcile: bool = True
) -> AsyncIterator[RackUnderTest]:
    """Open a rack over `directory`; opened again with the same engine and router it is the rack restarted."""
    clock, key = SystemClock(), KeyFile(directory / "keys" / "rack.key")
    engine, router, builder = engine or MemoryEngine(clock), router or MemoryRouter(), MemoryBuilder()
    rack = Rack(
        settings=RackSettings("test", "20260101000000"),
        store=SqlStore(directory / "rack.db", key),
        objects=FileObjects(directory / "objects"),
        engine=engine,
        builder=builder,
        logs=MemoryLogs(),
        router=router,
        traffic=router,
        clock=clock,
        ids=RandomIds(),
        secrets=key,
        changes=Changes(),
        transcripts=Transcripts(),
        shutdown=Shutdown(),
    )
    async with rack.store.run(), rack.router.run(), rack.engine.run():
        working = asyncio.create_task(Reconciler(rack, "test").run()) if reconcile else None
        try:
            yield RackUnderTest(rack, engine, builder, router)
        finally:
            if working:
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working
