"""What the libraries alone are driven with."""

from __future__ import annotations

import asyncio

from customauth.comparison_client import InFlight


def test_no_more_is_in_flight_than_may_be_and_all_is_waited_for_at_the_end() -> None:
    async def main() -> None:
        places = InFlight(2)
        await places.take()
        await places.take()
        third = asyncio.create_task(places.take())
        await asyncio.sleep(0)
        assert not third.done()
        places.release()
        await third
        drained = asyncio.create_task(places.drained())
        places.release()
        await asyncio.sleep(0)
        assert not drained.done()
        places.release()
        await drained

    asyncio.run(main())


def test_nothing_in_flight_is_drained_at_once() -> None:
    asyncio.run(InFlight(1).drained())
