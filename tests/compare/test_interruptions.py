"""A comparison that ends early, from Python: what stops it, what its report still has, and what is told of the rest."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from attrs import evolve

from customauth.compare import Bench, Cell, Plan, Report, State, Subject, Turn, run
from customauth.compare.baseline import changes, judge
from customauth.compare.interruptions import interruptions
from customauth.compare.scenario import Scenario
from customauth.compare.threshold import Threshold
from customauth.compare.verdict import verdict
from made_reports import behaviour, endings, speeds, with_cells
from made_scenarios import Made, plugins, report

STEADY = (10, 10.1, 9.9, 10, 10.2)


def one() -> Turn:
    return Turn(measurements={"made": (1.0,)})


async def never() -> Turn:
    future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
    return await future


class Second(Made):
    name = "second"


async def _reported(
    act: Callable[[asyncio.Future[str], Bench], Awaitable[Turn]], *others: Scenario, rounds: int = 3, raw: bool = False
) -> Report:
    """Run a plan whose scenario is given the future that stops it."""
    stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    class First(Made):
        raw = True

    async def take(bench: Bench, _: Subject) -> Turn:
        return await act(stop, bench)

    plan = Plan(plugins=plugins(), scenarios=(First(take), *others), rounds=rounds, raw=raw)
    found = None
    async with contextlib.aclosing(run(plan, stop)) as steps:
        async for step in steps:
            found = step.report
    assert found is not None
    return found


async def _take_one(_: Bench, __: Subject) -> Turn:
    return one()


def test_what_was_measured_before_the_stop_is_reported_and_the_rest_is_missing() -> None:
    turns = 0

    async def stop_in_the_fourth(stop: asyncio.Future[str], _: Bench) -> Turn:
        nonlocal turns
        turns += 1
        if turns == 4:
            stop.set_result("a test")
            return await never()
        return one()

    found = asyncio.run(_reported(stop_in_the_fourth, Second(_take_one)))

    assert sorted((cell.scenario, cell.turns, cell.state, cell.why) for cell in found.cells) == [
        ("made", 1, State.RUN, "interrupted after 1 of 3 turns"),
        ("made", 2, State.RUN, "interrupted after 2 of 3 turns"),
        *[("second", 0, State.MISSING, "interrupted before its first turn")] * 2,
    ]
    assert set(found.interrupted.values()) == {"a test"}
    assert Report.from_json(json.dumps(found.to_json())) == found


def test_a_turn_that_fails_because_of_the_stop_is_no_failure_of_its_backend() -> None:
    async def fail(stop: asyncio.Future[str], _: Bench) -> Turn:
        stop.set_result("a test")
        raise ConnectionResetError

    assert {cell.state for cell in asyncio.run(_reported(fail)).cells} == {State.MISSING}


def test_a_stop_after_the_last_turn_leaves_nothing_missing() -> None:
    async def whole() -> Report:
        stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        plan = Plan(plugins=plugins(), scenarios=(Made(_take_one),), rounds=1, raw=False)
        found = None
        async with contextlib.aclosing(run(plan, stop)) as steps:
            async for step in steps:
                if step.cell is not None and not stop.done():
                    stop.set_result("a test")
                found = step.report
        assert found is not None
        return found

    assert asyncio.run(whole()).interrupted == {}


def test_when_the_gateway_dies_what_was_measured_before_is_reported() -> None:
    turns = 0

    async def kill_the_gateway(_: asyncio.Future[str], bench: Bench) -> Turn:
        nonlocal turns
        turns += 1
        if turns < 3:
            return one()
        assert bench.gateway is not None
        os.kill(_process_of(bench.gateway.folder), signal.SIGKILL)
        return await never()

    found = asyncio.run(_reported(kill_the_gateway, Second(_take_one)))

    assert sorted(cell.turns for cell in found.cells) == [0, 0, 1, 1]
    (why,) = found.interrupted.values()
    assert why == "the end of its gateway, with -9: it said nothing"


def test_a_turn_that_fails_as_its_gateway_dies_is_no_failure_of_its_backend() -> None:
    async def fail_before_the_end_is_told(_: asyncio.Future[str], bench: Bench) -> Turn:
        assert bench.gateway is not None
        os.kill(_process_of(bench.gateway.folder), signal.SIGKILL)
        # Its end cannot be told meanwhile, as the event loop is held up.
        while True:
            try:
                socket.create_connection((bench.gateway.endpoint.host, bench.gateway.endpoint.port)).close()
            except ConnectionError as error:
                raise RuntimeError("the connection is lost") from error

    found = asyncio.run(_reported(fail_before_the_end_is_told))

    assert {cell.state for cell in found.cells} == {State.MISSING}
    assert list(found.interrupted.values()) == ["the end of its gateway, with -9: it said nothing"]


def test_a_turn_whose_limit_passes_while_it_is_being_cancelled_is_no_failure_of_its_backend() -> None:
    class Limited(Second):
        limit = 0.05

    stop: asyncio.Future[str]

    async def slow_to_go(_: Bench, __: Subject) -> Turn:
        stop.set_result("a test")
        try:
            return await never()
        finally:
            await asyncio.sleep(10 * Limited.limit)

    async def whole() -> Report:
        nonlocal stop
        stop = asyncio.get_running_loop().create_future()
        plan = Plan(plugins=plugins(), scenarios=(Limited(slow_to_go),), rounds=1, raw=False)
        found = None
        async with contextlib.aclosing(run(plan, stop)) as steps:
            async for step in steps:
                found = step.report
        assert found is not None
        return found

    assert {cell.state for cell in asyncio.run(whole()).cells} == {State.MISSING}


def test_what_a_turn_raises_when_its_limit_has_passed_is_not_complained_about() -> None:
    class Limited(Made):
        limit = 0.05

    async def break_in_the_end(_: Bench, __: Subject) -> Turn:
        try:
            return await never()
        finally:
            raise ConnectionResetError

    complaints: list[object] = []

    async def whole() -> Report:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        found = await report(Plan(plugins=plugins(), scenarios=(Limited(break_in_the_end),), rounds=1, raw=False))
        gc.collect()
        return found

    assert {cell.why for cell in asyncio.run(whole()).cells} == {"TimeoutError:"}
    assert complaints == []


def _process_of(folder: Path) -> int:
    """Return the number of the process that serves a folder."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in file.read_bytes():
                return int(file.parent.name)
    raise AssertionError(f"nothing serves {folder}")


@pytest.mark.parametrize("raw", [False, True], ids=["here", "in a thread of its own"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError: it has cancelled itself"),
    ],
    ids=["SystemExit", "CancelledError"],
)
def test_what_would_end_the_program_costs_a_turn_its_cell_alone(error: BaseException, said: str, raw: bool) -> None:
    async def leave(_: asyncio.Future[str], __: Bench) -> Turn:
        raise error

    found = asyncio.run(_reported(leave, Second(_take_one), raw=raw))

    assert {(cell.state, cell.why) for cell in found.cells if cell.scenario == "made"} == {(State.ERROR, said)}
    assert {cell.state for cell in found.cells if cell.scenario == "second"} == {State.RUN}
    assert found.interrupted == {}


def _missing(report: Report, number: int) -> Report:
    """Return a report that was interrupted before one of its cells."""
    cell = evolve(
        report.cells[number],
        state=State.MISSING,
        why="interrupted before its first turn",
        measurements={},
        behaviour=None,
    )
    cells = (*report.cells[:number], cell, *report.cells[number + 1 :])
    return evolve(report, cells=cells, interrupted={report.environments[0].id: "SIGINT"})


WHOLE = speeds({"a": STEADY, "b": STEADY})
ENDED = endings({"a": behaviour("E"), "b": behaviour("E")})


def test_the_line_names_what_is_missing_and_what_has_fewer_turns() -> None:
    fewer = evolve(WHOLE.cells[0], why="interrupted after 2 of 5 turns")
    report = with_cells(_missing(WHOLE, 1), evolve(fewer, transport="wss"))
    assert interruptions(report) == [
        "py3.11 was interrupted by SIGINT: 1 of 3 cells are missing (connect on MQTT 5 [1 of 2]), "
        "and 1 has fewer turns than planned (connect on MQTT 5 over wss)."
    ]


def test_a_merged_report_says_which_of_its_environments_was_interrupted() -> None:
    merged = speeds({"a": STEADY}, environment="whole").merged_with([_missing(WHOLE, 1)])
    assert merged.interrupted == {"py3.11": "SIGINT"}
    assert Report.from_json(json.dumps(merged.to_json())) == merged


def test_an_environment_that_is_not_there_was_not_interrupted() -> None:
    document = evolve(WHOLE, interrupted={"elsewhere": "SIGINT"}).to_json()
    with pytest.raises(ValueError, match="interrupted: there is no environment 'elsewhere'"):
        Report.from_json(json.dumps(document))


def test_what_is_missing_has_not_changed_and_is_named() -> None:
    for now, before, start in ((_missing(ENDED, 1), ENDED, ""), (ENDED, _missing(ENDED, 1), "baseline: ")):
        found = changes(now, before)
        assert found.behaviours == ()
        assert found.notes == (
            f"{start}py3.11 was interrupted by SIGINT: 1 of 2 cells are missing (refused on MQTT 5 [1 of 2]).",
        )


@pytest.mark.parametrize("text", ["connect>9x", "connect>99"])
def test_a_threshold_on_what_is_missing_is_not_kept(text: str) -> None:
    (found,) = judge(_missing(WHOLE, 1), WHOLE, [Threshold.parse(text)])
    assert found.broken
    assert found.lines == ("not judged, as the comparison was interrupted: connect on MQTT 5 [1 of 2]",)


def test_a_behaviour_that_is_missing_is_not_kept() -> None:
    (found,) = judge(_missing(ENDED, 1), ENDED, [Threshold.parse("behaviour")])
    assert (found.broken, found.lines) == (
        True,
        ("not judged, as the comparison was interrupted: refused on MQTT 5 [1 of 2]",),
    )


@pytest.mark.parametrize(("report", "text"), [(WHOLE, "connect>9x"), (ENDED, "behaviour")], ids=["speed", "behaviour"])
def test_a_threshold_says_what_an_interrupted_baseline_lacks(report: Report, text: str) -> None:
    (found,) = judge(report, _missing(report, 1), [Threshold.parse(text)])
    assert not found.broken
    assert found.notes == (
        f"not judged, as the baseline was interrupted: {report.scenarios[0].name} on MQTT 5 [1 of 2]",
    )


def test_the_verdict_begins_with_what_it_could_not_be_made_from() -> None:
    found = verdict(_missing(ENDED, 1))
    assert found.general[0].startswith("py3.11 was interrupted by SIGINT: 1 of 2 cells are missing")
    nothing: list[Cell] = list(_missing(_missing(ENDED, 0), 1).cells)
    told = verdict(evolve(ENDED, cells=tuple(nothing), interrupted={"py3.11": "SIGINT"}))
    assert [each.sentences for each in told.backends] == [("Nothing was run with it.",)] * 2
    assert not any("behaviours end as they should" in sentence for sentence in told.general)
