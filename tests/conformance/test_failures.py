"""The failure table: what a caller sees, the same on every backend, against real sockets.

A fault is a server that misbehaves; the expectation is the class of the error tree, its stage, and what it carries.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import pytest
from attrs import Factory, evolve, frozen

import servers
from customauth import (
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    ConnectionRefused,
    ConnectTimeout,
    CustomAuth,
    DialError,
    Endpoint,
    Feature,
    MqttVersion,
    NameNotResolved,
    PluginManager,
    Stage,
    TlsFailed,
    TlsReason,
    connect,
)

# Long enough for every failure that is told at once, short enough for those that only the deadline tells.
_TIMEOUT = 3.0

# Too long for the DNS, so that the resolver refuses it without asking anybody.
_IMPOSSIBLE_NAME = ".".join(["a" * 60] * 5)

Server: TypeAlias = Callable[[], AbstractAsyncContextManager[Endpoint]]


@frozen(kw_only=True)
class Fault:
    """One way in which an attempt fails.

    :ivar details: attributes that the error must have beside its stage.
    :ivar versions: the protocol versions on which it can happen.
    """

    server: Server
    error: type[ConnectError]
    stage: Stage
    details: dict[str, Any] = Factory(dict)
    versions: tuple[MqttVersion, ...] = tuple(MqttVersion)
    timeout: float = _TIMEOUT


@contextlib.asynccontextmanager
async def _unknown_name() -> AsyncIterator[Endpoint]:
    yield Endpoint(host=_IMPOSSIBLE_NAME)


@contextlib.asynccontextmanager
async def _silent() -> AsyncIterator[Endpoint]:
    async with servers.silent_server() as server:
        yield server.endpoint


def _scripted(action: servers.Action, **options: Any) -> Server:
    @contextlib.asynccontextmanager
    async def server() -> AsyncIterator[Endpoint]:
        async with servers.scripted_server(action, **options) as scripted:
            yield scripted.endpoint

    return server


@contextlib.asynccontextmanager
async def _untrusted() -> AsyncIterator[Endpoint]:
    async with servers.scripted_server() as scripted:
        yield evolve(scripted.endpoint, ca_pem=servers.stranger_ca_pem())


def _wrong_name() -> AbstractAsyncContextManager[Endpoint]:
    return _scripted(servers.Accept(), identity=servers.other_name_identity())()


def _expired() -> AbstractAsyncContextManager[Endpoint]:
    return _scripted(servers.Accept(), identity=servers.expired_identity())()


def _tls(reason: TlsReason) -> dict[str, Any]:
    return {"reason": reason, "retryable": False}


_REASON = "CONNACK:Client is not authenticated/authorized to send the message:0f0e0d0c-0b0a-0908-0706-050403020100"

FAULTS = {
    "unknown-name": Fault(server=_unknown_name, error=NameNotResolved, stage=Stage.NAME),
    "port-closed": Fault(server=servers.closed_port, error=ConnectionRefused, stage=Stage.TCP),
    "tcp-blackhole": Fault(server=servers.blackhole, error=ConnectTimeout, stage=Stage.TCP, timeout=1.5),
    "tcp-silent": Fault(server=_silent, error=ConnectTimeout, stage=Stage.TLS, timeout=2.0),
    "untrusted-ca": Fault(
        server=_untrusted, error=TlsFailed, stage=Stage.TLS, details=_tls(TlsReason.UNTRUSTED_CA), timeout=10.0
    ),
    "wrong-name": Fault(
        server=_wrong_name, error=TlsFailed, stage=Stage.TLS, details=_tls(TlsReason.WRONG_NAME), timeout=10.0
    ),
    "expired": Fault(server=_expired, error=TlsFailed, stage=Stage.TLS, details=_tls(TlsReason.EXPIRED), timeout=10.0),
    "alpn-refused": Fault(
        server=servers.alpn_refusing_server,
        error=TlsFailed,
        stage=Stage.TLS,
        details=_tls(TlsReason.ALPN_REFUSED),
        timeout=10.0,
    ),
    **{
        f"closed-before-connack-{version.label}": Fault(
            server=_scripted(servers.CloseAfterConnect()),
            error=ClosedBeforeConnack,
            stage=Stage.CONNACK,
            # A refused MQTT 5 client is told so (F1); one that is not may be luckier next time.
            details={"retryable": version is MqttVersion.V5},
            versions=(version,),
        )
        for version in MqttVersion
    },
    "connack-never-sent": Fault(
        server=_scripted(servers.NeverAnswer()), error=ConnectTimeout, stage=Stage.CONNACK, timeout=1.0
    ),
    **{
        f"connack-5-0x{code:02X}": Fault(
            server=_scripted(servers.Refuse(code, _REASON)),
            error=ConnackRefused,
            stage=Stage.CONNACK,
            details={"reason_code": code, "reason_string": _REASON},
            versions=(MqttVersion.V5,),
        )
        for code in (0x80, 0x85, 0x87, 0x88, 0x97, 0x99, 0x9F)
    },
    **{
        f"connack-311-{code}": Fault(
            server=_scripted(servers.Refuse(code)),
            error=ConnackRefused,
            stage=Stage.CONNACK,
            details={"reason_code": code, "reason_string": None},
            versions=(MqttVersion.V311,),
        )
        for code in (1, 2, 3, 4, 5)
    },
}

CASES = [
    pytest.param(fault, version, id=f"{name}-{version.label}")
    for name, fault in FAULTS.items()
    for version in fault.versions
]


@pytest.mark.parametrize(("fault", "version"), CASES)
def test_a_failure_has_the_same_class_stage_and_details_on_every_backend(
    backend_name: str, fault: Fault, version: MqttVersion
) -> None:
    features = PluginManager().backend(backend_name).features
    hides_the_code = version is MqttVersion.V311 and Feature.CONNACK_CODE_311 not in features
    asyncio.run(_attempt(backend_name, fault, version, hides_the_code=hides_the_code))


async def _attempt(backend_name: str, fault: Fault, version: MqttVersion, *, hides_the_code: bool) -> None:
    loop = asyncio.get_running_loop()
    async with fault.server() as endpoint:
        started = loop.time()
        with pytest.raises(ConnectError) as caught:
            await connect(
                endpoint, CustomAuth(username="user"), backend=backend_name, version=version, timeout=fault.timeout
            )
        took = loop.time() - started
    error = caught.value
    if fault.error is ConnackRefused and hides_the_code:
        # Declared: without Feature.CONNACK_CODE_311 a refusal looks like a closed connection.
        assert type(error) is ClosedBeforeConnack
    else:
        assert type(error) is fault.error, error
        for name, value in fault.details.items():
            assert getattr(error, name) == value, name
    assert error.stage is fault.stage
    assert error.backend == backend_name
    assert error.endpoint == str(endpoint)
    assert error.hint
    # The contract is the deadline; the grace is for a busy machine. It must end, and not at a library's own pace.
    assert took < fault.timeout + 2.0
    if isinstance(error, DialError):
        assert error.__cause__ is not None


@pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
def test_a_deadline_holds_wherever_the_attempt_hangs(backend_name: str, version: MqttVersion) -> None:
    async def scenario() -> list[ConnectError]:
        failures = []
        for server in (servers.blackhole, _silent, _scripted(servers.NeverAnswer())):
            async with server() as endpoint:
                with pytest.raises(ConnectTimeout) as caught:
                    await connect(
                        endpoint, CustomAuth(username="user"), backend=backend_name, version=version, timeout=0.4
                    )
                failures.append(caught.value)
        return failures

    assert [failure.stage for failure in asyncio.run(scenario())] == [Stage.TCP, Stage.TLS, Stage.CONNACK]
