import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sternway.core.formation import FormationKey, HealthCheck
from sternway.engines.process.logs import ProcessLogs
from sternway.engines.process.slots import LOG, Slot, Slots
from sternway.ports import LogLine, LogQuery, Logs
from tests.engines.bench import APP, WallClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class Printed:
    """Log files as supervisors write them."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def line(self, process: str, at_s: float, text: bytes, *, service: str = "web", file: int = 1) -> None:
        slots = Slots(self.data / "processes")
        slot = Slot(process, FormationKey(APP, service, "f"), 0, "R", "run", HealthCheck(), 1.0, START)
        if not slots.directory(slot).exists():
            (slots.create(slot) / LOG).mkdir()
        stamp = int((START + timedelta(seconds=at_s)).timestamp() * 1_000_000)
        with (slots.directory(slot) / LOG / f"{file:08d}").open("ab") as log:
            log.write(b"%d %s\n" % (stamp, text))

    def part(self, file: str, text: bytes) -> None:
        with next(self.data.rglob(file)).open("ab") as log:
            log.write(text)

    def read(self, query: LogQuery) -> AsyncIterator[LogLine]:
        logs: Logs = ProcessLogs(self.data, clock=WallClock())
        return logs.read(APP, query)

    async def all(self, query: LogQuery) -> list[bytes]:
        return [line.text async for line in self.read(query)]


async def test_lines_of_all_processes_come_by_time(tmp_path: Path):
    printed = Printed(tmp_path)
    for at, process in enumerate(("a", "b", "a", "b")):
        printed.line(process, at, b"%d" % at)
    lines = [line async for line in printed.read(LogQuery(follow=False))]
    assert [line.text for line in lines] == [b"0", b"1", b"2", b"3"]
    assert (lines[1].source, lines[1].at) == ("service/web/b", START + timedelta(seconds=1))


async def test_any_bytes_come_as_they_were(tmp_path: Path):
    printed = Printed(tmp_path)
    text = bytes(set(range(256)) - {10})
    printed.line("a", 0, text)
    printed.line("a", 1, b"")
    assert await printed.all(LogQuery(follow=False)) == [text, b""]


async def test_a_tail_is_the_newest_lines(tmp_path: Path):
    printed = Printed(tmp_path)
    for at in range(10):
        printed.line("ab"[at % 2], at, b"%d" % at)
    assert await printed.all(LogQuery(tail=3, follow=False)) == [b"7", b"8", b"9"]
    assert await printed.all(LogQuery(tail=0, follow=False)) == []


async def test_a_tail_reaches_back_over_files_and_leaves_out_an_unfinished_line(tmp_path: Path):
    printed = Printed(tmp_path)
    for at in range(6):
        printed.line("a", at, b"%d" % at, file=at // 2 + 1)
    printed.part("00000003", b"1767225600000000 unfin")
    assert await printed.all(LogQuery(tail=1, follow=False)) == [b"5"]
    assert await printed.all(LogQuery(tail=3, follow=False)) == [b"3", b"4", b"5"]
    assert await printed.all(LogQuery(tail=50, follow=False)) == [b"%d" % at for at in range(6)]


async def test_lines_can_be_narrowed_to_a_moment_a_service_and_a_process(tmp_path: Path):
    printed = Printed(tmp_path)
    printed.line("a", 0, b"old")
    printed.line("a", 5, b"new")
    printed.line("b", 6, b"worker", service="worker")
    assert await printed.all(LogQuery(since=START + timedelta(seconds=5), follow=False)) == [b"new", b"worker"]
    assert await printed.all(LogQuery(service="worker", follow=False)) == [b"worker"]
    assert await printed.all(LogQuery(process="a", follow=False)) == [b"old", b"new"]


async def test_files_are_read_in_their_order(tmp_path: Path):
    printed = Printed(tmp_path)
    for number in (9, 10, 11):
        printed.line("a", number, b"%d" % number, file=number)
    assert await printed.all(LogQuery(follow=False)) == [b"9", b"10", b"11"]


async def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path):
    printed = Printed(tmp_path)
    printed.line("a", 0, b"whole")
    printed.part("00000001", b"1767225600000000 ha")
    lines = printed.read(LogQuery())
    async with asyncio.timeout(10):
        assert (await anext(lines)).text == b"whole"
        printed.part("00000001", b"lf\n")
        assert (await anext(lines)).text == b"half"


async def test_new_lines_new_files_and_new_processes_are_followed(tmp_path: Path):
    printed = Printed(tmp_path)
    printed.line("a", 0, b"0")
    lines = printed.read(LogQuery(tail=1))
    seen = []
    async with asyncio.timeout(10):
        seen.append((await anext(lines)).text)
        printed.line("a", 1, b"1")
        seen.append((await anext(lines)).text)
        printed.line("a", 2, b"2", file=2)
        seen.append((await anext(lines)).text)
        printed.line("b", 3, b"3")
        seen.append((await anext(lines)).text)
    assert seen == [b"0", b"1", b"2", b"3"]


async def test_an_app_that_never_ran_has_no_lines(tmp_path: Path):
    assert await Printed(tmp_path).all(LogQuery(follow=False)) == []
