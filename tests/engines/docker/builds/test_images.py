import asyncio
import io
import tarfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiodocker
import pytest

from sternway.core.errors import ArtifactGone, EngineUnavailable
from sternway.core.registry import Login, Registries
from sternway.engines.docker.builds.images import Images
from sternway.engines.docker.calls.connection import Connection
from tests.engines.docker import registry as registries
from tests.engines.docker import scripted
from tests.engines.docker.registry import PASSWORD, Registry

NOWHERE = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registries.running(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registries.running(tmp_path_factory.mktemp("private"), is_private=True) as registry:
        yield registry


@pytest.fixture
async def connection(docker_host: str) -> AsyncIterator[Connection]:
    connection = Connection(docker_host)
    async with connection.opened():
        yield connection


@pytest.fixture
def rack() -> str:
    return uuid.uuid4().hex[:12]


@pytest.fixture
async def image(connection: Connection, rack: str) -> AsyncIterator[str]:
    """An image that no other test has, with one tag of the rack."""
    image_id = await imported(connection, rack)
    images = Images(connection, rack, knowing(Registries()))
    await images.tag(image_id, "shop", "BAAAAAAAAAA-web")
    yield image_id
    await images.forget("shop")


async def imported(connection: Connection, content: str) -> str:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("content")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content.encode()))
    async with connection.docker._query(
        "images/create", "POST", params={"fromSrc": "-"}, data=archive.getvalue()
    ) as answer:
        return str((await answer.json(content_type=None))["status"])


def knowing(known: Registries):
    async def ask() -> Registries:
        return known

    return ask


async def delete(connection: Connection, image_id: str) -> None:
    await connection.docker.images.delete(image_id, force=True)


async def tags(connection: Connection, image_id: str) -> list[str]:
    return sorted((await connection.docker.images.inspect(image_id))["RepoTags"])


async def test_an_image_is_present_until_it_is_deleted(connection: Connection, rack: str, image: str):
    images = Images(connection, rack, knowing(Registries()))
    assert await images.present(image)
    assert await images.missing([image, NOWHERE]) == {NOWHERE}
    assert await images.missing([]) == set()
    await delete(connection, image)
    assert not await images.present(image)
    assert await images.missing([image]) == {image}


async def test_a_copy_comes_back_from_the_registry_as_the_same_image(
    connection: Connection, rack: str, image: str, registry: Registry
):
    images = Images(connection, rack, knowing(Registries(push_to=f"{registry.server}/kept")))
    lines: list[str] = []
    await asyncio.gather(images.push("shop", image, lines.append), images.push("shop", image, lines.append))
    assert any("digest: sha256:" in line for line in lines)
    assert await tags(connection, image) == [f"sternway-{rack}/shop:BAAAAAAAAAA-web"]
    await delete(connection, image)
    assert await images.can_bring_back("shop", image)
    await images.bring_back("shop", image)
    await images.bring_back("shop", image)
    assert await tags(connection, image) == [f"sternway-{rack}/shop:{image.removeprefix('sha256:')}"]


async def test_pushing_an_image_that_has_no_other_name_keeps_it(connection: Connection, rack: str, registry: Registry):
    image_id = await imported(connection, f"{rack}-alone")
    images = Images(connection, rack, knowing(Registries(push_to=registry.server)))
    await images.push("shop", image_id, lambda line: None)
    assert await images.present(image_id)
    await delete(connection, image_id)


async def test_without_a_registry_nothing_is_pushed_and_nothing_comes_back(
    connection: Connection, rack: str, image: str
):
    images = Images(connection, rack, knowing(Registries()))
    await images.push("shop", image, pytest.fail)
    await images.bring_back("shop", image)
    with pytest.raises(ArtifactGone, match="keeps no copies in a registry"):
        await images.bring_back("shop", NOWHERE)
    assert not await images.can_bring_back("shop", NOWHERE)


async def test_a_registry_that_is_away_is_the_reason(connection: Connection, rack: str, image: str, tmp_path: Path):
    with registries.running(tmp_path) as registry:
        images = Images(connection, rack, knowing(Registries(push_to=registry.server)))
        await images.push("shop", image, lambda line: None)
        registry.stop()
        await delete(connection, image)
        with pytest.raises(ArtifactGone, match="connection refused"):
            await images.bring_back("shop", image)
        assert not await images.can_bring_back("shop", image)
        registry.start()
        await images.bring_back("shop", image)
    assert await images.present(image)


async def test_a_registry_without_the_copy_is_the_reason(connection: Connection, rack: str, registry: Registry):
    images = Images(connection, rack, knowing(Registries(push_to=registry.server)))
    with pytest.raises(ArtifactGone, match="000000000000 is no longer there, and its copy cannot be pulled"):
        await images.bring_back("shop", NOWHERE)
    assert not await images.can_bring_back("shop", NOWHERE)


async def test_another_image_in_the_place_of_the_copy_is_refused(
    connection: Connection, rack: str, image: str, registry: Registry
):
    wanted = f"sha256:{uuid.uuid4().hex * 2}"
    copy = f"{registry.server}/shop"
    await connection.docker.images.tag(image, copy, tag=wanted.removeprefix("sha256:"))
    await connection.docker.images.push(copy, tag=wanted.removeprefix("sha256:"))
    images = Images(connection, rack, knowing(Registries(push_to=registry.server)))
    with pytest.raises(ArtifactGone, match="another image stands in the place"):
        await images.bring_back("shop", wanted)
    assert await tags(connection, image) == [f"sternway-{rack}/shop:BAAAAAAAAAA-web"]


async def test_a_private_registry_wants_the_login_and_the_password_is_never_told(
    connection: Connection, rack: str, image: str, private: Registry
):
    knowing_it = Registries({private.server: private.login}, push_to=private.server)
    await Images(connection, rack, knowing(knowing_it)).push("shop", image, lambda line: None)
    await delete(connection, image)
    wrong = Login(private.server, "puller", f"not-{PASSWORD}")
    for logins in ({}, {private.server: wrong}):
        stranger = Images(connection, rack, knowing(Registries(logins, push_to=private.server)))
        with pytest.raises(ArtifactGone) as refused:
            await stranger.bring_back("shop", image)
        assert PASSWORD not in str(refused.value)
        assert not await stranger.can_bring_back("shop", image)
    friend = Images(connection, rack, knowing(knowing_it))
    assert await friend.can_bring_back("shop", image)
    await friend.bring_back("shop", image)
    assert await friend.present(image)


async def test_a_push_that_fails_says_why(connection: Connection, rack: str, image: str, private: Registry):
    images = Images(connection, rack, knowing(Registries(push_to=private.server)))
    with pytest.raises(aiodocker.DockerError, match="no basic auth credentials"):
        await images.push("shop", image, lambda line: None)
    assert await tags(connection, image) == [f"sternway-{rack}/shop:BAAAAAAAAAA-web"]


async def test_an_app_whose_name_ends_in_a_dash_has_images_too(connection: Connection, rack: str, image: str):
    images = Images(connection, rack, knowing(Registries()))
    await images.tag(image, "shop--", "RAAAAAAAAAA-web")
    assert f"sternway-{rack}/shop__2:RAAAAAAAAAA-web" in await tags(connection, image)
    await images.forget("shop--")
    await images.forget("shop--")
    assert await tags(connection, image) == [f"sternway-{rack}/shop:BAAAAAAAAAA-web"]


async def test_an_engine_that_is_down_is_no_missing_image(tmp_path: Path):
    connection = Connection(f"unix://{tmp_path}/nothing.sock")
    images = Images(connection, "rack", knowing(Registries(push_to="127.0.0.1:1")))
    async with connection.opened():
        for asked in (images.present(NOWHERE), images.missing([NOWHERE]), images.bring_back("shop", NOWHERE)):
            with pytest.raises(EngineUnavailable):
                await asked
        with pytest.raises(EngineUnavailable):
            await images.can_bring_back("shop", NOWHERE)
        with pytest.raises(EngineUnavailable):
            await images.pull("anything", lambda line: None)


async def test_names_that_others_gave_an_image_stay(tmp_path: Path):
    """Docker lists only the names that were asked for, and Podman all of them, each with a server."""
    names = ["docker.io/sternway-rack/shop:B-web", "localhost/base:latest", "docker.io/my-sternway-rack/shop:B"]
    async with scripted.running(tmp_path, scripted.telling(), {}) as engine:
        engine.listed = [{"Id": NOWHERE, "RepoTags": names}, {"Id": "sha256:other", "RepoTags": names[:1]}]
        connection = Connection(engine.address)
        async with connection.opened():
            await Images(connection, "rack", knowing(Registries())).forget("shop", [NOWHERE])
    assert [path for path, _ in engine.asked if path != "/images/json"] == [f"/images/{names[0]}"]
