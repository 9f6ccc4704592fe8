"""The numbers that Locust's workers get from the master; without Locust, which would patch pytest for gevent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from customauth.swarm.numbers import Numbers

OWNERS = ["one", "other", "third"]


@given(st.lists(st.tuples(st.sampled_from(["take", "back", "gone"]), st.sampled_from(OWNERS))))
def test_nobody_has_a_number_of_another_and_none_is_left_out(steps: list[tuple[str, str]]) -> None:
    numbers = Numbers()
    held: dict[str, list[int]] = {owner: [] for owner in OWNERS}
    for what, owner in steps:
        if what == "take":
            taken = {number for each in held.values() for number in each}
            number = numbers.take(owner)
            assert number == min(set(range(len(taken) + 1)) - taken)
            held[owner].append(number)
        elif what == "back" and held[owner]:
            numbers.give_back(owner, held[owner].pop())
        elif what == "gone":
            numbers.keep_only([each for each in OWNERS if each != owner])
            held[owner].clear()


def test_only_who_has_a_number_gives_it_back() -> None:
    numbers = Numbers()
    numbers.take("one")
    numbers.give_back("other", 0)
    assert numbers.take("other") == 1
