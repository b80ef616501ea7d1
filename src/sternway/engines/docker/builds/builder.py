"""The builder of the Docker engine: an upload becomes an image per service, built by the engine or taken by name."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import aiodocker

from sternway import threads
from sternway.core.errors import ArtifactGone, BuildFailed, EngineUnavailable
from sternway.core.manifest import Manifest
from sternway.engines import archive, source, space
from sternway.engines.docker import labels
from sternway.engines.docker.builds import artifacts, building, recipe
from sternway.engines.docker.builds.building import Building, Wanted
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.builds.recipe import Built, Recipe, Taken
from sternway.engines.docker.builds.voice import Voice
from sternway.engines.docker.calls.connection import QUICK_S, Connection, words
from sternway.engines.docker.calls.stream import Say
from sternway.ports import BuildOrder, BuildResult

UNPACKING = "building"
SIDE_BY_SIDE = 2
"""How many images of one build are made at once."""

Log = Callable[[bytes], None]


class DockerBuilder:
    """Fills `ports.Builder`. `data` is a private directory of the rack, where sources are unpacked."""

    def __init__(
        self,
        connection: Connection,
        rack: str,
        images: Images,
        *,
        data: Path,
        bounds: archive.Bounds | None = None,
    ) -> None:
        self._connection = connection
        self._rack = rack
        self._images = images
        self._unpacking = data / UNPACKING
        self._bounds = bounds or archive.Bounds()
        self._building = Building(connection, images)

    async def build(self, order: BuildOrder, log: Log) -> BuildResult:
        """Unpack, read the manifest, build or take an image per service, tag them, push them where that is set.

        A failure or a cancellation leaves no container and no tag.
        """
        try:
            tree = await threads.uninterrupted(self._new_directory)
            try:
                async with self._connection.opened():
                    return await self._build(order, tree, log)
            finally:
                await threads.uninterrupted(_clear, tree)
        except OSError as exc:
            if space.is_full(exc):
                raise space.full(exc) from exc
            raise BuildFailed(f"the source cannot be read: {exc.strerror}", hint="see the disk of the rack") from exc

    async def verify(self, app: str, artifact: str) -> None:
        """Raise ArtifactGone unless the engine has the image, or the registry a copy of it."""
        image_id = artifacts.image_id(artifact)
        if not await self._images.present(image_id):
            await self._images.check_copy(app, image_id)

    async def missing(self, app: str, artifacts: Collection[str]) -> Collection[str]:
        """Return those that the engine does not have, with one call for all."""
        found = {artifact: _image_id(artifact) for artifact in artifacts}
        gone = await self._images.missing({image_id for image_id in found.values() if image_id})
        return [artifact for artifact, image_id in found.items() if image_id is None or image_id in gone]

    async def discard(self, app: str, artifacts: Collection[str], *, needed: Collection[str]) -> None:
        """Take the app's names from images that are not needed. Those that have no other name go, unless they run."""
        image_ids = {image_id for each in set(artifacts) - set(needed) if (image_id := _image_id(each))}
        if image_ids:
            await self._images.forget(app, image_ids)

    async def sizes(self, artifacts: Collection[str]) -> Mapping[str, int]:
        """Return the sizes of the images as the engine says them: all layers, also those shared with others."""
        ids = {artifact: _image_id(artifact) for artifact in artifacts}
        found = {artifact: await self._images.size_bytes(each) for artifact, each in ids.items() if each}
        return {artifact: size for artifact, size in found.items() if size is not None}

    async def _build(self, order: BuildOrder, tree: Path, log: Log) -> BuildResult:
        voice = Voice(log)
        unpacked = await threads.uninterrupted(archive.unpack, order.archive, tree, self._bounds, _is_wanted())
        voice.say(f"Unpacking {unpacked.files} files, {source.size(unpacked.size_bytes)}")
        read = await asyncio.to_thread(source.read, tree, order.options.manifest_path, can_contain=True)
        for note in read.notes:
            voice.say(note)
        made = await self._make(order, read.manifest, tree, log)
        await self._keep(order, made, voice.say)
        return BuildResult(read.text, {name: artifacts.reference(image_id) for name, image_id in made.items()})

    async def _make(self, order: BuildOrder, manifest: Manifest, tree: Path, log: Log) -> Mapping[str, str]:
        """Make the distinct images side by side, and return each service's; the first failure ends all."""
        wanted = recipe.recipes(manifest, order.options)
        places = asyncio.Semaphore(SIDE_BY_SIDE)

        async def make(each: Recipe, services: tuple[str, ...]) -> str:
            voice = Voice(log, f"[{services[0]}] " if len(wanted) > 1 else "")
            async with places:
                with voice.speaking():
                    return await self._make_one(order, tree, each, services[0], voice)

        try:
            async with asyncio.TaskGroup() as tasks:
                running = {each: tasks.create_task(make(each, services)) for each, services in wanted.items()}
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        made = {name: running[each].result() for each, services in wanted.items() for name in services}
        return {name: made[name] for name in manifest.services}

    async def _make_one(self, order: BuildOrder, tree: Path, each: Recipe, service: str, voice: Voice) -> str:
        if isinstance(each, Taken):
            return await self._take(each.reference, service, voice.say, is_fresh=not order.options.use_cache)
        wanted = self._wanted(order, each, service)
        seen = await asyncio.to_thread(building.look, tree, wanted)
        voice.say(f"Building {building.place(each)}")
        return await self._building.build(wanted, seen, voice.write)

    def _wanted(self, order: BuildOrder, built: Built, service: str) -> Wanted:
        return Wanted(
            service=service,
            recipe=built,
            labels={labels.RACK: self._rack, labels.APP: order.app},
            use_cache=order.options.use_cache,
            is_development=order.options.is_development,
        )

    async def _take(self, reference: str, service: str, say: Say, *, is_fresh: bool) -> str:
        """Return the id of an image that is used as it is. One that the engine has is taken; a fresh one is asked for.

        What the engine alone has, since it was made there, is taken all the same.
        """
        if not recipe.is_reference(reference):
            raise BuildFailed(
                f"service {service}: {reference[:80]!r} cannot be the name of an image",
                hint=f"correct services.{service}.image",
            )
        there = await self._images.find(reference)
        if there is not None and not is_fresh:
            say(f"Using {reference}, which the engine has")
            return there
        say(f"Pulling {reference}")
        try:
            return await self._images.pull(reference, say)
        except aiodocker.DockerError as problem:
            if there is None:
                raise building.failure(service, f"{reference} cannot be pulled: {words(problem)}") from problem
            say(f"Warning: {reference} cannot be pulled, the one that the engine has is used: {words(problem)}")
            return there

    async def _keep(self, order: BuildOrder, made: Mapping[str, str], say: Say) -> None:
        """Tag the images by build and release, and push copies; a failure takes the tags away again."""
        tags = {f"{each}-{name}": made[name] for name in made for each in (order.build_id, order.release_id)}
        try:
            for tag, image_id in tags.items():
                await self._images.tag(image_id, order.app, tag)
            for image_id in dict.fromkeys(made.values()):
                await self._images.push(order.app, image_id, say)
        except aiodocker.DockerError as problem:
            await self._untag(order.app, tags)
            raise BuildFailed(
                f"the images cannot be kept: {words(problem)}",
                hint="see the parameter registry of the rack, and its login: sternway registries",
            ) from problem
        except BaseException:
            await self._untag(order.app, tags)
            raise
        for name, image_id in made.items():
            say(f"Service {name}: {artifacts.reference(image_id)}")

    async def _untag(self, app: str, tags: Collection[str]) -> None:
        with contextlib.suppress(
            aiodocker.DockerError, EngineUnavailable, TimeoutError
        ):  # what failed first is what counts
            async with asyncio.timeout(QUICK_S):
                for tag in tags:
                    await self._images.untag(app, tag)

    def _new_directory(self) -> Path:
        self._unpacking.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(dir=self._unpacking))


def sweep(data: Path) -> None:
    """Remove what builds left that ended with the rack; call it while no build runs."""
    for tree in (data / UNPACKING).glob("*"):
        with contextlib.suppress(OSError):
            _clear(tree)


def _clear(tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)


def _image_id(artifact: str) -> str | None:
    try:
        return artifacts.image_id(artifact)
    except ArtifactGone:
        return None


def _is_wanted() -> archive.Wanted:
    """Return what tells a thread whether the task that it works for still wants the outcome."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0  # a TaskGroup that failed earlier in the same task leaves a count behind
    return lambda: task is None or task.cancelling() <= before
