"""The rates of an account, as token buckets whose clock the test holds."""

from __future__ import annotations

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.broker import quotas
from customauth.gateway.broker.quotas import Bucket, Quotas


@define
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@given(steps=st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans()), max_size=200), rate=st.floats(0.5, 100.0))
def test_a_bucket_gives_no_more_than_its_rate_and_a_second_ahead(steps: list[tuple[float, bool]], rate: float) -> None:
    clock = Clock()
    bucket = Bucket(rate, clock=clock)
    taken = 0
    for seconds, takes in steps:
        clock.now += seconds
        if takes:
            taken += bucket.take()
        else:
            bucket.spend()
        assert taken <= max(rate, 1.0) + rate * (clock.now - 1000.0) + 1e-6


@pytest.mark.fact("E28")
def test_a_connection_may_publish_a_hundred_times_and_a_hundred_times_a_second() -> None:
    clock = Clock()
    bucket = Quotas(clock=clock).connection()
    assert [bucket.take() for _ in range(101)] == [True] * 100 + [False]
    clock.now += 0.5
    assert [bucket.take() for _ in range(51)] == [True] * 50 + [False]


@pytest.mark.fact("E28")
def test_what_comes_out_leaves_less_to_go_in() -> None:
    bucket = Quotas(clock=Clock()).connection()
    for _ in range(99):
        bucket.spend()
    assert bucket.take()
    assert not bucket.take()
    bucket.spend()
    assert not bucket.full


@pytest.mark.fact("E9")
def test_a_client_id_connects_once_a_second() -> None:
    clock = Clock()
    account = Quotas(clock=clock)
    assert account.connect("a")
    assert account.connect("b")
    clock.now += 0.9
    assert not account.connect("a")
    clock.now += 0.2
    assert account.connect("a")


@pytest.mark.fact("E41")
def test_a_topic_is_retained_once_a_second() -> None:
    clock = Clock()
    account = Quotas(clock=clock)
    assert [account.retain("a"), account.retain("a"), account.retain("b")] == [True, False, True]
    clock.now += 1.0
    assert account.retain("a")


def test_client_ids_that_no_longer_matter_are_forgotten() -> None:
    clock = Clock()
    account = Quotas(clock=clock)
    for number in range(quotas._SWEEP_ABOVE):
        account.connect(str(number))
    clock.now += 2.0
    account.connect("another")
    assert len(account._connects) == 1
