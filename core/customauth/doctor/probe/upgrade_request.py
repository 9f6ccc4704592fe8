"""The request that opens the device's WebSocket, byte for byte, and the answer to it (A23, A25-A27)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

from attrs import Factory, frozen

from customauth.doctor.setup import Setup
from customauth.endpoint import authority
from customauth.errors import CredentialError

SUBPROTOCOL = "mqtt"

# RFC 6455, 1.3
_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |\r|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DEFAULT_PORT = 443


@frozen(kw_only=True)
class UpgradeRequest:
    """The request.

    :ivar data: its bytes.
    :ivar masked: the same with an asterisk for each byte of what may be secret.
    :ivar accept: what the server must answer with (RFC 6455, 4.2.2).
    """

    data: bytes
    masked: bytes
    accept: str


@frozen(kw_only=True)
class UpgradeAnswer:
    """The head of the answer, and what came of its body.

    :ivar headers: by their names in lower case, the last of each.
    """

    status: int
    headers: Mapping[str, str] = Factory(dict)
    body: bytes = b""

    def opens(self, request: UpgradeRequest) -> bool:
        """Say whether it opens a WebSocket for MQTT."""
        return (
            self.status == 101
            and self.headers.get("sec-websocket-accept") == request.accept
            and self.headers.get("sec-websocket-protocol") == SUBPROTOCOL
        )


def upgrade_request(setup: Setup, host: str, port: int, path: str, key: bytes) -> UpgradeRequest:
    """Build the request as the device sends it.

    :param key: 16 bytes at random.
    :raises CredentialError: no HTTP client can send it.
    """
    nonce = base64.b64encode(key).decode("ascii")
    plain = {
        "Host": host if port == _DEFAULT_PORT else authority(host, port),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": nonce,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
    }
    target = path if setup.query is None else f"{path}?{setup.query}"
    if _CONTROL.search(target) or any(_CONTROL.search(name + value) for name, value in setup.headers.items()):
        raise CredentialError("a header or the URL holds a line break or another control character: HTTP has none")
    given = {name.lower() for name in setup.headers}
    kept = {name: value for name, value in plain.items() if name.lower() not in given}
    masked_target = path if setup.query is None else f"{path}?{_stars(setup.query)}"
    digest = hashlib.sha1(nonce.encode() + _ACCEPT_SUFFIX, usedforsecurity=False).digest()
    return UpgradeRequest(
        data=_head(target, {**kept, **setup.headers}),
        masked=_head(masked_target, {**kept, **{name: _stars(value) for name, value in setup.headers.items()}}),
        accept=base64.b64encode(digest).decode("ascii"),
    )


def read_answer(received: bytes) -> UpgradeAnswer | None:
    """Read as much of an answer as has come; None while its head is not complete.

    :raises ValueError: it is no HTTP.
    """
    status = _STATUS.match(received)
    if status is None and not b"HTTP/1.".startswith(received[:7]):
        raise ValueError("what came is no HTTP/1.1")
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    if status is None:
        raise ValueError("what came is no HTTP/1.1")
    headers: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return UpgradeAnswer(status=int(status[1]), headers=headers, body=body)


def is_complete(answer: UpgradeAnswer) -> bool:
    """Say whether no more of the body is to be waited for."""
    size = answer.headers.get("content-length", "")
    return answer.status == 101 or (size.isdigit() and len(answer.body) >= int(size))


def _head(target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode(errors="replace")


def _stars(text: str) -> str:
    return "*" * len(text.encode(errors="replace"))
