from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engines.bench import ProcessBench


@pytest.fixture
async def process_bench(tmp_path: Path) -> AsyncIterator[ProcessBench]:
    bench = ProcessBench(tmp_path / "data")
    yield bench
    await bench.clear()
