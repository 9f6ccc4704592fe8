"""What is named as a swarm's limit."""

from __future__ import annotations

import sys
from collections import Counter

import pytest
from attrs import evolve

import commands
from customauth import Endpoint
from customauth.swarm import Plan, Tally, Template, limiting
from customauth.swarm.limits import Pressure
from customauth.swarm.tally import Timed

PLAN = Plan(endpoint=Endpoint.parse("localhost"), identities=Template(), clients=10, processes=1)


def _tally(**changes: object) -> Tally:
    tally = Tally()
    for name, value in changes.items():
        setattr(tally, name, value)
    return tally


def test_nothing_is_named_where_nothing_was_short() -> None:
    assert limiting(Tally(), 60.0, 0.5, PLAN) == []


@pytest.mark.fact("E9", "F16")
@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("connect: ConnackRefused 0x97", "throttles: 7 "),
        ("connect: ConnackRefused 0x9F", "throttles: 7 "),
        ("connect: UpgradeRejected 429", "throttles: 7 "),
        ("connect: ConnectionRefused EMFILE", "Open files ran out 7 times"),
    ],
)
def test_the_endpoint_and_the_open_files_are_told_by_the_errors(kind: str, word: str) -> None:
    (said,) = limiting(_tally(errors=Counter({kind: 7, "connect: ConnackRefused 0x87": 5})), 60.0, 0.5, PLAN)
    assert word in said


def test_the_limit_of_open_files_and_what_to_change_are_named() -> None:
    (said,) = limiting(_tally(errors=Counter({"lost: Disconnected EMFILE": 2}), files=300), 60.0, 0.5, PLAN)
    assert "a process may have 300): raise that and its hard limit (ulimit -Hn)" in said


def test_processors_that_were_full_for_a_storm_are_named_in_a_long_run_too() -> None:
    pressure = Pressure(PLAN)
    for second, processor in enumerate([0, 0, 2, 4, 4, 4, 4, 4, 4, 4, 4]):
        pressure.look(float(second), _tally(processor=float(processor)))
    assert 2.0 <= pressure.own_full <= 4.0
    (said,) = limiting(_tally(processor=4.0), 60.0, 0.3, PLAN, own_full=pressure.own_full)
    assert said.startswith("The swarm's own processor time")
    assert "machine's" in limiting(Tally(), 60.0, 0.3, PLAN, busy_full=4.0)[0]


def test_what_its_processes_could_have_is_counted_by_those_that_have_clients() -> None:
    one = evolve(PLAN, clients=1, processes=50)
    assert limiting(_tally(processor=60.0), 60.0, 0.5, one)[0].startswith("The swarm's own processor time")


def test_an_event_loop_that_was_late_is_named() -> None:
    tally = Tally()
    for late in [0.001] * 95 + [0.4] * 5:
        tally.time(Timed.LATE, late)
    assert "late by" in limiting(tally, 60.0, 0.5, PLAN)[0]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
@pytest.mark.skipif(not commands.installed_backends(), reason="a swarm needs an MQTT library")
def test_a_plan_that_needs_more_files_than_there_may_be_is_refused() -> None:
    limited = ("sh", "-c", 'ulimit -n 300; exec "$0" "$@"', *commands.COMMAND)
    with commands.start("swarm", "--clients", "500", "--processes", "1", "localhost", program=limited) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "500 connections in one process need 756 open files, and the hard limit is 300" in said
