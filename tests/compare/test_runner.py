"""The runner: who has turns, in which order, and what becomes of those that fail."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from customauth import CustomAuth, Endpoint, EndpointError, Feature, UnknownBackend
from customauth.compare import (
    Bench,
    Cell,
    NotApplicable,
    Plan,
    Progress,
    Report,
    State,
    Subject,
    Turn,
    known_scenarios,
    run,
)
from customauth.compare.scenario import Scenario
from customauth.compare.stage import order
from made_scenarios import Made, plugins, report


def one(value: float = 1.0) -> Turn:
    return Turn(measurements={"made": (value,)})


async def never() -> Turn:
    future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
    return await future


def compared(*scenarios: Scenario, rounds: int = 1, raw: bool = False) -> Report:
    return asyncio.run(report(Plan(plugins=plugins(), scenarios=scenarios, rounds=rounds, raw=raw)))


def by_backend(found: Report) -> dict[str, Cell]:
    return {cell.backend: cell for cell in found.cells}


def test_a_backend_and_a_scenario_of_a_plugin_are_compared_as_ours_are() -> None:
    async def connect(bench: Bench, subject: Subject) -> Turn:
        async with await bench.connect(subject) as connection:
            await connection.publish(f"{bench.topic}/x", b"1", qos=1)
        return one()

    manager = plugins(Made(connect))
    brought = tuple(scenario for scenario in known_scenarios(manager) if scenario.name == "made")
    found = asyncio.run(report(Plan(plugins=manager, scenarios=brought, rounds=2, raw=False)))

    assert {name: cell.measurements for name, cell in by_backend(found).items()} == {
        "raw": {"made": (1.0, 1.0)},
        "other": {"made": (1.0, 1.0)},
    }
    assert [scenario.name for scenario in found.scenarios] == ["made"]
    assert found.environments[0].backends["other"].library == "customauth"
    assert Report.from_json(json.dumps(found.to_json())) == found


def test_backends_take_turns_and_another_one_begins_each_round() -> None:
    order: list[str] = []

    async def note(_: Bench, subject: Subject) -> Turn:
        order.append(subject.backend)
        return one(len(order))

    compared(Made(note), rounds=4)

    rounds = [order[start : start + 2] for start in range(0, 8, 2)]
    assert all(sorted(each) == ["other", "raw"] for each in rounds)
    assert {each[0] for each in rounds} == {"other", "raw"}


def test_a_turn_that_breaks_down_costs_its_own_cell_alone() -> None:
    async def fail(bench: Bench, subject: Subject) -> Turn:
        if subject.backend == "other":
            raise ValueError(f"it broke with {bench.credentials.mqtt_username()}")
        return one()

    cells = by_backend(compared(Made(fail), rounds=3))

    assert cells["raw"].measurements == {"made": (1.0, 1.0, 1.0)}
    assert cells["other"].state is State.ERROR
    assert cells["other"].why == "ValueError: it broke with ***"


def test_a_turn_that_never_ends_breaks_down_at_its_limit() -> None:
    async def hang(_: Bench, __: Subject) -> Turn:
        return await never()

    class Short(Made):
        limit = 0.01

    assert {cell.state for cell in compared(Short(hang)).cells} == {State.ERROR}


def test_what_a_subject_cannot_do_is_said_and_is_no_failure() -> None:
    async def refuse(_: Bench, __: Subject) -> Turn:
        raise NotApplicable("it has no wheels")

    class Needy(Made):
        name = "needy"
        needs = frozenset({Feature.SOCKS5_PROXY})

    found = compared(Made(refuse), Needy(refuse))

    assert {cell.state for cell in found.cells} == {State.NOT_RUN}
    assert {cell.why for cell in found.cells if cell.scenario == "made"} == {"it has no wheels"}
    assert {cell.why for cell in found.cells if cell.scenario == "needy"} == {
        "backend raw cannot do socks5-proxy",
        "backend other cannot do socks5-proxy",
    }


def test_a_library_alone_that_a_backend_does_not_bring_is_said() -> None:
    async def connect(bench: Bench, subject: Subject) -> Turn:
        async with bench.connected(subject):
            return one()

    class Both(Made):
        raw = True

    cells = {(cell.backend, cell.raw): cell for cell in compared(Both(connect), raw=True).cells}

    assert cells["raw", False].state is State.RUN
    assert cells["raw", True].state is State.NOT_RUN
    assert cells["raw", True].why == "raw brings no client of its library alone"


def test_a_measure_that_is_not_described_breaks_the_cell_down() -> None:
    async def strange(_: Bench, __: Subject) -> Turn:
        return Turn(measurements={"speed": (1.0,)})

    assert {cell.why for cell in compared(Made(strange)).cells} == {
        "ValueError: scenario made does not describe its measure 'speed'"
    }


def test_progress_counts_up_to_the_total_and_ends_with_the_report() -> None:
    async def fail_or_not(_: Bench, subject: Subject) -> Turn:
        if subject.backend == "other":
            raise ValueError
        return one()

    async def steps() -> list[Progress]:
        plan = Plan(plugins=plugins(), scenarios=(Made(fail_or_not),), rounds=3, raw=False)
        return [step async for step in run(plan)]

    found = asyncio.run(steps())

    assert [step.done for step in found] == sorted(step.done for step in found)
    assert {step.total for step in found} == {found[-1].done}
    assert [step.cell.backend for step in found if step.cell] == ["other", "raw"]
    assert [step.report is not None for step in found] == [False] * (len(found) - 1) + [True]


def test_leaving_early_stops_the_gateway_and_removes_its_folder() -> None:
    seen: list[tuple[Path, Endpoint]] = []

    async def look(bench: Bench, _: Subject) -> Turn:
        assert bench.gateway is not None
        seen.append((bench.gateway.folder, bench.place))
        return one()

    async def leave() -> None:
        plan = Plan(plugins=plugins(), scenarios=(Made(look),), rounds=50, raw=False)
        async with contextlib.aclosing(run(plan)) as steps:
            async for _ in steps:
                if seen:
                    break
        folder, place = seen[0]
        assert not folder.exists()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(place.host, place.port)

    asyncio.run(leave())


def test_a_gateway_does_not_outlive_a_comparison_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from customauth.compare.own_gateway import own_gateway\n"
        "async def main():\n"
        "    async with own_gateway(pathlib.Path(sys.argv[1])) as gateway:\n"
        "        print(gateway.endpoint.port, flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as comparison:
        assert comparison.stdout is not None
        port = int(comparison.stdout.readline())
        socket.create_connection(("localhost", port)).close()
        comparison.kill()

    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("localhost", port)).close()
        except ConnectionRefusedError:
            break
        except ConnectionResetError:
            # It is just closing its listener.
            continue
        assert time.monotonic() < end, "the gateway still listens"
        time.sleep(0.05)


def test_cancelling_ends_a_turn_that_runs_in_a_thread_of_its_own() -> None:
    ended: list[str] = []

    async def cancelled() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        async def hang(_: Bench, subject: Subject) -> Turn:
            loop.call_soon_threadsafe(begun.set)
            try:
                return await never()
            finally:
                ended.append(subject.backend)

        class Alone(Made):
            raw = True

        async def whole() -> None:
            # The first to have a turn is customauth itself, which is not in a thread.
            await report(Plan(plugins=plugins(), backends=("raw",), scenarios=(Alone(hang),), rounds=1))

        task = asyncio.create_task(whole())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert ended == ["raw"]


def test_what_needs_the_local_gateway_is_not_run_against_an_endpoint() -> None:
    async def take(_: Bench, __: Subject) -> Turn:
        raise AssertionError("it has had a turn")

    class Local(Made):
        local = True

    plan = Plan(
        endpoint=Endpoint(host="localhost", port=9),
        credentials=CustomAuth(username="x"),
        plugins=plugins(),
        scenarios=(Local(take),),
        raw=False,
        timeout=0.5,
    )
    found = asyncio.run(report(plan))

    assert found.endpoint == "localhost:9"
    assert {cell.why for cell in found.cells} == {"it needs the local gateway; leave out ENDPOINT"}


def test_an_endpoint_without_credentials_is_refused() -> None:
    with pytest.raises(EndpointError, match="give both"):
        Plan(endpoint=Endpoint(host="localhost"))


def test_an_unknown_backend_is_refused_before_anything_is_started() -> None:
    with pytest.raises(UnknownBackend):
        asyncio.run(report(Plan(plugins=plugins(), backends=("nobody",))))


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_in_as_many_rounds_as_subjects_everybody_has_had_every_place(count: int) -> None:
    subjects = [Subject(backend=str(number)) for number in range(count)]
    orders = [list(order(subjects, number)) for number in range(count)]
    for places in zip(*orders, strict=True):
        assert sorted(each.backend for each in places) == sorted(each.backend for each in subjects)
    followed = {(first, second) for order in orders for first, second in itertools.pairwise(order)}
    if count % 2 == 0:
        assert len(followed) == count * (count - 1)
