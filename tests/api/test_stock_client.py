"""Whole jobs of the stock client, with the requests that it sends and in their order."""

import asyncio
import json
import secrets
from typing import Any

import pytest

from tests.api.server import PASSWORD, application, serving
from tests.api.stock import StockClient, StockError
from tests.rack import MANIFEST


@pytest.fixture
async def stock(running):
    running.builder.manifest = MANIFEST
    running.builder.services = ("web", "worker")
    async with serving(application(running.rack)) as address:
        yield StockClient(f"http://convox:{PASSWORD}@{address}")


async def settled(stock: StockClient) -> dict[str, Any]:
    """Wait as the client does: until two successive answers say running; `rollback` ends it."""
    calm = 0
    while calm < 2:
        app: dict[str, Any] = await stock.get("/apps/shop")
        if app["status"] == "rollback":
            raise StockError("rollback")
        calm = calm + 1 if app["status"] == "running" else 0
        await asyncio.sleep(0.02)
    return app


async def deploy(stock: StockClient) -> str:
    assert (await stock.get("/system"))["version"] >= "20190111211123"
    stored = await stock.send(f"/apps/shop/objects/tmp/{secrets.token_hex(15)}.tgz", b"a gzip tar")
    build = json.loads(await stock.post("/apps/shop/builds", url=stored["Url"], description="first"))
    log = await stock.stream(f"/apps/shop/builds/{build['id']}/logs")
    done = await stock.get(f"/apps/shop/builds/{build['id']}")
    assert done["status"] == "complete"
    assert await stock.stream(f"/apps/shop/builds/{build['id']}/logs") == log
    await promote(stock, done["release"])
    return str(done["release"])


async def promote(stock: StockClient, release: str) -> None:
    assert (await stock.get("/apps/shop"))["status"] == "running"
    await stock.post(f"/apps/shop/releases/{release}/promote", force="false")
    assert (await settled(stock))["release"] == release


async def create(stock: StockClient) -> None:
    await stock.post("/apps", generation="2", name="shop")
    assert (await stock.get("/apps/shop"))["status"] == "running"


async def rollback(stock: StockClient, release: str) -> str:
    old = await stock.get(f"/apps/shop/releases/{release}")
    copy = await stock.post("/apps/shop/releases", build=old["build"], env=old["env"])
    new = str(json.loads(copy)["id"])
    await stock.post(f"/apps/shop/releases/{new}/promote", force="false")
    assert (await settled(stock))["release"] == new
    return new


async def test_create_deploy_and_list(stock):
    await create(stock)
    release = await deploy(stock)
    app = await stock.get("/apps/shop")
    rows = await stock.get("/apps/shop/releases")
    assert [row["id"] for row in rows if row["id"] == app["release"]] == [release]


async def test_set_a_variable_and_promote_it(stock):
    await create(stock)
    await deploy(stock)
    (newest,) = await stock.get("/apps/shop/releases", limit="1")
    env = (await stock.get(f"/apps/shop/releases/{newest['id']}"))["env"]
    assert env == ""
    await stock.get("/system")
    changed = json.loads(await stock.post("/apps/shop/releases", env="GREETING=hi"))
    assert changed["description"] == "env add:GREETING"
    await promote(stock, changed["id"])


async def test_rollback_by_hand_brings_build_and_environment_back(stock):
    await create(stock)
    first = await deploy(stock)
    changed = json.loads(await stock.post("/apps/shop/releases", env="GREETING=hi"))
    await promote(stock, changed["id"])
    copy = await rollback(stock, first)
    assert (await stock.get(f"/apps/shop/releases/{copy}"))["env"] == ""
    assert [row["id"] for row in await stock.get("/apps/shop/releases")] == [copy, changed["id"], first]


async def test_rollback_to_a_release_that_is_not_there_says_so(stock):
    await create(stock)
    with pytest.raises(StockError, match="release not found"):
        await rollback(stock, "RNOTTHEREXX")


async def test_a_failed_rollout_is_reported_as_rollback(stock, running):
    await create(stock)
    first = await deploy(stock)
    bad = json.loads(await stock.post("/apps/shop/releases", env="GREETING=bad"))
    await running.fail(bad["id"], "exited with code 1")
    with pytest.raises(StockError, match="rollback"):
        await promote(stock, bad["id"])
    assert (await stock.get("/apps/shop"))["release"] == first


async def test_processes_services_and_budget_answer_what_lists_need(stock):
    await create(stock)
    await deploy(stock)
    assert await stock.get("/apps/shop/budget") == {"config": None, "state": None}
    processes = await stock.get("/apps/shop/processes")
    assert {process["status"] for process in processes} == {"running"}
    services = await stock.get("/apps/shop/services")
    assert [service["name"] for service in services] == ["web", "worker"]


async def test_attached_run_starts_a_process_works_in_it_and_removes_it(stock):
    await create(stock)
    await deploy(stock)
    begun = await stock.run("/apps/shop/services/web/processes", Command="sleep 3600")
    path = f"/apps/shop/processes/{begun['id']}"
    for _ in range(2):
        assert (await stock.get(path))["status"] == "running"
    assert await stock.execute(f"{path}/exec", "cat", b"all of it\n" * 500, Tty="false") == (0, b"all of it\n" * 500)
    await stock.delete(path)
    with pytest.raises(StockError, match="process not found"):
        await stock.get(path)


async def test_detached_run_answers_with_the_process(stock):
    await create(stock)
    release = await deploy(stock)
    begun = await stock.run("/apps/shop/services/worker/processes", Command="bin/migrate --all", Memory="128")
    assert (begun["name"], begun["release"], begun["command"]) == ("worker", release, "bin/migrate --all")
    assert begun["id"] in {process["id"] for process in await stock.get("/apps/shop/processes")}


async def test_exec_carries_the_exit_code_and_takes_a_service(stock):
    await create(stock)
    await deploy(stock)
    assert await stock.execute("/apps/shop/processes/web/exec", "exit 7") == (7, b"")


async def test_exec_in_a_process_that_is_not_there_is_an_error_in_the_stream(stock):
    await create(stock)
    code, text = await stock.execute("/apps/shop/processes/none/exec", "echo")
    assert (code, text) == (1, b"ERROR: process not found: none\n")
    code, text = await stock.execute("/apps/shop/processes/web/exec", "echo 'open")
    assert (code, text) == (1, b"ERROR: Command: no closing quotation\n")
    assert await stock.execute("/proxy/nowhere/80", "") == (0, b"ERROR: no such host: nowhere\n")


async def test_logs_without_following_end_by_themselves(stock):
    await create(stock)
    await deploy(stock)
    lines = (await stock.stream("/apps/shop/logs", Prefix="true", Follow="false")).decode().splitlines()
    assert any(line.split(" ", 2)[1].startswith("system/") for line in lines)


async def test_delete_ends_in_the_words_that_the_client_waits_for(running, stock):
    await create(stock)
    await stock._call("DELETE", "/apps/shop?", b"", "application/octet-stream")
    await running.gone()
    with pytest.raises(StockError, match="app not found"):
        await stock.get("/apps/shop")


async def test_a_wrong_password_is_refused(stock):
    wrong = StockClient(f"http://convox:wrong@{stock.host}")
    with pytest.raises(StockError):
        await wrong.get("/apps")
