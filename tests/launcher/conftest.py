from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launcher.rig import OLD, Rig, rig_in


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A rack that runs under its launcher."""
    with rig_in(tmp_path / "rack") as rig:
        rig.version(OLD)
        rig.activate(OLD)
        rig.start()
        assert rig.serves(OLD)
        yield rig
