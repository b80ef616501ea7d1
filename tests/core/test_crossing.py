from pathlib import Path
from typing import get_args

import pytest

from sternway.core import crossing
from sternway.core.crossing import Crossing
from sternway.core.plan import Action, Freeze, Retire, Start, Switch
from sternway.core.promotion import PromotionStatus
from tests.core.world import formation


@pytest.mark.parametrize(
    ("action", "before"),
    [
        (Start(formation("web", "one"), 1), Crossing.STARTING),
        (Switch(()), Crossing.SWITCHING),
        (Freeze(formation("worker", "one").key), Crossing.FREEZING),
        (Retire(formation("web", "one").key, 0), Crossing.RETIRING),
    ],
)
def test_every_action_lies_between_two_crossings(action, before):
    assert type(action) in get_args(Action)
    assert crossing.around(action)[0] is before
    assert crossing.around(action)[1] is not before


@pytest.mark.parametrize(
    "status",
    [PromotionStatus.UPDATING, PromotionStatus.COMPLETED, PromotionStatus.REVERTING, PromotionStatus.REVERTED],
)
def test_every_transition_that_a_worker_records_lies_between_two_crossings(status):
    assert crossing.recording(status) is not crossing.recorded(status)


def test_every_crossing_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
    assert [each for each in Crossing if f"`{each}`" not in text] == []


def test_going_on_is_all_that_happens_at_a_crossing_outside_of_tests():
    for each in Crossing:
        crossing.go_on(each)
