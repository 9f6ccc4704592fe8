"""Places for unacknowledged publishes: never more than there are, in order, none lost to a cancelled waiter."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from customauth.window import Window


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from(["take", "give", "cancel"]), st.integers(0, 20))))
def test_no_more_places_are_taken_than_there_are_and_none_is_lost(places: int, steps: list[tuple[str, int]]) -> None:
    async def scenario() -> None:
        window = Window(places)
        waiting: list[asyncio.Task[None]] = []
        held: list[asyncio.Task[None]] = []
        for step, which in steps:
            if step == "take":
                waiting.append(asyncio.create_task(window.wait()))
            elif step == "give" and held:
                held.pop(which % len(held))
                window.give_back()
            elif step == "cancel" and waiting:
                waiting[which % len(waiting)].cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            got = [task for task in waiting if task.done() and not task.cancelled()]
            held += got
            waiting = [task for task in waiting if not task.done()]
            assert len(held) <= places
            assert not waiting or len(held) == places
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for _ in held:
            window.give_back()
        assert [window.take() for _ in range(places + 1)] == [True] * places + [False]

    asyncio.run(scenario())


def test_places_are_given_in_the_order_of_asking() -> None:
    async def scenario() -> list[int]:
        window = Window(1)
        order: list[int] = []

        async def ask(number: int) -> None:
            await window.wait()
            order.append(number)

        assert window.take()
        tasks = [asyncio.create_task(ask(number)) for number in range(4)]
        await asyncio.sleep(0)
        for _ in range(4):
            window.give_back()
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(scenario()) == [0, 1, 2, 3]


def test_a_place_given_to_a_waiter_that_is_cancelled_at_that_moment_goes_on() -> None:
    async def scenario() -> None:
        window = Window(1)
        assert window.take()
        waiter = asyncio.create_task(window.wait())
        await asyncio.sleep(0)
        window.give_back()
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        assert window.take()

    asyncio.run(scenario())
