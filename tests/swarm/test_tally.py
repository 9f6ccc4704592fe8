"""What a swarm counts and times."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from customauth.swarm import Count, Distribution, Tally, Timed

times = some.lists(some.floats(min_value=1e-6, max_value=1000.0), min_size=1)


def distribution(seconds: list[float]) -> Distribution:
    made = Distribution()
    for each in seconds:
        made.add(each)
    return made


@given(times, some.floats(min_value=0.0, max_value=1.0))
def test_a_percentile_is_off_by_less_than_a_hundredth(seconds: list[float], part: float) -> None:
    found = distribution(seconds).percentile(part)
    assert found is not None
    position = next(index for index in range(len(seconds)) if index + 1 >= part * len(seconds))
    assert found == pytest.approx(sorted(seconds)[position], rel=0.01, abs=2e-6)


@given(times, times)
def test_adding_up_is_as_if_one_had_seen_all(ones: list[float], others: list[float]) -> None:
    whole = distribution(ones)
    whole.add_all(distribution(others))
    assert whole.dump() == distribution(ones + others).dump()


@given(times)
def test_what_is_dumped_can_be_loaded(seconds: list[float]) -> None:
    tally = Tally(connected=3, processor=1.5, kib=7, files=9)
    tally.count(Count.ATTEMPTS)
    tally.errors["connect: ConnackRefused 0x87"] += 2
    for each in seconds:
        tally.time(Timed.CONNECT, each)
    assert Tally.load(json.loads(json.dumps(tally.dump()))).dump() == tally.dump()


@given(times, some.integers(min_value=1, max_value=50))
def test_a_sample_is_evenly_chosen(seconds: list[float], most: int) -> None:
    sample = list(distribution(seconds).sample(most))
    assert len(sample) == min(most, len(seconds))
    assert sample == sorted(sample)


def test_no_times_have_no_percentile() -> None:
    assert Distribution().percentile(0.5) is None
    assert list(Distribution().sample(10)) == []


def test_tallies_add_up() -> None:
    one, other = Tally(connected=2), Tally(connected=3)
    one.count(Count.ACCEPTED)
    other.count(Count.ACCEPTED)
    other.errors["lost: Disconnected 0x8E"] += 1
    whole = Tally.sum([one, other])
    assert (whole.connected, whole.counts[Count.ACCEPTED], whole.errors.total()) == (5, 2, 1)


def test_of_the_processes_limits_the_least_counts() -> None:
    assert Tally.sum([Tally(files=300), Tally(files=0), Tally(files=200)]).files == 200
    assert Tally.sum([Tally()]).files == 0
