"""The logins that each real client tries, and the gateway that it tries them on. Import as ``logins``.

::

    LET_IN, REFUSED                 names of logins; tests are parametrized with them
    logins(keys)[name] -> Login     what is sent, and what becomes of it
    door.check(login, ...)          what the gateway decided over it
    door.event(...)                 what the function was asked
    with serving(door_of(folder, ca_folder, keys)) as door: ...
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from attrs import field, frozen

import gateways
from customauth import CustomAuth, MqttVersion, SignedToken
from customauth.gateway import Decision, Grant, Reason, Refusal
from customauth.signing import KeyPair, sign
from rawclient import LIMIT

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
REASON_STRING = re.compile(f"CONNACK:Client is not authenticated/authorized to send the message:{UUID}")
"""What a refused client of MQTT 5 is told (F1)."""
NOT_AUTHORIZED = 0x87

TOKEN = "gate/pass=7"

LET_IN = ("signed", "signed with the second key", "a password", "the default authorizer")
REFUSED = ("signature of another token", "unknown authorizer", "INACTIVE authorizer", "the function says no")

# Beside the function of the gateway's own tests, one that writes the event down and lets nobody in.
_FUNCTIONS = f"""{gateways.RECORDING}

def refuse(event, context):
    return handler(event, context) | {{"isAuthenticated": False}}
"""
_NEVER = """
[authorizers.never]
status = "ACTIVE"
function = "authorizer.py:refuse"
signing_disabled = true
"""


@frozen(kw_only=True)
class Login:
    """What a client sends, and what becomes of it.

    :ivar authorizer: who decides, None where nobody can.
    :ivar key: the key that verifies the token's signature, None without one.
    :ivar refused: why it is refused, None where it is let in.
    :ivar asked: whether the function is asked at all.
    """

    auth: CustomAuth = field(repr=False)
    authorizer: str | None
    key: str | None = None
    refused: Reason | None = None
    asked: bool = True


def logins(keys: gateways.Keys) -> dict[str, Login]:
    """Return all logins by name."""
    alice: dict[str, Any] = {"username": "alice", "password": b"wonder\xffland"}
    return {
        "signed": Login(auth=_signed(keys.old), authorizer="signed", key="old"),
        "signed with the second key": Login(auth=_signed(keys.new), authorizer="signed", key="new"),
        "a password": Login(auth=CustomAuth(authorizer="open", **alice), authorizer="open"),
        "the default authorizer": Login(auth=CustomAuth(**alice), authorizer="open"),
        "signature of another token": Login(
            auth=_signed(keys.old, sent="another"),
            authorizer="signed",
            refused=Reason.PARAMETER_INVALID,
            asked=False,
        ),
        "unknown authorizer": Login(
            auth=CustomAuth(authorizer="nobody", **alice), authorizer=None, refused=Reason.NOT_FOUND, asked=False
        ),
        "INACTIVE authorizer": Login(
            auth=CustomAuth(authorizer="asleep", **alice), authorizer=None, refused=Reason.NOT_FOUND, asked=False
        ),
        "the function says no": Login(
            auth=CustomAuth(authorizer="never", **alice), authorizer="never", refused=Reason.NOT_AUTHENTICATED
        ),
    }


@frozen(kw_only=True)
class Door:
    """A gateway that runs while the tests of a session come and go."""

    running: gateways.Running

    @property
    def port(self) -> int:
        """Its port."""
        return self.running.gateway.port

    @property
    def ca_file(self) -> Path:
        """Its CA."""
        return self.running.gateway.ca_file

    def tls_context(self, *alpn: str) -> ssl.SSLContext:
        """Return what a client of Python needs to trust it."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def check(self, login: Login, *, protocol: str, client_id: str | None = None, topic: str | None = None) -> None:
        """Hold what was decided against what should have been; a client that tried again got the same each time."""
        decisions = [it for it in self.running.decisions if (it.client_id, it.topic) == (client_id, topic)]
        assert decisions, "the gateway decided nothing"
        for decision in decisions:
            assert decision.protocol == protocol
            _check_outcome(decision, login)
        # A further try may be under way, so they are not counted.
        assert bool(self._events(client_id)) == login.asked

    def event(
        self, login: Login, *, protocols: list[str], client_id: str | None = None, topic: str | None = None
    ) -> dict[str, Any]:
        """Return the ``protocolData`` of the event after holding the rest of it against the login (C1-C5)."""
        event = self._events(client_id)[0]
        decision = next(it for it in self.running.decisions if (it.client_id, it.topic) == (client_id, topic))
        data: dict[str, Any] = event.pop("protocolData")
        # The order of the keys counts too (B28, C2).
        assert list(data) == [name for name in ("tls", "mqtt", "http") if name in protocols]
        assert data["tls"] == {"serverName": "localhost"}
        assert list(event.items()) == [
            ("protocols", protocols),
            *([("token", TOKEN)] if login.key is not None else []),
            ("signatureVerified", login.key is not None),
            ("connectionMetadata", {"id": decision.connection_id}),
        ]
        assert re.fullmatch(UUID, decision.connection_id)
        return data

    def forget(self) -> None:
        """Begin anew when the clients of before have gone: what they sent last may still be decided on."""
        gateway = self.running.gateway
        end = time.monotonic() + LIMIT
        while gateway._connections or gateway._strangers:
            assert time.monotonic() < end, "a client of an earlier test is still there"
            time.sleep(0.001)
        self.running.decisions.clear()
        (self.running.folder / "events").unlink(missing_ok=True)

    def _events(self, client_id: str | None) -> list[dict[str, Any]]:
        events = [json.loads(text) for text in self.running.events()]
        return [event for event in events if event["protocolData"].get("mqtt", {}).get("clientId") == client_id]


def mqtt_event(login: Login, client_id: str, username: str | None) -> dict[str, str]:
    """Return the event's ``mqtt`` for a CONNECT: what was not sent is not there (A18-A20)."""
    password = login.auth.password
    members = {
        "username": username,
        "password": None if password is None else base64.b64encode(password).decode(),
        "clientId": client_id,
    }
    return {name: value for name, value in members.items() if value is not None}


def protocol_name(version: MqttVersion, *, websocket: bool = False) -> str:
    """Return how the gateway calls it in its decisions."""
    name = "MQTT 5" if version is MqttVersion.V5 else "MQTT 3.1.1"
    return f"{name} over WebSocket" if websocket else name


def new_client_id() -> str:
    """Return a client id that no other test has."""
    return f"device-{uuid.uuid4().hex}"


@contextlib.asynccontextmanager
async def door_of(folder: Path, ca_folder: Path, keys: gateways.Keys) -> AsyncIterator[Door]:
    """Run the gateway."""
    settings = 'default_authorizer = "open"'
    started = gateways.start(folder, ca_folder, keys, function=_FUNCTIONS, settings=settings, authorizers=_NEVER)
    async with started as running:
        yield Door(running=running)


def _signed(pair: KeyPair, *, sent: str = TOKEN) -> CustomAuth:
    token = SignedToken(key_name="token", value=sent, signature=sign(TOKEN, pair.private_pem))
    return CustomAuth(authorizer="signed", token=token)


def _check_outcome(decision: Decision, login: Login) -> None:
    match decision.outcome:
        case Grant() as grant:
            assert login.refused is None, decision.line()
            assert grant.authorizer == login.authorizer
        case Refusal() as refusal:
            assert refusal.reason is login.refused, decision.line()
    if login.key is not None:
        assert decision.signature == f"signature verified with {login.key}"
