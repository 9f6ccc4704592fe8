"""A connection that a client would make, from the options of ``customauth connect``, without making it."""

from __future__ import annotations

import base64
import secrets as random
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import evolve

from customauth.cli.misuse import Misuse
from customauth.endpoint import DEFAULT_PORT, Endpoint, Transport

if TYPE_CHECKING:
    from customauth.credentials import CustomAuth
    from customauth.gateway.attempt import Attempt
    from customauth.gateway.config import GatewayConfig
    from customauth.gateway.origin import HttpRequest
    from customauth.gateway.routing import Spoken

F = TypeVar("F", bound=Callable[..., Any])

# By transport: where the credentials may travel, the usual place first (A25-A27, A33).
_PLACES = {
    "mqtt": ("username",),
    "wss": ("username", "headers", "query"),
    "https": ("headers", "query"),
}


def live_options(command: F) -> F:
    """Add the options that say how the connection is made; :func:`live_attempt` reads them."""
    for add in reversed(
        [
            click.option("-i", "--client-id", metavar="TEXT", help="The client id.  [default: a UUID]"),
            click.option(
                "--transport",
                type=click.Choice(list(_PLACES)),
                help="What carries it.  [default: what ENDPOINT says; mqtt]",
            ),
            click.option(
                "--credentials-in",
                type=click.Choice(["username", "headers", "query"]),
                help="Where name, token and signature travel.  [default: username; over https headers]",
            ),
        ]
    ):
        command = add(command)
    return command


def live_attempt(
    config: GatewayConfig, credentials: CustomAuth, options: dict[str, Any], endpoint: str | None
) -> tuple[Attempt, Spoken]:
    """Describe the connection that the options would make, to the gateway itself unless an endpoint is named.

    :raises Misuse: options that no connection can have together.
    :raises EndpointError: an endpoint that cannot work.
    """
    from customauth.gateway.attempt import Attempt
    from customauth.gateway.handshake import effective_client_id
    from customauth.gateway.origin import Origin
    from customauth.gateway.routing import Spoken
    from customauth.mqtt import Connect, MqttVersion

    where, transport = _where(config.names[0] if endpoint is None else endpoint, options.pop("transport"))
    place: str = options.pop("credentials_in") or _PLACES[transport][0]
    client_id: str | None = options.pop("client_id")
    if place not in _PLACES[transport]:
        raise Misuse(
            f"over {transport} credentials do not travel in the {place}",
            f"choose --credentials-in {' or '.join(_PLACES[transport])}",
        )
    if transport == "https" and not (client_id is None and not credentials.username and credentials.password is None):
        raise Misuse(
            "a publish over https has no client id, user name and password (A26, A37)",
            "leave them out, or choose --transport mqtt or wss",
        )
    origin = Origin(
        connection_id=str(uuid.uuid4()),
        peer="a test",
        port=443,
        server_name=None if where.is_address() else where.host,
        alpn="mqtt" if transport == "mqtt" else None,
        domain=config.domain(where.host),
        account=config.account,
        http=None if transport == "mqtt" else _request(transport, place, credentials, where),
    )
    if transport == "https":
        return Attempt(origin=origin), Spoken.PUBLISH
    username = credentials.mqtt_username() if place == "username" else credentials.username or None
    connect = Connect(
        version=MqttVersion.V5,
        client_id=str(uuid.uuid4()) if client_id is None else client_id,
        username=username,
        password=credentials.password,
    )
    spoken = Spoken.MQTT if transport == "mqtt" else Spoken.WEBSOCKET
    return Attempt(origin=origin, client_id=effective_client_id(connect), connect=connect), spoken


def _where(endpoint: str, transport: str | None) -> tuple[Endpoint, str]:
    """Return the place, and what carries the connection there."""
    https = transport == "https"
    where = Endpoint.parse(endpoint, transport=None if https or transport is None else Transport(transport))
    if https and where.transport is Transport.WSS:
        raise Misuse("the endpoint says wss:// and the option says https", "leave out one")
    return where, transport or where.transport.value


def _request(transport: str, place: str, credentials: CustomAuth, where: Endpoint) -> HttpRequest:
    """Make the request that opens the WebSocket, or that publishes, with the headers that every client sends."""
    from customauth.gateway.origin import HttpRequest

    headers = {"host": where.host if where.port == DEFAULT_PORT else str(evolve(where, transport=Transport.MQTT))}
    if transport == "wss":
        headers |= {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
            "sec-websocket-key": base64.b64encode(random.token_bytes(16)).decode("ascii"),
            "sec-websocket-protocol": "mqtt",
        }
    if place == "headers":
        headers |= {name.lower(): value for name, value in credentials.http_headers().items()}
    return HttpRequest(
        method="GET" if transport == "wss" else "POST",
        path=where.path if transport == "wss" else "/topics/",
        query=credentials.url_query() if place == "query" else "",
        headers=headers,
    )
