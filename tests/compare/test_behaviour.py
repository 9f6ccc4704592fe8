"""The behaviour scenarios: every fault and every refused authentication, as a backend tells it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from customauth import (
    Backend,
    ClosedBeforeConnack,
    ConnackRefused,
    Connection,
    ConnectRequest,
    CustomAuth,
    Endpoint,
    Feature,
    MqttVersion,
    PluginManager,
    Transport,
    hookimpl,
)
from customauth.compare import Cell, Kind, Plan, State, known_scenarios
from customauth.compare.scenarios import bundled
from customauth.compare.scenarios.faults import QUICK, FaultScenario
from customauth.compare.scenarios.logins import ELSEWHERE, LOGINS
from customauth.compare.telling import told
from customauth.testing.conformance.table import FAILURES
from made_scenarios import report
from needs import needs
from rawbackend import RawBackend

DOCS = Path(__file__).parents[2] / "docs"

_ONE_WAY: dict[str, Any] = {"versions": (MqttVersion.V5,), "transports": (Transport.MQTT,)}


class Hiding(RawBackend):
    """Tells a refusal as a closed connection, though it declares to tell the code."""

    name: ClassVar[str] = "hiding"

    async def connect(self, request: ConnectRequest) -> Connection:
        try:
            return await super().connect(request)
        except ConnackRefused as error:
            raise ClosedBeforeConnack from error


class Declared(Hiding):
    """As the other, and says so."""

    features: ClassVar[frozenset[Feature]] = RawBackend.features - {Feature.CONNACK_CODE_311}


class _Plugin:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @hookimpl
    def customauth_backend(self) -> Backend:
        return self._backend


def cells(*names: str, backend: Backend | None = None, **plan: Any) -> list[Cell]:
    manager = PluginManager(discover=False) if backend else PluginManager()
    if backend:
        manager.register(_Plugin(backend))
    chosen = tuple(scenario for scenario in known_scenarios(manager) if scenario.name in names)
    assert len(chosen) == len(names)
    made = Plan(plugins=manager, scenarios=chosen, raw=False, **plan)
    return list(asyncio.run(report(made)).cells)


def test_every_row_of_the_kit_is_a_scenario() -> None:
    names = [scenario.name for scenario in bundled() if scenario.kind is Kind.BEHAVIOUR]
    assert [name for name in names if name.startswith("fault/")] == [f"fault/{row.name}" for row in FAILURES]
    assert [name for name in names if name.startswith("auth/")] == [f"auth/{row.name}" for row in LOGINS]
    assert {row.name for row in FAILURES} >= QUICK


@pytest.mark.parametrize("number", range(1, 18))
def test_every_fact_of_section_f_has_a_row_or_a_reason(number: int) -> None:
    fact = f"F{number}"
    assert any(fact in row.facts for row in LOGINS) is not (fact in ELSEWHERE)


def test_what_stands_in_for_a_fact_is_a_scenario() -> None:
    named = set(re.findall(r"fault/[\w-]+", " ".join(ELSEWHERE.values())))
    assert named
    assert named <= {scenario.name for scenario in bundled()}


def test_a_quick_comparison_leaves_out_rows_but_no_speed() -> None:
    whole = known_scenarios()
    quick = [scenario for scenario in whole if scenario.quick]
    assert {scenario.name for scenario in quick} < {scenario.name for scenario in whole}
    left_out = {scenario.name for scenario in whole} - {scenario.name for scenario in quick}
    assert {scenario.kind for scenario in whole if scenario.name in left_out} == {Kind.BEHAVIOUR}
    assert {scenario.failure.name for scenario in quick if isinstance(scenario, FaultScenario)} == QUICK


@pytest.mark.parametrize("page", ["comparison.md", "command.md"])
def test_the_documentation_says_what_a_quick_comparison_takes(page: str) -> None:
    text = " ".join((DOCS / page).read_text().split())
    for kind, named in (("auth/", "refused logins"), ("fault/", "faults")):
        rows = [scenario.quick for scenario in bundled() if scenario.name.startswith(kind)]
        assert f"{sum(rows)} of the {len(rows)} {named}" in text


def test_the_table_is_there_without_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from customauth.compare import known_scenarios\n"
        "print(len(known_scenarios()))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) >= len(FAILURES) + len(LOGINS)


@needs("paho-mqtt")
def test_faults_are_told_as_the_table_says() -> None:
    names = (
        "fault/port-closed",
        "fault/tls-expired",
        "fault/connack-0x87",
        "fault/disconnect-0x8E",
        "fault/puback-0x87",
    )
    found = cells(*names, backends=("paho",), **_ONE_WAY)
    assert [cell.state for cell in found] == [State.RUN] * len(names)
    said = [cell.behaviour for cell in found if cell.behaviour is not None]
    assert all(each.as_expected and each.milliseconds for each in said)
    assert [(each.error, each.reason_code) for each in said] == [
        ("ConnectionRefused", None),
        ("TlsFailed", None),
        ("ConnackRefused", 0x87),
        ("Disconnected", 0x8E),
        ("PublishRefused", 0x87),
    ]
    assert said[0].cause == "ConnectionRefusedError"
    assert (said[0].stage, said[0].retryable) == ("TCP connect", True)


def test_what_only_a_deadline_ends_is_told_on_every_way() -> None:
    found = cells("fault/tls-silent", "fault/puback-lost", backend=RawBackend())
    assert {(cell.version, cell.transport) for cell in found} == {
        (version, transport) for version in ("5", "3.1.1") for transport in ("mqtt", "wss")
    }
    assert [cell.why for cell in found if cell.state is not State.RUN] == []
    assert {cell.behaviour.error for cell in found if cell.behaviour} == {"ConnectTimeout", "RequestTimeout"}
    assert all(cell.behaviour.as_expected for cell in found if cell.behaviour)


@pytest.mark.fact("F1", "F3")
@needs("paho-mqtt")
def test_a_refusal_has_a_code_on_mqtt_5_and_none_on_311() -> None:
    found = cells("auth/not-authenticated", backends=("paho",), transports=(Transport.MQTT,))
    assert [
        (cell.version, cell.behaviour and (cell.behaviour.error, cell.behaviour.reason_code)) for cell in found
    ] == [
        ("5", ("ConnackRefused", 0x87)),
        ("3.1.1", ("ClosedBeforeConnack", None)),
    ]


@pytest.mark.fact("F17")
def test_denied_and_ended_connections_are_told() -> None:
    names = [f"auth/{row.name}" for row in LOGINS if "F17" in row.facts]
    found = cells(*names, backend=RawBackend(), transports=(Transport.MQTT,))
    assert [(cell.scenario, cell.version, cell.why) for cell in found if cell.state is not State.RUN] == []
    assert [cell for cell in found if cell.behaviour is None or not cell.behaviour.as_expected] == []


def test_a_backend_that_swallows_a_code_is_not_as_expected() -> None:
    fault, login = _swallowed(Hiding())
    for cell in (fault, login):
        assert cell.behaviour is not None
        assert not cell.behaviour.as_expected
        assert cell.behaviour.error == "ClosedBeforeConnack"
        assert cell.behaviour.expected.startswith("ConnackRefused with ")
        assert "[not as expected: the class is ClosedBeforeConnack" in (cell.behaviour.message or "")


def test_a_code_that_a_backend_declares_to_hide_is_not_held_against_it() -> None:
    fault, _ = _swallowed(Declared())
    assert fault.behaviour is not None
    assert fault.behaviour.as_expected
    assert "does not declare" in fault.behaviour.expected
    assert "ConnackRefused with 5" in fault.behaviour.expected


def _swallowed(backend: Backend) -> tuple[Cell, Cell]:
    found = cells("fault/connack-311-5", "auth/not-authenticated", backend=backend, transports=(Transport.MQTT,))
    (fault,) = (cell for cell in found if cell.scenario.startswith("fault/"))
    (login,) = (cell for cell in found if cell.scenario.startswith("auth/") and cell.version == "5")
    return fault, login


def test_with_an_endpoint_of_the_users_nothing_is_asked_of_it() -> None:
    place = Endpoint(host="nobody.example.test")
    given: dict[str, Any] = {"endpoint": place, "credentials": CustomAuth(authorizer="a", username="u")}
    (login,) = cells("auth/wrong-password", backend=RawBackend(), **given, **_ONE_WAY)
    assert login.state is State.NOT_RUN
    (fault,) = cells("fault/port-closed", backend=RawBackend(), **given, **_ONE_WAY)
    assert fault.behaviour is not None
    assert fault.behaviour.as_expected


def test_ports_are_not_in_what_is_told() -> None:
    error = ConnackRefused(0x87, "at localhost:40123, not 401234")
    error.__cause__ = LookupError("port 40123")
    said = told("x", error, 0.5, ["port 40123"], Endpoint(host="localhost", port=40123))
    assert "localhost:PORT, not 401234" in (said.message or "")
    assert "40123 " not in f"{said.message} {said.cause_message} ".replace("401234", "")
    assert (said.cause, said.milliseconds, said.as_expected) == ("LookupError", (500.0,), False)
