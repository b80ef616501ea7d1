"""What a series comes to: quantiles that were measured, ratios of medians, goals that are upper bounds."""

import functools

import pytest

from bench.figures import Figures, Goal, Kind, Row, interleaved, quantile


def row(*values: float, beside: tuple[float, ...] = (), goal: Goal | None = None) -> Row:
    return Row("m", "w", "ms", Figures.of(values), "other", Figures.of(beside) if beside else None, goal)


def test_the_order_of_what_was_measured_does_not_matter():
    assert Figures.of([3, 1, 2]) == Figures.of([1, 2, 3])


def test_a_series_knows_its_count_and_its_ends():
    figures = Figures.of([5, 1, 9])
    assert (figures.count, figures.least, figures.median, figures.most) == (3, 1, 5, 9)


def test_a_median_of_an_even_number_is_a_value_that_was_measured():
    assert Figures.of([1, 2, 3, 10]).median == 2


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_of_a_hundred_values_a_quantile_is_the_one_of_that_rank(share: float, expected: float):
    assert quantile(range(1, 101), share) == expected


@pytest.mark.parametrize("share", [0.07, 0.14, 0.28, 0.29, 0.55, 0.57, 0.58])
def test_rounding_of_shares_moves_no_quantile_by_a_rank(share: float):
    assert quantile(range(1, 101), share) == round(share * 100)


def test_of_a_few_values_the_highest_quantile_is_the_worst_one():
    assert Figures.of([1, 2, 30]).p95 == 30


def test_nothing_measured_is_an_error_and_no_zero():
    with pytest.raises(ValueError, match="nothing was measured"):
        Figures.of([])


def test_a_ratio_is_that_of_the_medians():
    assert row(2, 3, 900, beside=(1, 2, 700)).ratio == 1.5


def test_there_is_no_ratio_without_a_reference_or_to_nothing():
    assert row(1).ratio is None
    assert row(1, beside=(0,)).ratio is None


@pytest.mark.parametrize(
    ("kind", "most", "is_met"),
    [
        (Kind.RATIO, 1.5, True),
        (Kind.RATIO, 1.49, False),
        (Kind.EXCESS, 10, True),
        (Kind.EXCESS, 9, False),
        (Kind.MEDIAN, 30, True),
        (Kind.MEDIAN, 29, False),
    ],
)
def test_a_goal_bounds_what_its_kind_says(kind: Kind, most: float, is_met: bool):
    assert row(30, beside=(20,), goal=Goal(kind, most)).is_met is is_met


def test_a_goal_that_speaks_of_a_missing_reference_is_neither_met_nor_missed():
    assert row(30, goal=Goal(Kind.RATIO, 1)).is_met is None
    assert row(30).is_met is None


def test_things_are_measured_in_turn_and_every_second_round_backwards():
    called: list[str] = []

    def once(name: str) -> float:
        called.append(name)
        return 0.0

    interleaved(2, {name: functools.partial(once, name) for name in "ab"}, warm_up=1)
    assert "".join(called) == "abbaab"


def test_what_warms_up_does_not_count():
    values = iter([100.0, 1.0, 2.0, 3.0])
    assert interleaved(3, {"a": lambda: next(values)}, warm_up=1)["a"] == Figures.of([1, 2, 3])
