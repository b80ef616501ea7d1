"""What every router does, run on each."""

import asyncio

import pytest

from sternway.core.errors import Conflict, InvalidInput, StaleEpoch
from sternway.core.formation import Route
from tests.router.rigs import Rig, new_app, route


async def test_requests_go_to_the_member(rig: Rig) -> None:
    app, member = new_app(), await rig.member("a")
    await rig.router.apply(app, (route("web", f"web.{app}.localhost", member),), epoch=rig.epoch)
    assert await rig.ask(f"web.{app}.localhost") == member.endpoint


async def test_after_a_switch_every_request_goes_to_the_new_member(rig: Rig) -> None:
    app, old, new = new_app(), await rig.member("a"), await rig.member("b")
    host = f"web.{app}.localhost"
    await rig.router.apply(app, (route("web", host, old),), epoch=rig.epoch)
    assert await rig.ask(host) == old.endpoint
    await rig.router.apply(app, (route("web", host, new),), epoch=rig.epoch)
    assert {await rig.ask(host) for _ in range(10)} == {new.endpoint}


async def test_requests_are_spread_over_all_members(rig: Rig) -> None:
    app = new_app()
    members = [await rig.member(name) for name in "abc"]
    await rig.router.apply(app, (route("web", f"{app}.localhost", *members),), epoch=rig.epoch)
    asked = [await rig.ask(f"{app}.localhost") for _ in range(24)]
    assert sorted(asked.count(member.endpoint) for member in members) == [8, 8, 8]


async def test_unknown_host_is_404(rig: Rig) -> None:
    assert await rig.ask("nobody.localhost") == "404"


async def test_route_without_members_is_503(rig: Rig) -> None:
    app = new_app()
    await rig.router.apply(app, (route("web", f"{app}.localhost"),), epoch=rig.epoch)
    assert await rig.ask(f"{app}.localhost") == "503"


async def test_hosts_match_in_any_case_and_with_a_port(rig: Rig) -> None:
    app, member = new_app(), await rig.member("a")
    await rig.router.apply(app, (route("web", f"Web.{app}.localhost", member),), epoch=rig.epoch)
    for host in (f"web.{app}.localhost:8080", f"WEB.{app.upper()}.LocalHost"):
        assert await rig.ask(host) == member.endpoint


async def test_services_and_hosts_of_an_app_switch_together(rig: Rig) -> None:
    app, web, api = new_app(), await rig.member("a"), await rig.member("b")
    hosts = (f"web.{app}.localhost", f"{app}.localhost")
    routes = (Route("web", hosts, (web,)), route("api", f"api.{app}.localhost", api))
    await rig.router.apply(app, routes, epoch=rig.epoch)
    assert [await rig.ask(host) for host in (*hosts, f"api.{app}.localhost")] == [
        web.endpoint,
        web.endpoint,
        api.endpoint,
    ]


async def test_a_wildcard_has_every_host_below_that_no_route_names(rig: Rig) -> None:
    app, web, api = new_app(), await rig.member("a"), await rig.member("b")
    routes = (route("web", f"*.{app}.localhost", web), route("api", f"api.{app}.localhost", api))
    await rig.router.apply(app, routes, epoch=rig.epoch)
    asked = [await rig.ask(f"{name}{app}.localhost") for name in ("x.", "x.y.", "api.", "x.api.", "")]
    assert asked == [web.endpoint, web.endpoint, api.endpoint, web.endpoint, "404"]


async def test_a_host_can_move_to_another_service(rig: Rig) -> None:
    app, web, api = new_app(), await rig.member("a"), await rig.member("b")
    await rig.router.apply(app, (route("web", f"{app}.localhost", web),), epoch=rig.epoch)
    await rig.router.apply(app, (route("api", f"{app}.localhost", api),), epoch=rig.epoch)
    assert await rig.ask(f"{app}.localhost") == api.endpoint


async def test_a_host_that_is_left_out_is_404(rig: Rig) -> None:
    app, member = new_app(), await rig.member("a")
    await rig.router.apply(app, (Route("web", (f"{app}.localhost", f"x.{app}.localhost"), (member,)),), epoch=rig.epoch)
    await rig.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=rig.epoch)
    assert await rig.ask(f"{app}.localhost") == member.endpoint
    assert await rig.ask(f"x.{app}.localhost") == "404"


async def test_no_routes_make_the_hosts_404_and_free(rig: Rig) -> None:
    app, other, member = new_app(), new_app(), await rig.member("a")
    await rig.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=rig.epoch)
    await rig.router.apply(app, (), epoch=rig.epoch)
    assert await rig.ask(f"{app}.localhost") == "404"
    assert await rig.router.observe(app) == ()
    await rig.router.apply(other, (route("web", f"{app}.localhost", member),), epoch=rig.epoch)
    assert await rig.ask(f"{app}.localhost") == member.endpoint


async def test_no_routes_for_an_unknown_app_change_nothing(rig: Rig) -> None:
    app = new_app()
    await rig.router.apply(app, (), epoch=rig.epoch)
    assert await rig.router.observe(app) == ()


async def test_a_host_of_another_app_conflicts_and_changes_nothing(rig: Rig) -> None:
    app, other, member = new_app(), new_app(), await rig.member("a")
    mine = (route("web", f"{app}.localhost", member),)
    theirs = (route("web", f"{other}.localhost", member),)
    await rig.router.apply(app, mine, epoch=rig.epoch)
    await rig.router.apply(other, theirs, epoch=rig.epoch)
    with pytest.raises(Conflict, match=app):
        await rig.router.apply(other, (route("web", f"{app.upper()}.localhost"),), epoch=rig.epoch)
    assert await rig.router.observe(other) == theirs
    assert await rig.ask(f"{app}.localhost") == member.endpoint


async def test_one_host_in_two_services_conflicts(rig: Rig) -> None:
    app = new_app()
    with pytest.raises(Conflict, match="twice"):
        await rig.router.apply(app, (route("a", f"{app}.localhost"), route("b", f"{app}.localhost")), epoch=rig.epoch)


@pytest.mark.parametrize("host", ["", "a..b", "../x", "a/b", "*", "*.", "x.*.y", "{file.x}", "a b", "é.localhost"])
async def test_what_is_no_host_name_is_refused(rig: Rig, host: str) -> None:
    with pytest.raises(InvalidInput):
        await rig.router.apply(new_app(), (route("web", host),), epoch=rig.epoch)


async def test_observe_returns_what_was_applied_sorted_by_service(rig: Rig) -> None:
    app, member = new_app(), await rig.member("a")
    web, api = route("web", f"Web.{app}.localhost", member), route("api", f"api.{app}.localhost")
    await rig.router.apply(app, (web, api), epoch=rig.epoch)
    assert await rig.router.observe(app) == (api, web)
    assert await rig.router.observe(new_app()) == ()


async def test_routes_survive_a_restart_of_the_rack(rig: Rig) -> None:
    app, member = new_app(), await rig.member("a")
    routes = (route("web", f"{app}.localhost", member),)
    await rig.router.apply(app, routes, epoch=rig.epoch)
    await rig.restart()
    assert await rig.router.observe(app) == routes
    assert await rig.ask(f"{app}.localhost") == member.endpoint


async def test_applying_twice_changes_nothing(rig: Rig) -> None:
    app, member = new_app(), await rig.member("a")
    routes = (route("web", f"{app}.localhost", member),)
    await rig.router.apply(app, routes, epoch=rig.epoch)
    await rig.router.apply(app, routes, epoch=rig.epoch)
    assert await rig.router.observe(app) == routes


async def test_a_stale_epoch_is_refused_also_after_a_restart(rig: Rig) -> None:
    app, member = new_app(), await rig.member("a")
    routes = (route("web", f"{app}.localhost", member),)
    await rig.router.apply(app, routes, epoch=rig.epoch)
    await rig.restart()
    with pytest.raises(StaleEpoch):
        await rig.router.apply(app, (), epoch=rig.epoch - 1)
    assert await rig.router.observe(app) == routes


async def test_many_apps_can_be_applied_at_once(rig: Rig) -> None:
    member = await rig.member("a")
    apps = [new_app() for _ in range(20)]
    await asyncio.gather(
        *(rig.router.apply(app, (route("web", f"{app}.localhost", member),), epoch=rig.epoch) for app in apps)
    )
    assert {await rig.ask(f"{app}.localhost") for app in apps} == {member.endpoint}


async def test_requests_in_flight_are_counted_by_endpoint_also_after_a_switch(rig: Rig) -> None:
    app, old, new = new_app(), await rig.member("a"), await rig.member("b")
    await rig.router.apply(app, (route("web", f"{app}.localhost", old),), epoch=rig.epoch)
    async with rig.request(f"{app}.localhost"):
        await rig.router.apply(app, (route("web", f"{app}.localhost", new),), epoch=rig.epoch)
        assert (await rig.router.in_flight()).get(old.endpoint) == 1
        await rig.restart()
        assert (await rig.router.in_flight()).get(old.endpoint) == 1
    assert not (await rig.router.in_flight()).get(new.endpoint)
