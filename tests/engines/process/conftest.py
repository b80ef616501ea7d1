from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sternway.engines.process.isolation import Wanted
from tests.engines.bench import ProcessBench
from tests.engines.process.ways import Start


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Yield what makes a bench that uses only this of what the machine lends."""
    benches: list[ProcessBench] = []

    async def made(wanted: Wanted) -> ProcessBench:
        benches.append(ProcessBench(tmp_path / "rack" / "engine", wanted))
        return benches[-1]

    yield made
    for bench in benches:
        await bench.clear()
