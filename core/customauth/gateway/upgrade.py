"""The opening handshake of a WebSocket, pure: which requests open one, and the answer to them (A23, A24, J5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from email.utils import formatdate

from attrs import frozen

from customauth.gateway.http_answers import BadRequest
from customauth.gateway.origin import HttpRequest

PATHS = ("/mqtt", "/")
"""What a WebSocket is opened at; some clients leave the path out (J5)."""

_SUBPROTOCOLS = ("mqtt", "mqttv3.1")  # A23, A24
_VERSION = "13"
_RULE = "upgrade-bad-request"
_KEY_BYTES = 16
# RFC 6455, 1.3
_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@frozen(kw_only=True)
class Upgrade:
    """The answer to a request that opens a WebSocket.

    :ivar headers: of the status 101.
    """

    subprotocol: str
    headers: tuple[tuple[str, str], ...]


def wants_websocket(request: HttpRequest) -> bool:
    """Say whether a request asks for a WebSocket, well or badly."""
    return request.headers.get("upgrade", "").lower() == "websocket"


def no_upgrade() -> BadRequest:
    """Return what a request without an upgrade gets where WebSockets are opened."""
    message = "a WebSocket is opened here; send Upgrade: websocket, or publish with POST /topics/TOPIC"
    return BadRequest(message, status=426, headers=(("upgrade", "websocket"),))


def read_upgrade(request: HttpRequest) -> Upgrade:
    """Read a request that asks for a WebSocket. No extension is negotiated.

    :raises BadRequest: when it cannot have one.
    """
    if request.path not in PATHS:
        message = f"there is no WebSocket at {request.path[:128]!r}; open it at /mqtt (A23)"
        raise BadRequest(message, status=404, error_type="ResourceNotFoundException", rule="websocket-path")
    if request.method != "GET" or request.version == "1.0":
        message = f"{request.method} of HTTP/{request.version} opens no WebSocket; use GET of HTTP/1.1 (A23)"
        raise BadRequest(message, rule=_RULE)
    if "upgrade" not in _listed(request, "connection"):
        raise BadRequest("a WebSocket needs Connection: Upgrade", rule=_RULE)
    if request.headers.get("sec-websocket-version") != _VERSION:
        message = f"a WebSocket needs Sec-WebSocket-Version: {_VERSION}"
        wanted = (("sec-websocket-version", _VERSION), ("upgrade", "websocket"))
        raise BadRequest(message, status=426, headers=wanted, rule=_RULE)
    key = request.headers.get("sec-websocket-key", "")
    if not _is_key(key):
        raise BadRequest(f"a WebSocket needs a Sec-WebSocket-Key of {_KEY_BYTES} bytes in base64", rule=_RULE)
    offered = [name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(",")]
    chosen = next((name for name in offered if name in _SUBPROTOCOLS), None)
    if chosen is None:
        raise BadRequest('the client offered no subprotocol that is served; offer "mqtt" (A23)', rule=_RULE)
    accept = hashlib.sha1(key.encode() + _ACCEPT_SUFFIX, usedforsecurity=False).digest()
    return Upgrade(
        subprotocol=chosen,
        headers=(
            ("date", formatdate(usegmt=True)),
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", base64.b64encode(accept).decode("ascii")),
            ("sec-websocket-protocol", chosen),
        ),
    )


def _listed(request: HttpRequest, name: str) -> list[str]:
    return [item.strip().lower() for item in request.headers.get(name, "").split(",")]


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
