from dataclasses import replace

import pytest

from sternway.core.environment import Environment
from sternway.core.release import Build, BuildOptions, BuildStatus, Release
from sternway.ops import builds
from sternway.ports import LogLine
from tests.rack import MANIFEST

JSON = {"Accept": "application/json"}


@pytest.fixture
async def app(running):
    return await running.app()


async def create(client, **form):
    answer = await client.post("/apps/shop/releases", data={k.replace("_", "-"): v for k, v in form.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_environment_makes_a_release_that_says_what_changed(app, client):
    release = await create(client, env="B=2\nA=x=y")
    assert release["env"] == "A=x=y\nB=2"
    assert release["description"] == "env add:A add:B"
    assert (await client.get(f"/apps/shop/releases/{release['id']}")).json() == release


async def test_empty_environment_stays_empty(app, client):
    await create(client, env="A=1")
    release = await create(client, env="")
    assert release["env"] == ""


async def test_absent_environment_comes_from_the_newest_release(app, client):
    await create(client, env="A=1")
    assert (await create(client, description="again"))["env"] == "A=1"


async def test_absent_environment_comes_from_the_parent_that_is_named(app, client):
    first = await create(client, env="A=1")
    await create(client, env="A=2")
    assert (await create(client, description="of the first", parent_release=first["id"]))["env"] == "A=1"


async def test_copy_of_a_release_with_an_empty_environment_is_marked(running, app, client):
    old = (await client.get(f"/apps/shop/releases/{await running.deployed()}")).json()
    await create(client, env="A=1")
    copy = await create(client, build=old["build"], env=old["env"])
    assert (copy["env"], copy["build"]) == ("", old["build"])
    assert (copy["copy-of"], copy["rollback"]) == (old["id"], True)


async def test_unknown_build_is_not_found(app, client):
    answer = await client.post("/apps/shop/releases", data={"build": "BAAAAAAAAAA"})
    assert answer.status_code == 404


async def test_environment_that_cannot_be_read_is_refused_without_its_value(app, client):
    answer = await client.post("/apps/shop/releases", data={"env": "hidden%value"})
    assert answer.status_code == 400
    assert "hidden" not in answer.text


async def test_list_is_newest_first_and_without_environments(app, client):
    ids = [(await create(client, env=f"A={n}"))["id"] for n in range(12)]
    listed = (await client.get("/apps/shop/releases")).json()
    assert [release["id"] for release in listed] == ids[::-1][:10]
    assert {release["env"] for release in listed} == {""}
    assert [r["id"] for r in (await client.get("/apps/shop/releases?limit=2")).json()] == ids[::-1][:2]


async def test_promotion_is_answered_at_once_with_ok(running, app, client):
    build = await running.build()
    answer = await client.post(f"/apps/shop/releases/{build.release_id}/promote", data={"force": "false"})
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_promotion_is_answered_with_itself_to_who_accepts_json(running, app, client):
    build = await running.build()
    answer = await client.post(f"/apps/shop/releases/{build.release_id}/promote", data={"reason": "go"}, headers=JSON)
    promotion = answer.json()
    assert (promotion["release"], promotion["reason"], promotion["ended"]) == (build.release_id, "go", None)


async def test_promotion_while_another_runs_is_refused(still, still_client):
    async with still.rack.store.write() as ledger:
        app = await ledger.apps.add("shop", still.made())
    ids = [await released(still, app) for _ in range(2)]
    assert (await still_client.post(f"/apps/shop/releases/{ids[0]}/promote")).status_code == 200
    assert (await still_client.get("/apps/shop")).json()["status"] == "updating"
    refused = await still_client.post(f"/apps/shop/releases/{ids[1]}/promote", data={"force": "false"})
    assert (refused.status_code, refused.text.splitlines()[0]) == (403, "app is currently updating")
    forced = await still_client.post(f"/apps/shop/releases/{ids[1]}/promote", data={"force": "true"})
    assert forced.status_code == 200
    assert (await still_client.post("/apps/shop/cancel")).text == "ok\n"
    assert (await still_client.get("/apps/shop")).json()["status"] == "rollback"


async def released(still, app):
    made = still.made()
    build = Build(still.rack.ids.build(), app.id, made, BuildOptions("tmp/a"))
    manifest = "services:\n  web:\n    command: run\n    port: 3000\n"
    done = replace(build, status=BuildStatus.COMPLETE, manifest=manifest, artifacts={"web": "memory:web"})
    release = Release(still.rack.ids.release(), app.id, made, build.id, Environment(), manifest)
    async with still.rack.store.write() as ledger:
        await ledger.builds.add(build)
        await ledger.builds.record(done, made.at)
        await ledger.releases.add(release)
    return release.id


async def test_option_out_of_its_bounds_is_named(running, app, client):
    path = f"/apps/shop/releases/{(await running.build()).release_id}/promote"
    for name, value in (("min", "-1"), ("max", "5"), ("timeout", "0"), ("timeout", "soon"), ("min", "")):
        answer = await client.post(path, data={name: value})
        assert (answer.status_code, answer.text.partition(":")[0]) == (400, name)


async def test_older_release_is_refused_with_advice_to_roll_back(running, app, client):
    old, _ = await running.deployed(), await running.deployed(source=b"other")
    answer = await client.post(f"/apps/shop/releases/{old}/promote", data={"force": "true"})
    assert answer.status_code == 400
    assert "roll back" in answer.text
    assert "%" not in answer.text


async def test_rollback_answers_the_copy_and_promotes_it(running, app, client):
    old, _ = await running.deployed(), await running.deployed(source=b"other")
    answer = await client.post(f"/apps/shop/releases/{old}/rollback", data={"reason": "broken"})
    copy = answer.json()
    assert (copy["copy-of"], copy["rollback"], copy["reason"]) == (old, True, "broken")
    promotion = (await client.get("/apps/shop/promotions")).json()[0]
    assert promotion["release"] == copy["id"]
    await client.get(f"/apps/shop/promotions/{promotion['id']}?wait=10&after=1000")
    assert (await client.get("/apps/shop")).json()["release"] == copy["id"]


async def test_unknown_release_is_not_found(app, client):
    for verb in ("promote", "rollback"):
        answer = await client.post(f"/apps/shop/releases/RAAAAAAAAAA/{verb}")
        assert (answer.status_code, answer.text.splitlines()[0]) == (404, "release not found: RAAAAAAAAAA")


async def test_release_whose_artifacts_are_gone_says_so_and_cannot_be_rolled_back_to(running, app, client):
    old, new = await running.deployed(), await running.deployed(source=b"other")
    build = await builds.get(running.rack, "shop", (await client.get(f"/apps/shop/releases/{old}")).json()["build"])
    running.builder.gone |= set(build.artifacts.values())
    listed = (await client.get("/apps/shop/releases")).json()
    assert [(line["id"], line["gone"]) for line in listed] == [(new, False), (old, True)]
    assert (await client.get(f"/apps/shop/releases/{old}")).json()["gone"] is True
    answer = await client.post(f"/apps/shop/releases/{old}/rollback")
    assert (answer.status_code, answer.text.splitlines()[1].startswith(f"still there: {new};")) == (410, True)
    assert (await client.get("/apps/shop/releases")).json() == listed


async def test_commands_of_a_release_are_listed_with_what_they_printed(running, app, client):
    made = await running.build(manifest=MANIFEST.replace("port: 3000", "port: 3000\n    release: migrate"))
    answer = await client.post(f"/apps/shop/releases/{made.release_id}/promote", headers=JSON)
    while not await running.processes.one_offs("shop"):
        await running.rack.changes.wait("shop", running.rack.changes.version("shop"), 0.05)
    (one_off,) = await running.processes.one_offs("shop")
    running.world.lines["shop"] = [LogLine(one_off.state.started_at, f"service/web/{one_off.state.id}", b"done")]
    running.processes.end("shop", one_off.state.id, 0)
    await client.get(f"/apps/shop/promotions/{answer.json()['id']}?wait=10&after=999")
    (run,) = (await client.get(f"/apps/shop/releases/{made.release_id}/commands")).json()
    assert (run["kind"], run["service"], run["release"]) == ("release", "web", made.release_id)
    assert (run["status"], run["output"], run["process"]) == ("succeeded", "done\n", one_off.state.id)


async def test_commands_of_an_unknown_release_are_not_found(app, client):
    assert (await client.get("/apps/shop/releases/RAAAAAAAAAA/commands")).status_code == 404


async def test_the_wish_to_undo_is_passed_on(running, app, client):
    old = await running.deployed()
    await running.deployed(source=b"newer")
    form = {"run-rollback-commands": "true"}
    assert (await client.post(f"/apps/shop/releases/{old}/rollback", data=form)).status_code == 200
    async with running.rack.store.read() as ledger:
        latest = await ledger.promotions.latest(await ledger.apps.get("shop"))
    assert latest.options.run_rollback_commands
