"""What routers count of the requests that they answered, and what becomes of it when logs turn and clocks jump."""

import asyncio
import contextlib
import json

import pytest

from sternway.core.traffic import BINS, MINUTES, MOMENTS, SECONDS, Counts, Series
from sternway.router.caddy import access_log
from sternway.router.caddy.access_log import AccessLog
from sternway.router.caddy.counting import Counting
from sternway.router.tally import Answered, Tally
from tests.router import load, rigs, upstreams
from tests.router.rigs import new_app, route

NOW = 1_700_000_000.0


def line(app="shop", at=NOW, status=200, duration=0.01, upstream="127.0.0.1:1") -> bytes:
    found = {"ts": at, "duration": duration, "status": status, "upstream": upstream, "app": app}
    return json.dumps(found).encode() + b"\n"


def read(log: AccessLog) -> list[float]:
    return [request.at for request in log.read(NOW)]


@pytest.fixture
def log(tmp_path):
    with contextlib.closing(AccessLog(tmp_path / "access-a.log")) as opened:
        yield opened


def counted(tally: Tally, grain=SECONDS, now=NOW) -> Series:
    return tally.series(["shop"], grain, now)["shop"]


async def total(router, app: str, requests: int) -> Counts:
    """Return the counts of an app once there are as many requests; a line may be written after its answer."""
    async with asyncio.timeout(upstreams.WAIT_S):
        while True:
            found: Counts = (await router.counted([app], MOMENTS))[app].total()
            if found.requests >= requests:
                return found


async def test_every_request_counts_once_and_those_without_a_process_are_errors(rig: rigs.Rig) -> None:
    app, member = new_app(), await rig.member("a")
    routes = (route("web", f"{app}.localhost", member), route("api", f"api.{app}.localhost"))
    await rig.router.apply(app, routes, epoch=rig.epoch)
    for host in (f"{app}.localhost", f"{app}.localhost", f"api.{app}.localhost", f"no.{app}.localhost"):
        await rig.ask(host)
    found = await total(rig.router, app, 3)
    assert (found.requests, found.errors, sum(found.latency)) == (3, 1, 3)
    assert (await rig.router.counted(["none"], SECONDS))["none"].total() == Counts()


async def test_the_number_counted_is_the_number_sent_while_the_app_switches(caddy: rigs.CaddyRig) -> None:
    app, members = new_app(), {name: await caddy.member(name) for name in "ab"}
    host = f"{app}.localhost"
    await caddy.router.apply(app, (route("web", host, members["a"]),), epoch=caddy.epoch)
    async with load.on(caddy.listen, host) as report:
        await report.more(200)
        await caddy.router.apply(app, (route("web", host, members["b"]),), epoch=caddy.epoch)
        await caddy.router.apply(new_app(), (route("web", f"{new_app()}.localhost", members["a"]),), epoch=caddy.epoch)
        await report.more(200)
    found = await total(caddy.router, app, len(report.answers))
    assert report.failures == []
    assert (found.requests, found.errors) == (len(report.answers), 0)
    assert (found.quantile_ms(0.95) or 0) < 10_000
    await caddy.restart()
    assert await total(caddy.router, app, len(report.answers)) == found


def test_a_step_is_over_when_the_next_one_begins_and_gone_when_its_place_is_needed() -> None:
    tally = Tally()
    for ago in (0, 0, 1, 299, 300, 4000):
        tally.add(Answered("shop", NOW - ago, 502 if ago else 200, 0.02), NOW)
    found = counted(tally)
    assert [(number, each.requests, each.errors) for number, each in enumerate(found.counts) if each.requests] == [
        (0, 1, 1),
        (298, 1, 1),
        (299, 2, 0),
    ]
    assert counted(tally, now=NOW + 1).counts[-2:] == (Counts(2, 0), Counts())
    assert counted(tally, MINUTES).total().requests == 5


def test_a_clock_that_was_set_back_does_not_stop_the_counting() -> None:
    tally = Tally()
    tally.add(Answered("shop", NOW + 3000, 200, 0.02), NOW + 3000)
    tally.add(Answered("shop", NOW, 200, 0.02), NOW)
    tally.add(Answered("shop", NOW + 9999, 200, 0.02), NOW)
    assert counted(tally, SECONDS).counts[-1].requests == 1
    assert counted(tally, MINUTES).total().requests == 1


def test_a_websocket_counts_and_its_length_is_no_latency() -> None:
    tally = Tally()
    tally.add(Answered("shop", NOW, 101, 3600), NOW)
    assert counted(tally, MOMENTS).total() == Counts(1, 0, (0,) * BINS)


def test_apps_without_requests_for_an_hour_are_forgotten() -> None:
    tally = Tally()
    tally.add(Answered("shop", NOW, 200, 0.02), NOW)
    tally.add(Answered("other", NOW + 1800, 200, 0.02), NOW + 1800)
    assert len(tally._apps) == 2
    tally.add(Answered("third", NOW + 3700, 200, 0.02), NOW + 3700)
    assert set(tally._apps) == {"other", "third"}


def test_a_log_is_read_on_over_lines_that_are_half_there_and_files_that_take_its_place(tmp_path, log) -> None:
    path = tmp_path / "access-a.log"
    assert read(log) == []
    path.write_bytes(line(at=1) + line(at=2)[:20])
    assert read(log) == [1]
    with path.open("ab") as file:
        file.write(line(at=2)[20:] + b"torn\n" + line(app="", at=3))
    assert read(log) == [2]
    with path.open("ab") as file:
        file.write(line(at=4))
    path.rename(tmp_path / "access-a-2026.log")
    path.write_bytes(line(at=5))
    assert read(log) == [4, 5]
    path.write_bytes(b"")
    assert read(log) == []
    path.write_bytes(line(at=6))
    assert read(log) == [6]
    assert log.known_from == 0


def test_what_is_before_the_end_of_a_large_log_is_unknown(tmp_path, log, monkeypatch) -> None:
    monkeypatch.setattr(access_log, "BACKFILL_BYTES", 2 * len(line(at=1)))
    path = tmp_path / "access-a.log"
    path.write_bytes(b"".join(line(at=at) for at in range(5, 9)))
    assert read(log) == [8]
    assert log.known_from == 8


def test_an_empty_log_that_follows_another_one_is_known_from_now(tmp_path, log) -> None:
    (tmp_path / "access-a-2026.log").write_bytes(line())
    (tmp_path / "access-a.log").touch()
    assert read(log) == []
    assert log.known_from == NOW


async def test_a_log_that_cannot_be_read_is_said_once_and_what_it_holds_is_unknown(tmp_path, caplog) -> None:
    (tmp_path / "log" / "access-a.log").mkdir(parents=True)
    counting = Counting(tmp_path, rigs.SystemTime())
    for _ in range(2):
        found = (await counting.counted(["shop"], SECONDS))["shop"]
    assert not found.is_known(found.grain.steps - 2)
    assert len(caplog.records) == 1
    await counting.close()


def test_a_request_that_one_back_handed_to_the_other_counts_there() -> None:
    assert access_log.parse(line(upstream="run/back-b-3.17.sock")) is None
    assert access_log.parse(line(upstream="run/gap.sock", status=503)) == Answered("shop", NOW, 503, 0.01)
    assert access_log.parse(b"[]") is None


@pytest.mark.parametrize(("share", "expected"), [(0.5, 15.0), (0.95, 97.0), (0.0, 10.0)])
def test_quantiles_are_as_good_as_the_bins(share, expected) -> None:
    tally = Tally()
    for took_ms in [15] * 18 + [80, 80]:
        tally.add(Answered("shop", NOW, 200, took_ms / 1000), NOW)
    found = counted(tally, MOMENTS).total().quantile_ms(share)
    assert found == pytest.approx(expected, rel=0.25)
    assert Counts().quantile_ms(share) is None


def test_steps_from_before_the_counting_began_are_unknown() -> None:
    series = Series(SECONDS, 100, (Counts(),) * 10, known_from=103.5)
    assert [series.is_known(number) for number in range(6)] == [False] * 4 + [True] * 2
    assert (series.between(102.5, 104).begins, len(series.between(102.5, 104).counts)) == (102, 2)
    assert Series(SECONDS, 100, (Counts(2, 1),) * 10, known_from=103.5).total() == Counts(12, 6)
    assert (series.last(3).begins, series.last(3).ends) == (107, 110)
