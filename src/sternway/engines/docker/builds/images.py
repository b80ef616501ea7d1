"""The images of a rack in its engine, and the copies of them that a registry keeps.

An image is known by its id. What the rack has in the engine bears tags `sternway-RACK/APP:…`, so that nothing that
clears up unused images takes it. Copies stand in the registry as `REGISTRY/APP:HEX` with the digits of the id: the
id alone is enough to find one again, and to see that it is the very image.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any

import aiodocker

from sternway.core.errors import ArtifactGone, EngineUnavailable
from sternway.core.registry import DEFAULT_SERVER, Login, Registries
from sternway.engines.docker.calls import stream
from sternway.engines.docker.calls.connection import QUICK_S, Connection, Problem, translated, words
from sternway.engines.docker.calls.stream import UNREACHABLE, Call, Message, Say, declinable

ASK_S = 10.0
"""How long a registry may take to say whether it has an image."""
_HUB = "https://index.docker.io/v1/"


class Images:
    """One per rack. `registries` is asked at each use: what is set may change while the rack runs."""

    def __init__(self, connection: Connection, rack: str, registries: Callable[[], Awaitable[Registries]]) -> None:
        self._connection = connection
        self._rack = rack
        self._registries = registries
        self._bringing = asyncio.Lock()
        self._pushing = asyncio.Lock()  # two builds may have made the same image, and want the same name for it

    async def present(self, image_id: str) -> bool:
        """Tell whether the engine has the image. Raises EngineUnavailable."""
        return await self.find(image_id) is not None

    async def find(self, reference: str) -> str | None:
        """Return the id of an image by its name, digest or id; None if the engine does not have it."""
        found = await self._inspected(reference)
        return None if found is None else str(found["Id"])

    async def size_bytes(self, image_id: str) -> int | None:
        """Return the size of an image with all its layers; None if the engine does not have it."""
        found = await self._inspected(image_id)
        return None if found is None else int(found["Size"])

    async def _inspected(self, reference: str) -> Mapping[str, Any] | None:
        with translated(f"looking for the image {reference}"):
            try:
                async with asyncio.timeout(QUICK_S):
                    return await self._connection.docker.images.inspect(reference)
            except aiodocker.DockerError as problem:
                if problem.status == HTTPStatus.NOT_FOUND:
                    return None
                raise

    async def missing(self, image_ids: Collection[str]) -> set[str]:
        """Return those that the engine does not have, with one call for all."""
        if not image_ids:
            return set()
        with translated("listing images"):
            async with asyncio.timeout(QUICK_S):
                found = await self._connection.docker.images.list(all="1")
        return set(image_ids) - {str(image["Id"]) for image in found}

    async def bring_back(self, app: str, image_id: str) -> None:
        """See to it that the engine has the image: pull the copy from the registry if it does not.

        Raises ArtifactGone with the reason if there is no copy that can be pulled, or another image stands in its
        place. Called twice, or at once by several, it pulls once.
        """
        async with self._bringing:
            if await self.present(image_id):
                return
            copy = _copy(_set(await self._registries(), image_id), app, image_id)
            await self._bring_back(app, copy, image_id)

    async def _bring_back(self, app: str, copy: str, image_id: str) -> None:
        try:
            found = await self.pull(copy, lambda line: None)
        except aiodocker.DockerError as problem:
            raise _gone(image_id, f"its copy cannot be pulled: {words(problem)}") from problem
        try:
            if found != image_id:
                raise _gone(image_id, f"another image stands in the place of its copy {copy}")
            await self.tag(image_id, app, _hex(image_id))
        finally:
            await self._let_go(copy, found)

    async def can_bring_back(self, app: str, image_id: str) -> bool:
        """Tell whether the registry has a copy of the image now."""
        try:
            await self.check_copy(app, image_id)
        except ArtifactGone:
            return False
        return True

    async def check_copy(self, app: str, image_id: str) -> None:
        """Raise ArtifactGone with the reason unless the registry has a copy of the image now."""
        registries = _set(await self._registries(), image_id)
        copy = _copy(registries, app, image_id)
        login = registries.login_for(copy)
        try:
            async with asyncio.timeout(ASK_S):
                await self._connection.docker._query_json(f"distribution/{copy}/json", headers=_authority(login))
        except Problem as problem:
            _raise_if_unreachable(problem)
            raise _gone(image_id, f"the registry has no copy: {_hidden(words(problem), login)}") from problem

    async def push(self, app: str, image_id: str, say: Say) -> None:
        """Push a copy to the registry that is set; without one it does nothing.

        The name that it takes for that goes again, unless the image has no other. Raises `aiodocker.DockerError`
        with the reason.
        """
        registries = await self._registries()
        if not registries.push_to:
            return
        copy = _copy(registries, app, image_id)
        name, _, tag = copy.rpartition(":")
        login = registries.login_for(copy)
        call = Call(f"pushing {copy}", f"images/{name}/push", {"tag": tag}, _authority(login, is_needed=True))
        async with self._pushing:
            await self._tag(image_id, name, tag)
            try:
                await self._follow(call, say, login)
            finally:
                await self._let_go(copy, image_id)

    async def pull(self, reference: str, say: Say) -> str:
        """Pull an image with the login for its server, and return its id.

        Raises `aiodocker.DockerError` with the reason.
        """
        login = (await self._registries()).login_for(reference)
        params = {"fromImage": reference} | ({} if _is_exact(reference) else {"tag": "latest"})
        await self._follow(Call(f"pulling {reference}", "images/create", params, _authority(login)), say, login)
        image_id = await self.find(reference)
        if image_id is None:
            raise aiodocker.DockerError(0, f"{reference} was pulled and is not there")
        return image_id

    async def build_logins(self) -> Mapping[str, str]:
        """Return the header that lets a build pull its base images."""
        logins = (await self._registries()).logins.values()
        known = {_address(each): {"username": each.username, "password": each.password} for each in logins}
        return {"X-Registry-Config": _encoded(known)} if known else {}

    async def needs_login(self, reference: str) -> bool:
        """Tell whether there is a login for the registry of an image."""
        return (await self._registries()).login_for(reference) is not None

    async def tag(self, image_id: str, app: str, tag: str) -> None:
        """Let the image bear a tag of the app. Raises `aiodocker.DockerError` if it is not there."""
        await self._tag(image_id, f"sternway-{self._rack}/{_repository(app)}", tag)

    async def untag(self, app: str, tag: str) -> None:
        """Take a tag of the app away; an image that nothing else uses goes with it."""
        await self._untag(f"sternway-{self._rack}/{_repository(app)}:{tag}")

    async def forget(self, app: str, image_ids: Collection[str] | None = None) -> None:
        """Remove every tag of the app, or those of some images; images that nothing else uses go with them.

        Called twice it does no more.
        """
        name = f"sternway-{self._rack}/{_repository(app)}"
        with translated(f"listing the images of {app}"):
            async with asyncio.timeout(QUICK_S):
                found = await self._connection.docker.images.list(filters={"reference": [name]})
        wanted = (image for image in found if image_ids is None or image["Id"] in image_ids)
        # Some engines name the other tags of an image too, and a server before each.
        tags = (tag for image in wanted for tag in image.get("RepoTags") or ())
        for tag in (tag for tag in tags if f"/{tag.rpartition(':')[0]}".endswith(f"/{name}")):
            await self._untag(tag)

    async def _let_go(self, name: str, image_id: str) -> None:
        """Take a name that was needed for a while from an image that has others, as well as it can be done."""
        with contextlib.suppress(EngineUnavailable):
            with translated(f"looking for the image {image_id}"):
                async with asyncio.timeout(QUICK_S):
                    found = await self._connection.docker.images.inspect(image_id)
            if len(found.get("RepoTags") or ()) > 1:
                await self._untag(name)

    async def _tag(self, image_id: str, name: str, tag: str) -> None:
        with declinable(f"naming an image {name}:{tag}"):
            async with asyncio.timeout(QUICK_S):
                await self._connection.docker.images.tag(image_id, name, tag=tag)

    async def _untag(self, reference: str) -> None:
        """Take a name from an image; one that is not there, or is in use, is left as it is."""
        with translated(f"removing the name {reference}"):
            try:
                async with asyncio.timeout(QUICK_S):
                    await self._connection.docker.images.delete(reference)
            except aiodocker.DockerError as problem:
                if problem.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                    raise

    async def _follow(self, call: Call, say: Say, login: Login | None) -> None:
        def hear(message: Message) -> None:
            if line := stream.progress(message):
                say(_hidden(line, login))

        try:
            await stream.follow(self._connection, call, hear)
        except aiodocker.DockerError as problem:
            raise aiodocker.DockerError(problem.status, _hidden(words(problem), login)) from None


def _set(registries: Registries, image_id: str) -> Registries:
    if not registries.push_to:
        raise _gone(image_id, "this rack keeps no copies in a registry")
    return registries


def _gone(image_id: str, reason: str) -> ArtifactGone:
    return ArtifactGone(
        f"the image {_hex(image_id)[:12]} is no longer there, and {reason}",
        hint="build the same source again: sternway build",
    )


def _copy(registries: Registries, app: str, image_id: str) -> str:
    """Return the name of the copy: `REGISTRY/APP:HEX`."""
    return f"{registries.push_to}/{_repository(app)}:{_hex(image_id)}"


def _hex(image_id: str) -> str:
    return image_id.partition(":")[2]


def _repository(app: str) -> str:
    """Return the app's name as a registry takes it: it refuses dashes at the end, and no app's name has a `_`."""
    bare = app.rstrip("-")
    return bare if bare == app else f"{bare}__{len(app) - len(bare)}"


def _is_exact(reference: str) -> bool:
    """Tell whether a name says which image of a repository is meant, by a tag or a digest."""
    last = reference.rpartition("/")[2]
    return ":" in last or "@" in last


def _authority(login: Login | None, *, is_needed: bool = False) -> dict[str, str]:
    """Return the header with a login; pushes need the header even without one."""
    if login is None:
        return {"X-Registry-Auth": _encoded({})} if is_needed else {}
    whole = {"username": login.username, "password": login.password, "serveraddress": _address(login)}
    return {"X-Registry-Auth": _encoded(whole)}


def _address(login: Login) -> str:
    return _HUB if login.server == DEFAULT_SERVER else login.server


def _encoded(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def _hidden(text: str, login: Login | None) -> str:
    """Return the text without the password, should a registry ever repeat it."""
    return text.replace(login.password, "***") if login and login.password else text


def _raise_if_unreachable(problem: BaseException) -> None:
    """Raise EngineUnavailable if it was the engine that did not answer, and not the registry."""
    if isinstance(problem, aiodocker.DockerError) and problem.status == UNREACHABLE:
        raise EngineUnavailable(
            f"the Docker engine does not answer: {words(problem)}", hint="is it running? try: docker info"
        ) from problem
