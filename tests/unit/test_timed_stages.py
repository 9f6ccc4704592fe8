"""The stages of an attempt, timed from outside."""

from __future__ import annotations

import asyncio

import pytest

from customauth import ConnectTimeout, Stage
from customauth.dialing import Deadline, timed_stages


async def _stage(stage: Stage) -> None:
    async with Deadline(10).limit(stage):
        await asyncio.sleep(0)


def test_the_stages_that_are_passed_inside_the_block_are_timed() -> None:
    async def main() -> dict[Stage, float]:
        with timed_stages() as times:
            await _stage(Stage.TCP)
            await asyncio.create_task(_stage(Stage.TLS))
        await _stage(Stage.CONNACK)
        return times

    times = asyncio.run(main())
    assert list(times) == [Stage.TCP, Stage.TLS]
    assert all(seconds > 0 for seconds in times.values())


def test_a_stage_that_is_not_passed_has_no_time() -> None:
    async def main() -> dict[Stage, float]:
        with timed_stages() as times, pytest.raises(ConnectTimeout):
            async with Deadline(0.001).limit(Stage.TLS):
                await asyncio.get_running_loop().create_future()
        return times

    assert asyncio.run(main()) == {}
