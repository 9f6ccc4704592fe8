"""Reports of a comparison that nobody ran: every kind of cell, the same at each call. Import as ``sample_report``.

::

    sample_report()     five backends (one a stranger's), two environments, both versions, both transports
    hostile_report()    a stranger's backend, scenario and messages that try to break out of whatever shows them
"""

from __future__ import annotations

import random

from attrs import evolve

from customauth.compare.result import (
    BackendInfo,
    Behaviour,
    Cell,
    Environment,
    Kind,
    Measure,
    Report,
    ScenarioInfo,
    State,
)

BACKENDS = ("acme", "awscrt", "gmqtt", "mqttium", "paho")
"""``acme`` is a third party's, has no raw driver and no WebSocket."""

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&amp;\u2028"
"""Ends a script, opens another, leaves an attribute; what shows it must show these very characters."""

_LIBRARIES = {
    "acme": ("acme-mqtt", "0.3.0", "customauth-acme"),
    "awscrt": ("awscrt", "0.36.1", "customauth"),
    "gmqtt": ("gmqtt", "0.8.1", "customauth"),
    "mqttium": ("mqttium", "1.2.1", "customauth"),
    "paho": ("paho-mqtt", "2.1.0", "customauth"),
}
_SLOWNESS = {"acme": 2.4, "awscrt": 0.9, "gmqtt": 1.15, "mqttium": 1.0, "paho": 1.3}
_VERSIONS = ("5", "3.1.1")
_TRANSPORTS = ("mqtt", "wss")

_CONNECT = ScenarioInfo(
    name="connect",
    title="Connect",
    description="From the call until the CONNACK has accepted the client.",
    kind=Kind.SPEED,
    measures=(
        Measure(name="connect", title="connect, all told", unit="ms"),
        Measure(name="tls", title="of it TLS handshake, seen by the gateway", unit="ms"),
        Measure(name="connack", title="of it CONNECT to CONNACK, seen by the gateway", unit="ms"),
    ),
)
_CONCURRENT = ScenarioInfo(
    name="connects-at-once",
    title="Connects at concurrency 16",
    description="Connections a second, 16 attempts at a time.",
    kind=Kind.SPEED,
    measures=(Measure(name="connects", title="connects", unit="/s", lower_is_better=False),),
)
_PUBLISH = ScenarioInfo(
    name="publish",
    title="Publish rate",
    description="Messages of 64 bytes a second, 100 in flight.",
    kind=Kind.SPEED,
    measures=(
        Measure(name="qos0", title="QoS 0", unit="/s", lower_is_better=False),
        Measure(name="qos1", title="QoS 1", unit="/s", lower_is_better=False),
    ),
)
_ROUND_TRIP = ScenarioInfo(
    name="round-trip",
    title="Round trip",
    description="A message to the client's own subscription, one at a time.",
    kind=Kind.SPEED,
    measures=(Measure(name="qos1", title="QoS 1", unit="ms"),),
)
_FOOTPRINT = ScenarioInfo(
    name="footprint",
    title="What a connection costs",
    description="Proportional set size and threads of a process of its own, for each of 50 connections.",
    kind=Kind.SPEED,
    measures=(
        Measure(name="memory", title="memory for each connection", unit="KiB"),
        Measure(name="threads", title="threads for each connection", unit="count"),
    ),
)
_IMPORT = ScenarioInfo(
    name="import",
    title="Import",
    description="Until the backend and its library are imported, in a process of its own.",
    kind=Kind.SPEED,
    measures=(Measure(name="import", title="import", unit="ms"),),
)
_RECONNECT = ScenarioInfo(
    name="reconnect",
    title="Reconnect after a cut",
    description="From the cut until a message passes again.",
    kind=Kind.SPEED,
    measures=(Measure(name="reconnect", title="reconnect", unit="ms"),),
)

_BEHAVIOURS: dict[str, tuple[str, str, Behaviour]] = {
    "wrong-signature": (
        "Wrong signature",
        "The token signature is another token's.",
        Behaviour(
            expected="ConnackRefused with reason code 135",
            as_expected=True,
            error="ConnackRefused",
            stage="CONNECT/CONNACK",
            reason_code=135,
            message="AWS IoT Core refused the connection: not authorized (135)",
            cause="paho.mqtt.MQTTException",
            cause_message="Not authorized",
            retryable=False,
            milliseconds=(31.2, 30.8, 33.1),
        ),
    ),
    "untrusted-ca": (
        "Untrusted CA",
        "The server's certificate is signed by a CA that nobody trusts.",
        Behaviour(
            expected="TlsFailed that names the CA",
            as_expected=True,
            error="TlsFailed",
            stage="TLS handshake",
            message="the server's certificate is not signed by a trusted CA",
            cause="ssl.SSLCertVerificationError",
            cause_message="[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get issuer",
            retryable=False,
            milliseconds=(9.4, 8.8, 9.1),
        ),
    ),
    "silent-server": (
        "Silent server",
        "The server takes the CONNECT and says nothing.",
        Behaviour(
            expected="ConnectTimeout at the deadline, stage CONNECT/CONNACK",
            as_expected=True,
            error="ConnectTimeout",
            stage="CONNECT/CONNACK",
            message="no CONNACK within 1 s",
            retryable=True,
            milliseconds=(1000.9, 1001.2, 1001.0),
        ),
    ),
    "cut-before-connack": (
        "Cut before CONNACK",
        "The connection ends between CONNECT and CONNACK.",
        Behaviour(
            expected="ClosedBeforeConnack",
            as_expected=True,
            error="ClosedBeforeConnack",
            stage="CONNECT/CONNACK",
            message="the connection was closed before a CONNACK",
            retryable=True,
            milliseconds=(12.0, 11.4, 12.6),
        ),
    ),
    "cancelled": (
        "Cancelled attempt",
        "The attempt is cancelled while the TLS handshake hangs.",
        Behaviour(expected="no error and nothing left behind", as_expected=True, milliseconds=(0.4, 0.5, 0.4)),
    ),
}


def sample_report() -> Report:
    """Return the report that has every kind of cell."""
    dice = random.Random(6)  # noqa: S311
    environments = ("py3.11", "py3.13-lowest")
    return Report(
        customauth="0.4.0",
        created="2026-11-23T09:30:00+00:00",
        rounds=200,
        environments=(
            _environment("py3.11", "3.11.13", {}),
            _environment("py3.13-lowest", "3.13.7", {"gmqtt": "0.8.0", "awscrt": "0.35.0"}),
        ),
        scenarios=(
            _CONNECT,
            _CONCURRENT,
            _PUBLISH,
            _ROUND_TRIP,
            _FOOTPRINT,
            _IMPORT,
            _RECONNECT,
            *(
                ScenarioInfo(name=name, title=title, description=description, kind=Kind.BEHAVIOUR)
                for name, (title, description, _) in _BEHAVIOURS.items()
            ),
        ),
        cells=tuple(
            cell
            for environment in environments
            for version in _VERSIONS
            for transport in _TRANSPORTS
            for backend in BACKENDS
            for cell in _cells_of(backend, environment, version, transport, dice)
        ),
    )


def hostile_report() -> Report:
    """Return a report in which every text that a third party can choose is hostile."""
    name = f"evil{HOSTILE}"
    return Report(
        customauth="0.4.0",
        created="2026-11-23T09:30:00+00:00",
        endpoint=HOSTILE,
        environments=(
            Environment(
                id=f"py{HOSTILE}",
                python=HOSTILE,
                platform=HOSTILE,
                processor=HOSTILE,
                backends={
                    name: BackendInfo(
                        library=HOSTILE,
                        library_version=HOSTILE,
                        distribution=HOSTILE,
                        distribution_version=HOSTILE,
                        features=(HOSTILE,),
                    )
                },
            ),
        ),
        scenarios=(
            ScenarioInfo(
                name=f"speed{HOSTILE}",
                title=HOSTILE,
                description=HOSTILE,
                kind=Kind.SPEED,
                measures=(
                    Measure(name=HOSTILE, title=HOSTILE, unit="ms"),
                    Measure(name="own", title="own", unit=HOSTILE),
                ),
            ),
            ScenarioInfo(name=f"faults{HOSTILE}", title=HOSTILE, description=HOSTILE, kind=Kind.BEHAVIOUR),
        ),
        cells=(
            Cell(
                environment=f"py{HOSTILE}",
                scenario=f"speed{HOSTILE}",
                backend=name,
                version=HOSTILE,
                transport=HOSTILE,
                measurements={HOSTILE: (1.0, 2.0, 4.0), "own": (0.0,)},
            ),
            Cell(
                environment=f"py{HOSTILE}",
                scenario=f"faults{HOSTILE}",
                backend=name,
                version=HOSTILE,
                transport=HOSTILE,
                behaviour=Behaviour(
                    expected=HOSTILE,
                    as_expected=False,
                    error=HOSTILE,
                    stage=HOSTILE,
                    reason_code=135,
                    message=HOSTILE,
                    cause=HOSTILE,
                    cause_message=HOSTILE,
                    milliseconds=(1.5,),
                ),
            ),
            Cell(
                environment=f"py{HOSTILE}",
                scenario=f"speed{HOSTILE}",
                backend="other",
                version=HOSTILE,
                transport=HOSTILE,
                state=State.ERROR,
                why=HOSTILE,
            ),
        ),
    )


def _environment(name: str, python: str, older: dict[str, str]) -> Environment:
    backends = {}
    for backend, (library, version, distribution) in _LIBRARIES.items():
        features = ("mqtt5", "mqtt311") if backend == "acme" else ("mqtt5", "mqtt311", "websocket", "socks5-proxy")
        backends[backend] = BackendInfo(
            library=library,
            library_version=older.get(backend, version),
            distribution=distribution,
            distribution_version="1.0" if distribution != "customauth" else "0.4.0",
            features=features,
        )
    return Environment(
        id=name,
        python=python,
        platform="Linux 6.1 x86_64, glibc 2.36",
        processor="AMD EPYC 7R13 Processor",
        processors=2,
        backends=backends,
    )


def _cells_of(backend: str, environment: str, version: str, transport: str, dice: random.Random) -> list[Cell]:
    template = Cell(environment=environment, scenario="", backend=backend, version=version, transport=transport)
    if backend == "acme" and transport == "wss":
        names = [
            "connect",
            "connects-at-once",
            "publish",
            "round-trip",
            "footprint",
            "import",
            "reconnect",
            *_BEHAVIOURS,
        ]
        why = "acme does not do websocket"
        return [evolve(template, scenario=name, state=State.NOT_RUN, why=why) for name in names]
    slowness = _SLOWNESS[backend] * (1.35 if transport == "wss" else 1.0) * (0.94 if "3.13" in environment else 1.0)
    cells = []
    for raw in (False, True):
        if raw and backend == "acme":
            continue
        who = evolve(template, raw=raw)
        slow = slowness * (0.92 if raw else 1.0)
        cells += [
            evolve(
                who, scenario="connect", measurements=_connects(slow, dice, 200 if "3.13" not in environment else 60)
            ),
            evolve(who, scenario="publish", measurements=_rates(slow, dice)),
            evolve(who, scenario="round-trip", measurements={"qos1": _skewed(0.7 * slow, dice, 120)}),
        ]
    cells += [
        evolve(template, scenario="connects-at-once", measurements={"connects": _around(410 / slowness, dice, 5)}),
        evolve(
            template,
            scenario="footprint",
            measurements={"memory": _around(38 * slowness, dice, 3), "threads": (1.0 if backend == "paho" else 0.0,)},
        ),
        evolve(template, scenario="import", measurements={"import": _around(140 * slowness, dice, 7)}),
        evolve(template, scenario="reconnect", measurements={"reconnect": _around(220 * slowness, dice, 9)}),
    ]
    if backend == "gmqtt" and version == "3.1.1":
        broken = evolve(template, scenario="reconnect", state=State.ERROR, why="RequestTimeout: no PUBACK within 5 s")
        cells[-1] = broken
    return cells + [_behaviour_cell(template, name) for name in _BEHAVIOURS]


def _behaviour_cell(template: Cell, name: str) -> Cell:
    told = _BEHAVIOURS[name][2]
    who = evolve(template, scenario=name)
    if name == "wrong-signature" and template.version == "3.1.1":
        told = evolve(
            told,
            expected="ClosedBeforeConnack",
            error="ClosedBeforeConnack",
            reason_code=None,
            message="the connection was closed before a CONNACK, as AWS IoT Core refuses an MQTT 3.1.1 client",
        )
    if (template.backend, name) == ("gmqtt", "silent-server"):
        message = "the library waited for 60 s of its own"
        told = evolve(told, as_expected=False, error="BackendFault", message=message, milliseconds=(60001.0,))
    if (template.backend, name) == ("acme", "untrusted-ca"):
        told = evolve(told, as_expected=False, error=None, stage=None, message=None, cause=None, cause_message=None)
    if (template.backend, name) == ("acme", "cancelled"):
        return evolve(who, state=State.ERROR, why="RuntimeError: Event loop is closed")
    if (template.backend, name) == ("awscrt", "cancelled"):
        return evolve(who, state=State.NOT_RUN, why="awscrt cannot be cancelled between TCP connect and CONNACK")
    return evolve(who, behaviour=told)


def _connects(slow: float, dice: random.Random, count: int) -> dict[str, tuple[float, ...]]:
    whole = _skewed(11 * slow, dice, count)
    tls = tuple(round(0.6 * value, 3) for value in whole)
    return {"connect": whole, "tls": tls, "connack": tuple(round(0.2 * value, 3) for value in whole)}


def _rates(slow: float, dice: random.Random) -> dict[str, tuple[float, ...]]:
    return {"qos0": _around(21000 / slow, dice, 5), "qos1": _around(6200 / slow, dice, 5)}


def _skewed(middle: float, dice: random.Random, count: int) -> tuple[float, ...]:
    return tuple(round(middle * dice.lognormvariate(0, 0.22), 3) for _ in range(count))


def _around(middle: float, dice: random.Random, count: int) -> tuple[float, ...]:
    return tuple(round(dice.gauss(middle, middle / 25), 3) for _ in range(count))
