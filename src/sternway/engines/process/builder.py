"""The builder of the process engine: an upload becomes a snapshot of its tree and what was prepared for it."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from sternway import threads
from sternway.core.errors import ArtifactGone, BuildFailed
from sternway.core.manifest.service import Service
from sternway.engines import archive, source, space
from sternway.engines.process import artifacts, snapshot
from sternway.engines.process.artifacts import NODE, NODE_MODULES, Prepared
from sternway.engines.process.dependencies import node, python, shelf
from sternway.engines.process.dependencies.command import Runner
from sternway.ports import BuildOrder, BuildResult

UNPACKING = "building"

Log = Callable[[bytes], None]
Say = Callable[[str], None]


class ProcessBuilder:
    """Fills `ports.Builder`. `data` is the directory that the engine has as well."""

    def __init__(self, data: Path, *, bounds: archive.Bounds | None = None, runner: Runner | None = None) -> None:
        self._data = data
        self._snapshots = data / snapshot.DIRECTORY
        self._unpacking = data / UNPACKING
        self._bounds = bounds or archive.Bounds()
        self._runner = runner or Runner()
        self._shelf = shelf.Shelf(data, self._runner)

    async def build(self, order: BuildOrder, log: Log) -> BuildResult:
        """Unpack, read the manifest, prepare dependencies, keep the tree.

        A failure or a cancellation leaves nothing that counts, and no process.
        """

        def say(text: str) -> None:
            log(f"{text}\n".encode(errors="replace"))

        try:
            tree = await threads.uninterrupted(self._new_directory)
            try:
                return await self._build(order, tree, say)
            finally:
                await threads.uninterrupted(_clear, tree)
        except OSError as exc:
            if space.is_full(exc):
                raise space.full(exc) from exc
            raise BuildFailed(f"the source cannot be kept: {exc.strerror}", hint="see the disk of the rack") from exc

    async def missing(self, app: str, artifacts: Collection[str]) -> Collection[str]:
        """Return those of which a directory is gone."""

        def is_gone(artifact: str) -> bool:
            try:
                self._verify(artifact)
            except ArtifactGone:
                return True
            return False

        return await asyncio.to_thread(lambda: [each for each in artifacts if is_gone(each)])

    async def verify(self, app: str, artifact: str) -> None:
        """Raise ArtifactGone unless there is a directory to run in, with everything that was prepared for it."""
        await asyncio.to_thread(self._verify, artifact)

    async def discard(self, app: str, artifacts: Collection[str], *, needed: Collection[str]) -> None:
        """Remove the trees and dependencies of artifacts, but for those that a needed one has as well."""
        places = self._places(artifacts) - self._places(needed)
        await threads.uninterrupted(self._discard, sorted(places))

    def _places(self, found: Collection[str]) -> set[Path]:
        """Return the directories that artifacts are made of; what another engine made has none."""
        places: set[Path] = set()
        for artifact in found:
            with contextlib.suppress(ArtifactGone):
                located = artifacts.locate(self._data, artifact)
                places |= {located.root, *located.extra_paths}
        return places

    def _discard(self, places: Sequence[Path]) -> None:
        """Take each away at once, and only then clear it: what is interrupted is swept with what builds left."""
        self._unpacking.mkdir(parents=True, exist_ok=True, mode=0o755)
        for place in places:
            if place.is_dir():
                self._shelf.forget(place.name)
                left = Path(tempfile.mkdtemp(dir=self._unpacking)) / place.name
                place.chmod(0o755)  # a directory that may not be written cannot be moved
                os.rename(place, left)
                _clear(left.parent)

    async def sizes(self, artifacts: Collection[str]) -> Mapping[str, int]:
        """Return how many bytes the files of each tree and of what was prepared for it have."""
        found = await asyncio.to_thread(lambda: {each: self._size(each) for each in artifacts})
        return {artifact: size for artifact, size in found.items() if size is not None}

    def _size(self, artifact: str) -> int | None:
        try:
            located = artifacts.locate(self._data, artifact)
            return sum(snapshot.size_bytes(tree) for tree in (located.root, *located.extra_paths))
        except (ArtifactGone, OSError):
            return None

    def _verify(self, artifact: str) -> None:
        if not artifacts.locate(self._data, artifact).directory.is_dir():
            raise ArtifactGone(f"{artifact} is no longer there", hint="build the same source again: sternway build")
        for prepared in artifacts.prepared(artifact):
            self._shelf.check(prepared)

    async def _build(self, order: BuildOrder, tree: Path, say: Say) -> BuildResult:
        unpacked = await threads.uninterrupted(archive.unpack, order.archive, tree, self._bounds, _is_wanted())
        say(f"Unpacking {unpacked.files} files, {source.size(unpacked.size_bytes)}")
        read = await asyncio.to_thread(source.read, tree, order.options.manifest_path, can_contain=False)
        for note in read.notes:
            say(note)
        services = read.manifest.services
        starts = {name: _start(tree, name, each) for name, each in services.items()}
        prepared = await self._prepare(tree, sorted(set(starts.values())), say, use_cache=order.options.use_cache)
        digest = await threads.uninterrupted(snapshot.keep, tree, self._snapshots)
        say(f"Snapshot {artifacts.reference(digest, '')}")
        for name, service in services.items():
            say(f"Service {name}: {service.command}")
        return BuildResult(
            read.text, {name: artifacts.reference(digest, start, prepared[start]) for name, start in starts.items()}
        )

    async def _prepare(
        self, tree: Path, starts: list[str], say: Say, *, use_cache: bool
    ) -> Mapping[str, tuple[Prepared, ...]]:
        """Prepare what each directory needs, side by side; the first failure ends all."""
        try:
            async with asyncio.TaskGroup() as tasks:
                running = {
                    start: tasks.create_task(
                        self._prepare_one(tree / start, _prefixed(say, start, starts), use_cache=use_cache)
                    )
                    for start in starts
                }
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        return {start: task.result() for start, task in running.items()}

    async def _prepare_one(self, directory: Path, say: Say, *, use_cache: bool) -> tuple[Prepared, ...]:
        found = [await read(directory, self._runner) for read in (python.read, node.read)]
        prepared = [await self._shelf.prepare(recipe, say, use_cache=use_cache) for recipe in found if recipe]
        for each in prepared:
            if each.ecosystem == NODE:
                _link(each.directory(self._data), directory)
        return tuple(prepared)

    def _new_directory(self) -> Path:
        """Return an empty directory on the file system of the snapshots."""
        for place in (self._unpacking, self._snapshots):
            place.mkdir(parents=True, exist_ok=True, mode=0o755)
        tree = Path(tempfile.mkdtemp(dir=self._unpacking))
        tree.chmod(0o755)
        return tree


def sweep(data: Path) -> None:
    """Remove what builds left that ended with the rack; call it while no build runs."""
    for tree in (data / UNPACKING).glob("*"):
        with contextlib.suppress(OSError):
            _clear(tree)
    shelf.sweep(data)


def _clear(tree: Path) -> None:
    if tree.exists():
        snapshot.discard(tree)


def _is_wanted() -> archive.Wanted:
    """Return what tells a thread whether the task that it works for still wants the outcome."""
    task = asyncio.current_task()
    return lambda: task is None or not task.cancelling()


def _prefixed(say: Say, start: str, starts: list[str]) -> Say:
    """Return what tells whose line it is, where there are several."""
    return say if len(starts) == 1 else lambda text: say(f"[{start or '.'}] {text}")


def _link(prepared: Path, directory: Path) -> None:
    """Let Node find packages where it looks: beside the app. The link is part of the tree, and of its digest."""
    if (prepared / NODE_MODULES).is_dir():
        os.symlink(prepared / NODE_MODULES, directory / NODE_MODULES)


def _start(tree: Path, name: str, service: Service) -> str:
    """Return the directory that a service starts in, empty for the top; raises BuildFailed if it cannot start."""
    if service.command is None:
        raise BuildFailed(
            f"service {name} has no command, and there is no image to take one from",
            hint=f"add services.{name}.command to the manifest",
        )
    parts = Path(service.build.path).parts if service.build else ()
    sub_directory = "/".join(parts)
    if "/" in parts or ".." in parts or not (tree / sub_directory).is_dir():
        raise BuildFailed(
            f"service {name}: {sub_directory} is no directory of the source", hint=f"correct services.{name}.build"
        )
    return sub_directory
