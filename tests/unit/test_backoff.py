"""How long a session waits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth import Backoff, EndpointError

SECONDS = st.floats(0, 1e6)


def longest(low: float, high: float) -> float:
    assert low == 0
    return high


def test_the_longest_delay_doubles_up_to_the_cap() -> None:
    backoff = Backoff(base=1.0, cap=60.0, uniform=longest)
    assert [backoff.delay(failures) for failures in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


@given(SECONDS, SECONDS, st.integers(0, 10**9), st.integers())
def test_the_delay_is_between_nothing_and_the_cap(one: float, other: float, failures: int, seed: int) -> None:
    base, cap = sorted((one, other))
    backoff = Backoff(base=base, cap=cap, uniform=random.Random(seed).uniform)  # noqa: S311 - jitter
    assert 0 <= backoff.delay(failures) <= cap


@given(st.integers(0, 20), st.floats(0, 100))
def test_two_attempts_are_never_closer_than_the_spacing(failures: int, since: float) -> None:
    backoff = Backoff(spacing=1.0, uniform=lambda low, high: low)
    assert since + backoff.delay(failures, since) >= 1.0 - 1e-9


def test_the_jitter_is_full() -> None:
    """Clients that were cut off together must not come back together."""
    backoff = Backoff(base=8.0, uniform=random.Random(1).uniform)  # noqa: S311 - jitter
    delays = [backoff.delay(0) for _ in range(1000)]
    assert min(delays) < 0.1
    assert max(delays) > 7.9


@pytest.mark.parametrize(
    "wrong", [{"base": -1.0}, {"cap": float("inf")}, {"base": 2.0, "cap": 1.0}, {"steady": float("nan")}]
)
def test_a_number_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(EndpointError):
        Backoff(**wrong)  # type: ignore[arg-type]
