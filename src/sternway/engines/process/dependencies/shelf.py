"""Where prepared dependencies are kept: read-only, by the hash of what decides how they turn out.

They are prepared at the very place where they stay, since environments name themselves by absolute paths. What
has its mark `ready.json` is whole; what has none was interrupted, and is swept when the engine starts.
"""

import asyncio
import contextlib
import json
import secrets
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from sternway import files, threads
from sternway.core.errors import ArtifactGone
from sternway.engines.process import snapshot
from sternway.engines.process.artifacts import DEPENDENCIES, PYTHON, VENV, Prepared
from sternway.engines.process.dependencies.command import Runner
from sternway.engines.process.dependencies.recipe import Recipe

NEWEST = "newest"
READY = "ready.json"
AT_ONCE = 2

Say = Callable[[str], None]


class Shelf:
    """The dependencies of all apps of one rack. At most AT_ONCE preparations run side by side."""

    def __init__(self, data: Path, runner: Runner) -> None:
        self._data = data
        self._root = data / DEPENDENCIES
        self._runner = runner
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def prepare(self, recipe: Recipe, say: Say, *, use_cache: bool = True) -> Prepared:
        """Return what was prepared by this recipe before, or else prepare it; raises BuildFailed.

        Two that want the same at once share one preparation. Without the cache it is prepared anew, and what
        was there stays for the releases that refer to it. Failed or cancelled, it leaves nothing.
        """
        key = recipe.digest()
        async with self._locks[key]:
            found = Prepared(recipe.ecosystem, await asyncio.to_thread(self._newest, key))
            is_there = await asyncio.to_thread(self.is_whole, found)
            if use_cache and is_there:
                say(f"Dependencies from {recipe.title}: prepared before, {found}")
                return found
            fresh = Prepared(recipe.ecosystem, recipe.digest(secrets.token_hex()) if is_there else key)
            say(f"Dependencies from {recipe.title}: preparing {fresh}")
            await self._make(fresh, recipe, say)
            await threads.uninterrupted(self._remember, key, fresh.digest)
        return fresh

    def is_whole(self, prepared: Prepared) -> bool:
        """Tell whether it is there, where it was made, on an interpreter that is still there."""
        place = prepared.directory(self._data)
        try:
            made_at = json.loads((place / READY).read_bytes())["place"]
        except (OSError, ValueError, LookupError, TypeError):
            return False
        has_interpreter = prepared.ecosystem != PYTHON or (place / VENV / "bin" / "python").exists()
        return bool(made_at == str(place)) and has_interpreter

    def check(self, prepared: Prepared) -> None:
        """Raise ArtifactGone unless it is whole."""
        if not self.is_whole(prepared):
            raise ArtifactGone(
                f"the dependencies {prepared} are no longer there", hint="build the same source again: sternway build"
            )

    def forget(self, digest: str) -> None:
        """Have nobody take what is about to be removed for the newest of its recipe. It blocks."""
        for newest in (self._root / NEWEST).glob("*"):
            if newest.read_text().strip() == digest:
                newest.unlink()

    async def _make(self, prepared: Prepared, recipe: Recipe, say: Say) -> None:
        place = prepared.directory(self._data)
        for note in recipe.notes:
            say(f"Warning: {note}")
        try:
            async with self._places:
                await threads.uninterrupted(_lay_out, place, recipe)
                for command in recipe.commands(place):
                    await self._runner.run(command, say)
                await threads.uninterrupted(_conclude, place, recipe)
        except BaseException:
            await threads.uninterrupted(_discard, place)
            raise

    def _newest(self, key: str) -> str:
        try:
            return (self._root / NEWEST / key).read_text().strip()
        except OSError:
            return key

    def _remember(self, key: str, digest: str) -> None:
        if digest == key and not (self._root / NEWEST / key).exists():
            return
        (self._root / NEWEST).mkdir(exist_ok=True, mode=0o755)
        files.replace(self._root / NEWEST / key, digest.encode(), is_durable=True)


def sweep(data: Path) -> None:
    """Remove what was being prepared when the rack ended."""
    for place in (data / DEPENDENCIES).glob("*"):
        if place.name != NEWEST and not (place / READY).exists():
            _discard(place)


def _lay_out(place: Path, recipe: Recipe) -> None:
    """Make the place, empty but for the files of the recipe."""
    if place.exists():
        snapshot.discard(place)
    place.mkdir(parents=True, mode=0o755)
    for directory in (place.parent, place):
        directory.chmod(0o755)
    for name, content in recipe.files.items():
        (place / name).write_bytes(content)


def _conclude(place: Path, recipe: Recipe) -> None:
    """Make everything durable and read-only, and mark it as whole."""
    snapshot.seal(place)
    files.replace(place / READY, json.dumps({"place": str(place), "title": recipe.title}).encode(), is_durable=True)
    (place / READY).chmod(0o444)
    place.chmod(0o555)
    files.sync_directory(place.parent)


def _discard(place: Path) -> None:
    with contextlib.suppress(OSError):
        snapshot.discard(place)
