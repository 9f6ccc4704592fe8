"""Setting a failure of the table on stage, also those that no proxy inside TLS can make."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

from attrs import evolve, field, frozen

from customauth import Endpoint, MqttVersion, Proxy, mqtt
from customauth.testing.fault_proxy import FaultProxy, fault_proxy
from customauth.testing.faults import Fault
from customauth.testing.mqtt_server import Content, mqtt_server, usual
from customauth.testing.proxies import http_proxy, socks5_proxy
from customauth.testing.sockets import closed_port

# Too long for the DNS, so that the resolver refuses it without asking anybody.
_IMPOSSIBLE_NAME = ".".join(["a" * 60] * 5)
_USER = ("somebody", "else")

ECHO = "conformance/echo"
"""A message that is published here comes back."""


@frozen
class UnknownName:
    """The endpoint's name has no address."""


@frozen
class PortClosed:
    """Nothing listens at the endpoint's port."""


@frozen(kw_only=True)
class ThroughProxy:
    """A proxy of that scheme is between.

    :param says: it answers with these bytes, and closes.
    :param silent: it takes the connection and never says a word.
    :param wants_user: it serves nobody who does not say who he is.
    :param unreachable: it does not reach the endpoint.
    :param listens: whether it is there at all.
    """

    scheme: str
    says: bytes | None = field(default=None, repr=False)
    silent: bool = False
    wants_user: bool = False
    unreachable: bool = False
    listens: bool = True


@frozen
class UpgradeAnswer:
    """The request for a WebSocket is answered with these bytes, and the connection closed."""

    content: bytes


@frozen
class ConnackBytes:
    """These bytes are sent in place of a CONNACK, and the connection is kept."""

    content: bytes


Staged: TypeAlias = UnknownName | PortClosed | ThroughProxy | UpgradeAnswer | ConnackBytes
"""What is staged without the fault proxy."""


@frozen(kw_only=True)
class Place:
    """Where a client is to connect.

    :ivar proxy: the fault proxy, where there is one.
    """

    endpoint: Endpoint
    proxy: FaultProxy | None = None


def _echoing(packet: mqtt.Packet, version: MqttVersion) -> tuple[Content, ...]:
    answers: tuple[Content, ...] = usual(packet, version)
    if isinstance(packet, mqtt.Publish) and packet.topic == ECHO:
        answers = (*answers, mqtt.Publish(topic=ECHO, payload=packet.payload))
    return answers


@contextlib.asynccontextmanager
async def staged(fault: Fault | Staged) -> AsyncIterator[Place]:
    """Set a fault on stage until the end of the block."""
    match fault:
        case UnknownName():
            yield Place(endpoint=Endpoint(host=_IMPOSSIBLE_NAME))
        case PortClosed():
            async with closed_port() as endpoint:
                yield Place(endpoint=endpoint)
        case ThroughProxy():
            async with mqtt_server() as server, _proxy(fault) as proxy, closed_port() as nowhere:
                behind = evolve(nowhere, host="localhost") if fault.unreachable else server.endpoint
                yield Place(endpoint=evolve(behind, proxy=proxy))
        case UpgradeAnswer(content):
            async with mqtt_server(upgrade_answer=content) as server:
                yield Place(endpoint=server.endpoint)
        case ConnackBytes(content):

            def answers(packet: mqtt.Packet, version: MqttVersion) -> tuple[Content, ...]:
                return (content,) if isinstance(packet, mqtt.Connect) else usual(packet, version)

            async with mqtt_server(answers) as server:
                yield Place(endpoint=server.endpoint)
        case _:
            async with mqtt_server(_echoing) as server, fault_proxy(server.endpoint, fault) as between:
                yield Place(endpoint=between.endpoint, proxy=between)


@contextlib.asynccontextmanager
async def _proxy(fault: ThroughProxy) -> AsyncIterator[Proxy]:
    if not fault.listens:
        async with closed_port() as nowhere:
            yield Proxy(scheme=fault.scheme, host="127.0.0.1", port=nowhere.port)
        return
    how: dict[str, Any] = {
        "says": fault.says,
        "silent": fault.silent,
        "user": _USER if fault.wants_user else None,
    }
    async with (http_proxy if fault.scheme == "http" else socks5_proxy)(**how) as running:
        yield running.proxy
