"""What a scenario opens once for all its turns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from customauth.compare import Bench, Plan, Subject, Turn
from made_scenarios import Made, plugins, report


class Server:
    """Something that is opened and closed, and counts itself."""

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.closed: list[int] = []
        self.turns: list[tuple[int, int]] = []

    @contextlib.asynccontextmanager
    async def opening(self) -> AsyncIterator[int]:
        number = len(self.opened)
        self.opened.append(number)
        try:
            yield number
        finally:
            self.closed.append(number)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        number = await bench.kept("made", self.opening)
        self.turns.append((number, len(self.closed)))
        return Turn(measurements={"made": (1.0,)})


class Second(Made):
    name = "second"


class OnceWhenQuick(Made):
    rounds = 3
    quick_rounds = 1


def test_all_turns_of_a_scenario_have_the_same_and_the_next_scenario_another() -> None:
    server = Server()
    asyncio.run(
        report(Plan(plugins=plugins(), scenarios=(Made(server.turn), Second(server.turn)), rounds=2, raw=False))
    )
    # Two backends, two rounds each; the first is closed when the second is opened.
    assert server.turns == [(0, 0)] * 4 + [(1, 1)] * 4
    assert server.closed == [0, 1]


def test_it_is_closed_though_the_last_turn_breaks_down() -> None:
    server = Server()

    async def fail(bench: Bench, subject: Subject) -> Turn:
        await server.turn(bench, subject)
        raise ValueError

    asyncio.run(report(Plan(plugins=plugins(), scenarios=(Made(fail),), rounds=2, raw=False)))
    assert server.opened == server.closed == [0]


def test_a_scenario_may_have_fewer_rounds_when_it_must_be_quick() -> None:
    async def take(_: Bench, __: Subject) -> Turn:
        return Turn(measurements={"made": (1.0,)})

    turns = {
        quick: {
            cell.turns
            for cell in asyncio.run(
                report(Plan(plugins=plugins(), scenarios=(OnceWhenQuick(take),), raw=False, quick=quick))
            ).cells
        }
        for quick in (True, False)
    }
    assert turns == {True: {1}, False: {3}}
