"""Logins at registries, and what engines get to know of them."""

import pytest

from sternway.core.errors import InvalidInput, NotFound
from sternway.core.event import RACK_CHAIN
from sternway.core.registry import Login, Registries
from sternway.ops import parameters, registries

SECRET = "correct-horse"


async def added(still, server="https://registry.example/v2/", user="ada"):
    return await registries.add(still.rack, Login(server, user, SECRET), still.made("ann", "ticket 42"))


async def bodies(still):
    async with still.rack.store.read() as ledger:
        return [event.body for event in await ledger.events.list(RACK_CHAIN, 100)]


async def test_a_login_is_known_by_the_host_of_its_registry(still):
    assert await added(still) == Login("registry.example", "ada", SECRET)
    assert await registries.list_all(still.rack) == [Login("registry.example", "ada", SECRET)]


async def test_history_tells_of_a_login_without_its_password(still):
    await added(still)
    await registries.remove(still.rack, "registry.example", still.made("bob"))
    removed, entry = await bodies(still)
    assert b'"action":"registry:add"' in entry
    assert b'"data":{"reason":"ticket 42","server":"registry.example","user":"ada"}' in entry
    assert b'"action":"registry:remove"' in removed
    assert SECRET.encode() not in entry + removed


async def test_whatever_stands_for_the_usual_registry_is_one_login(still):
    for server in ("docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"):
        await added(still, server)
    assert [login.server for login in await registries.list_all(still.rack)] == ["docker.io"]
    await registries.remove(still.rack, "index.docker.io", still.made())
    assert await registries.list_all(still.rack) == []


@pytest.mark.parametrize(
    ("login", "named"),
    [
        (Login("not a host", "ada", SECRET), "server"),
        (Login("registry.example", "", SECRET), "username"),
        (Login("registry.example", "ada", ""), "password"),
        (Login("registry.example", "ada", f"{SECRET}\n"), "password"),
    ],
)
async def test_a_login_that_cannot_be_right_is_refused_without_showing_it(still, login, named):
    with pytest.raises(InvalidInput, match=f"^{named}:") as caught:
        await registries.add(still.rack, login, still.made())
    assert SECRET not in caught.value.message + caught.value.hint
    assert await registries.list_all(still.rack) == []


async def test_what_is_not_there_cannot_be_removed(still):
    with pytest.raises(NotFound, match=r"registry not found: other\.example"):
        await registries.remove(still.rack, "other.example", still.made())


async def test_engines_know_the_logins_and_where_images_are_pushed(still):
    assert await registries.known(still.rack.store) == Registries()
    await added(still)
    await parameters.set(still.rack, {"registry": "registry.example/apps"}, still.made())
    known = await registries.known(still.rack.store)
    assert known.push_to == "registry.example/apps"
    assert known.login_for("registry.example/apps/shop:1") == Login("registry.example", "ada", SECRET)
    assert known.login_for("busybox") is None
