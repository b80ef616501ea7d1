import io
from collections.abc import Iterator

import pytest

from sternway.cli import address, client, errors, follow, output
from tests.cli import samples
from tests.cli.scripted import ScriptedRack, refusal

NEW = "RAXHPJHSWZO"


@pytest.fixture
def api(rack: ScriptedRack) -> Iterator[client.Rack]:
    api = client.Rack(address.parse(rack.url), actor="x")
    yield api
    api.close()


def until_ended(api: client.Rack) -> list[float]:
    pauses: list[float] = []
    follow.until_ended(api, "shop", NEW, output.Progress(io.StringIO()), pause=pauses.append)
    return pauses


def test_other_racks_must_run_twice_in_a_row(rack: ScriptedRack, api: client.Rack) -> None:
    running, updating = samples.app(NEW), samples.app(NEW, "updating")
    rack.on("GET /apps/shop", updating, running, updating, running, running)
    assert until_ended(api) == [5.0] * 5


def test_other_racks_tell_a_rollback_by_the_status(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /apps/shop", samples.app(NEW, "updating"), samples.app(NEW, "rollback"))
    with pytest.raises(errors.CommandFailed, match=r"^rollback$"):
        until_ended(api)


def test_other_racks_tell_a_rollback_by_the_release(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /apps/shop", samples.app("ROLD"))
    with pytest.raises(errors.CommandFailed, match=r"^rollback$"):
        until_ended(api)


def test_other_racks_are_given_up_in_the_end(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /apps/shop", samples.app(NEW, "updating"))
    with pytest.raises(errors.CommandFailed, match="timeout"):
        until_ended(api)


def test_newest_promotion_of_the_release_is_followed(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on(
        "GET /apps/shop/promotions",
        [{"id": 9, "app": "shop", "release": "RX", "status": "updating"}]
        + [{"id": n, "app": "shop", "release": NEW, "status": "updating"} for n in (3, 8, 5)],
    )
    rack.on("GET /apps/shop/promotions/8", samples.promotion(NEW, "completed"))
    assert until_ended(api) == []


def test_answers_without_news_are_not_asked_for_in_a_busy_loop(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /apps/shop/promotions", [samples.promotion(NEW)])
    idle = samples.promotion(NEW, "updating")
    rack.on("GET /apps/shop/promotions/7", idle, idle, samples.promotion(NEW, "completed"))
    assert until_ended(api) == [follow.NO_NEWS_PAUSE_S] * 2


def test_errors_of_the_rack_end_the_following(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /apps/shop/promotions", [samples.promotion(NEW)])
    rack.on("GET /apps/shop/promotions/7", refusal(404, "app not found"))
    with pytest.raises(errors.Refused, match="app not found"):
        until_ended(api)


def test_rack_may_restart_meanwhile() -> None:
    answers = iter([errors.Unreachable("gone"), errors.Unreachable("gone"), None])
    pauses: list[float] = []

    def call() -> str:
        if (answer := next(answers)) is not None:
            raise answer
        return "back"

    assert follow.patiently(call, pause=pauses.append) == "back"
    assert pauses == [1.0, 1.0]


def test_rack_that_stays_away_is_given_up() -> None:
    def call() -> str:
        raise errors.Unreachable("gone")

    with pytest.raises(errors.Unreachable):
        follow.patiently(call, pause=lambda _: None)


def test_interrupting_says_that_it_goes_on(rack: ScriptedRack, api: client.Rack) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    rack.on("GET /apps/shop/promotions", [samples.promotion(NEW)])
    rack.on("GET /apps/shop/promotions/7", samples.promotion(NEW, "updating"))
    with pytest.raises(errors.Interrupted) as interrupted:
        follow.until_ended(api, "shop", NEW, output.Progress(io.StringIO()), pause=interrupt)
    assert interrupted.value.message == f"The promotion of {NEW} goes on in the rack."
    assert interrupted.value.hint == f"watch it: sternway releases follow {NEW} -a shop"
    assert interrupted.value.exit_code == 130


def test_busy_app_is_waited_for_before_a_promotion(rack: ScriptedRack, api: client.Rack) -> None:
    rack.on("GET /apps/shop", samples.app(status="updating"), samples.app())
    stream = io.StringIO()
    follow.until_running(api, "shop", output.Progress(stream), pause=lambda _: None)
    assert stream.getvalue() == "Waiting for app to be ready... OK\n"


def test_waiting_has_an_end() -> None:
    with pytest.raises(errors.CommandFailed, match="timeout: not done within 0 s"):
        follow.until(lambda: False, 0, pause=lambda _: None)


def test_waiting_asks_until_it_is_so() -> None:
    answers = iter([False, False, True])
    pauses: list[float] = []
    follow.until(lambda: next(answers), 60, pause=pauses.append)
    assert pauses == [follow.LOOK_S] * 2
