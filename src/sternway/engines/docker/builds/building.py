"""One image from a directory and its Dockerfile: which builder is asked, how, and what it answers."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiodocker

from sternway import ignore
from sternway.core.errors import BuildFailed
from sternway.engines import space
from sternway.engines.docker.builds import buildkit, context, dockerfile, offer, recipe
from sternway.engines.docker.builds.context import Context
from sternway.engines.docker.builds.dockerfile import Dockerfile
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.builds.recipe import Built
from sternway.engines.docker.calls import stream
from sternway.engines.docker.calls.connection import Connection, words
from sternway.engines.docker.calls.stream import Call, Message

BUILD_S = 3600.0
"""How long one image may take."""
DOCKERFILE_BYTES = 1024 * 1024
DEVELOPMENT = "development"
_RED, _PLAIN = "\x1b[91m", "\x1b[0m"

Write = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to be built: for which service (the first of those that share it), from what, and how."""

    service: str
    recipe: Built
    labels: Mapping[str, str]
    use_cache: bool
    is_development: bool


def look(tree: Path, wanted: Wanted) -> tuple[Context, Dockerfile]:
    """Return what is to be built, and what its Dockerfile asks for. Raises BuildFailed. It blocks."""
    directory, name = tree / wanted.recipe.path, wanted.recipe.dockerfile
    service = f"services.{wanted.service}"
    if not _is_inside(directory, tree) or not directory.is_dir():
        raise BuildFailed(
            f"service {wanted.service}: {wanted.recipe.path} is no directory of the source",
            hint=f"correct {service}.build",
        )
    file = directory / name
    if not _is_inside(file, tree) or not file.is_file():
        raise BuildFailed(
            f"service {wanted.service}: there is no {place(wanted.recipe)} in the source; add one, name another with "
            f"{service}.build.manifest, or name an image with {service}.image",
            hint=f"see that no {ignore.FILE} leaves it out",
        )
    if file.stat().st_size > DOCKERFILE_BYTES:
        raise BuildFailed(f"{place(wanted.recipe)} is larger than {DOCKERFILE_BYTES} bytes", hint="shorten it")
    return context.read(directory, name), dockerfile.read(file.read_text(encoding="utf-8-sig", errors="replace"))


def place(recipe: Built) -> str:
    """Return the path of the Dockerfile as the author of the source sees it."""
    return recipe.dockerfile if recipe.path == "." else f"{recipe.path}/{recipe.dockerfile}"


class Building:
    """Builds images in one engine."""

    def __init__(self, connection: Connection, images: Images, *, limit_s: float = BUILD_S) -> None:
        self._connection = connection
        self._images = images
        self._limit_s = limit_s

    async def build(self, wanted: Wanted, seen: tuple[Context, Dockerfile], write: Write) -> str:
        """Build an image and return its id; `write` gets what the engine prints. Raises BuildFailed with a reason.

        Cancelling it ends the build in the engine, which removes its container.
        """
        what, asked = seen
        offered = await offer.ask(self._connection)
        by_buildkit = offer.needs_buildkit(offered, asked, place(wanted.recipe))
        if by_buildkit:
            await self._fetch_private(asked, write)
        hearing = Hearing(write)
        call = Call(
            f"building the image of {wanted.service}",
            "build",
            _parameters(wanted, asked, by_buildkit=by_buildkit),
            await self._images.build_logins(),
            context.stream(what),
            silent_s=None,
        )
        try:
            async with asyncio.timeout(self._limit_s):
                await stream.follow(self._connection, call, hearing.hear)
        except TimeoutError as exc:
            raise failure(wanted.service, f"the build took more than {self._limit_s:.0f} seconds") from exc
        except aiodocker.DockerError as problem:
            raise failure(wanted.service, words(problem), had_room=hearing.had_room) from problem
        if hearing.image_id is None:
            raise failure(wanted.service, "the engine ended the build without an image")
        return hearing.image_id

    async def _fetch_private(self, asked: Dockerfile, write: Write) -> None:
        """Pull base images that need a login: BuildKit asks its client for those, and takes what is there first."""
        for base in filter(recipe.is_reference, asked.bases):
            if await self._images.needs_login(base) and await self._images.find(base) is None:
                await self._images.pull(base, lambda line: write(f"{line}\n".encode()))


def failure(service: str, reason: str, *, had_room: bool = True) -> BuildFailed:
    """Return the failure of a service's image; without `had_room` what it ran said that the disk is full."""
    if space.is_named(reason) or not had_room:
        return BuildFailed(
            f"service {service}: the disk of the Docker engine is full: {reason}",
            hint="free space there, for example with docker image prune, and build again",
        )
    return BuildFailed(f"service {service}: {reason}", hint="see the log of the build")


class Hearing:
    """Hears the messages of one build: writes what is for people, and keeps the id of the image."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._tracer = buildkit.Tracer(self._print)
        self.image_id: str | None = None
        self.had_room = True

    def hear(self, message: Message) -> None:
        """Take one message."""
        if "stream" in message:
            self._print(_uncoloured(str(message["stream"])).encode(errors="replace"))
        elif message.get("id") == buildkit.TRACE:
            self._tracer.hear(message.get("aux"))
        elif isinstance(aux := message.get("aux"), dict) and "ID" in aux:
            self.image_id = str(aux["ID"])
        elif line := stream.progress(message):
            self._write(f"{line}\n".encode(errors="replace"))

    def _print(self, content: bytes) -> None:
        self.had_room = self.had_room and not space.is_named(content.decode(errors="replace"))
        self._write(content)


def _uncoloured(text: str) -> str:
    """Return what was printed without the red that the classic builder puts around each piece from stderr."""
    is_red = text.startswith(_RED) and text.endswith(_PLAIN)
    return text[len(_RED) : -len(_PLAIN)] if is_red else text


def _parameters(wanted: Wanted, asked: Dockerfile, *, by_buildkit: bool) -> Mapping[str, str]:
    parameters = {
        "dockerfile": wanted.recipe.dockerfile,
        "version": "2" if by_buildkit else "1",
        "rm": "1",
        "forcerm": "1",
        "labels": json.dumps(dict(wanted.labels)),
        "buildargs": json.dumps(dict(wanted.recipe.arguments)),
    }
    if not wanted.use_cache:
        parameters["nocache"] = "1"
    if wanted.is_development and DEVELOPMENT in asked.stages:
        parameters["target"] = DEVELOPMENT
    return parameters


def _is_inside(path: Path, tree: Path) -> bool:
    return path.resolve().is_relative_to(tree.resolve())
