"""What was asked of apps, and what they use, over the API."""

import pytest

from sternway.ports import Usage


async def test_traffic_of_an_app_adds_up_by_step_and_as_a_whole(running, client):
    await running.app()
    for status in (200, 200, 503):
        running.router.network.answered("shop", status=status, took_s=0.04)
    running.router.network.answered("other")
    for step, has_latency in (("1", False), ("10", True), ("60", True)):
        body = (await client.get(f"/apps/shop/traffic?step={step}")).json()
        assert (body["app"], body["step"], body["requests"], body["errors"]) == ("shop", int(step), 3, 1)
        assert sum(each["requests"] for each in body["steps"]) == 3
        assert (body["p50"] > 0) == has_latency
    assert body == (await client.get("/apps/shop/traffic")).json()


async def test_steps_from_before_the_app_are_not_listed(running, client):
    await running.app()
    running.router.network.answered("shop", ago_s=600)
    body = (await client.get("/apps/shop/traffic")).json()
    assert len(body["steps"]) in (1, 2)
    assert body["requests"] == 0
    assert body["since"] == body["steps"][0]["time"]


@pytest.mark.parametrize(("path", "status"), [("none/traffic", 404), ("shop/traffic?step=7", 400)])
async def test_what_is_not_counted_is_said(running, client, path, status):
    await running.app()
    assert (await client.get(f"/apps/{path}")).status_code == status


async def test_router_that_does_not_answer_is_no_zero(running, client):
    await running.app()
    running.router.network.is_down = True
    assert (await client.get("/apps/shop/traffic")).status_code == 503
    running.router.network.is_down = False


async def test_capacity_is_what_the_processes_use(running, client):
    await running.app()
    running.processes.used = {"web-1": Usage(0.25, 100.0), "web-2": Usage(0.5, 60.4)}
    body = (await client.get("/system/capacity")).json()
    assert (body["process-count"], body["process-cpu"], body["process-memory"]) == (2, 750, 160)
    running.engine.world.is_down = True
    assert (await client.get("/system/capacity")).json()["process-count"] == 0
    running.engine.world.is_down = False
