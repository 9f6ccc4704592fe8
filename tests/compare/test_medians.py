"""When two medians differ."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.compare.medians import clearly_first, differ, factor, outside_noise, ranked, spread

VALUES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=60)


def test_no_values_have_no_median() -> None:
    assert spread(()) is None


@given(VALUES)
def test_a_median_lies_within_its_interval(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert min(values) <= found.low <= found.median <= found.high <= max(values)
    assert found.count == len(values)


@pytest.mark.parametrize(
    ("count", "left_out"),
    [(1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (20, 5), (25, 7), (200, 85)],
)
def test_the_interval_is_that_of_the_sign_test(count: int, left_out: int) -> None:
    found = spread(range(count))
    assert found is not None
    assert (found.low, found.high) == (left_out, count - 1 - left_out)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    dice = random.Random(1)  # noqa: S311 - to be repeated
    found = [spread(dice.expovariate(1) for _ in range(15)) for _ in range(2000)]
    covering = sum(1 for each in found if each is not None and each.low <= math.log(2) <= each.high)
    assert covering / 2000 > 0.94


@given(VALUES, VALUES)
def test_it_does_not_matter_which_is_asked_first(one: list[float], other: list[float]) -> None:
    first, second = spread(one), spread(other)
    assert first is not None
    assert second is not None
    assert differ(first, second) == differ(second, first)
    assert outside_noise(first, second) == outside_noise(second, first)


@given(VALUES)
def test_nothing_differs_from_itself(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert not differ(found, found)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((10, 11, 12, 10), (20, 21, 22, 23), True),
        ((10, 11, 12, 21), (20, 21, 22, 23), False),
        ((10, 11, 12), (20, 21, 22), False),
        ((1.00, 1.01, 1.0, 1.01), (1.02, 1.03, 1.02, 1.03), False),
    ],
    ids=["apart", "overlapping", "too few", "too small to matter"],
)
def test_what_differs(one: tuple[float, ...], other: tuple[float, ...], expected: bool) -> None:
    first, second = spread(one), spread(other)
    assert first is not None
    assert second is not None
    assert differ(first, second) is expected


def test_a_factor_is_never_below_one_and_infinite_over_nothing() -> None:
    assert factor(2, 4) == factor(4, 2) == 2
    assert factor(0, 0) == 1
    assert factor(0, 3) == math.inf


def test_the_first_is_clear_only_when_it_differs_from_every_other() -> None:
    taken = {"a": (1, 1, 1, 1), "b": (2, 2, 2, 2), "c": (3, 3, 3, 3), "d": (1, 1, 1, 2)}
    found = {name: each for name, values in taken.items() if (each := spread(values)) is not None}
    three = {name: found[name] for name in "cab"}
    assert ranked(three, lower_is_better=True) == ["a", "b", "c"]
    assert ranked(three, lower_is_better=False) == ["c", "b", "a"]
    assert clearly_first(["a", "b", "c"], found) == "a"
    assert clearly_first(["a", "d", "c"], found) is None
    assert clearly_first(["a"], found) is None
    assert clearly_first([], found) is None
