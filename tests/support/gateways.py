"""A real gateway with authorizers for tests. Import as ``gateways``; tests get it from the fixture ``start_gateway``.

::

    async with start_gateway(answer=ALLOW, function=RECORDING, settings="", authorizers="", **options) as running:
        async with running.client(sni=..., alpn=...) as client: ...
        async with running.accepted(connect) as client: ...     one that is let in already
        await running.outcome(connect)          all bytes that the gateway sends to this CONNECT until it closes
        running.events()                        what the function was invoked with, each as its JSON text
        running.decisions, running.lines()      what was decided, and the lines of it
        running.records, running.endings(), running.notes()      all that was recorded, and those kinds of it
        await running.emptied()                 until no connection is left

Its authorizers: ``signed`` (token key name ``token``, public keys ``old`` and ``new``), ``open`` (signing disabled)
and ``asleep`` (INACTIVE), all with one function. The function :data:`RECORDING` writes down each event and returns what
``answer.json`` holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from attrs import field, frozen

from customauth.gateway import Decision, Gateway, load_config
from customauth.gateway.records import Ending, Note, Record
from customauth.mqtt import Connect, MqttVersion
from customauth.signing import KeyPair, generate_key_pair, sign
from rawclient import LIMIT, RawClient, connected

ARN = "arn:aws:iot:us-east-1:123456789012"
TOKEN = "a token=of/words"

RECORDING = """
import json

def handler(event, context):
    with open("events", "a") as file:
        file.write(json.dumps(event) + "\\n")
    with open("answer.json") as file:
        return json.load(file)
"""

_AUTHORIZERS = """
[authorizers.signed]
status = "ACTIVE"
function = "authorizer.py:handler"
token_key_name = "token"
token_signing_public_keys = { old = "old.pem", new = "new.pem" }

[authorizers.open]
status = "ACTIVE"
function = "authorizer.py:handler"
signing_disabled = true

[authorizers.asleep]
function = "authorizer.py:handler"
signing_disabled = true
"""


def allow(*resources: str, action: str | list[str] = "iot:*", effect: str = "Allow") -> dict[str, Any]:
    """Return a policy document for resources of the test's account, such as ``client/*``."""
    statement = {"Effect": effect, "Action": action, "Resource": [f"{ARN}:{resource}" for resource in resources]}
    return {"Version": "2012-10-17", "Statement": [statement]}


ALLOW: dict[str, Any] = {"isAuthenticated": True, "principalId": "tester", "policyDocuments": [allow("*")]}


@frozen(kw_only=True)
class Keys:
    """Key pairs: the two that the authorizer ``signed`` knows, and one that it does not."""

    old: KeyPair = field(factory=generate_key_pair)
    new: KeyPair = field(factory=generate_key_pair)
    stranger: KeyPair = field(factory=generate_key_pair)


def connect(
    username: str | None = None, *, version: MqttVersion = MqttVersion.V5, client_id: str = "device", **more: Any
) -> Connect:
    """Build a CONNECT."""
    return Connect(version=version, client_id=client_id, username=username, **more)


def named(authorizer: str, user: str = "") -> str:
    """Return the user name that names an authorizer."""
    return f"{user}?x-amz-customauthorizer-name={authorizer}"


def signed(pair: KeyPair, token: str = TOKEN, *, sent: str | None = None) -> str:
    """Return the user name with a signed token.

    :param sent: the token that is sent in place of the one that was signed.
    """
    signature = quote(sign(token, pair.private_pem), safe="")
    return f"{named('signed')}&x-amz-customauthorizer-signature={signature}&token={token if sent is None else sent}"


@frozen(kw_only=True)
class Running:
    """A gateway that runs, its files in ``folder``."""

    gateway: Gateway
    folder: Path
    decisions: list[Decision]
    records: list[Record] = field(factory=list)

    def client(self, **how: Any) -> AbstractAsyncContextManager[RawClient]:
        """Connect over TLS; the options are those of :func:`rawclient.connected`."""
        return connected(self.gateway.port, self.gateway.ca_file, **how)

    async def outcome(self, packet: Connect, **how: Any) -> bytes:
        """Return all that the gateway sends to a CONNECT until it closes."""
        async with self.client(**how) as client:
            await client.send_packet(packet)
            return await client.rest()

    @contextlib.asynccontextmanager
    async def accepted(self, packet: Connect | None = None, **how: Any) -> AsyncIterator[RawClient]:
        """Connect a client that is let in, by the authorizer ``open`` where no CONNECT is given."""
        async with self.client(**how) as client:
            connack = await client.connect(connect(named("open")) if packet is None else packet)
            assert connack is not None
            assert connack.reason_code == 0
            yield client

    def events(self) -> list[str]:
        """Return the events that the function was invoked with, as JSON text."""
        file = self.folder / "events"
        return file.read_text().splitlines() if file.exists() else []

    def answer(self, answer: object) -> None:
        """Let :data:`RECORDING` return this from now on."""
        (self.folder / "answer.json").write_text(json.dumps(answer))

    def lines(self) -> list[str]:
        """Return the decisions as they are logged."""
        return [decision.line() for decision in self.decisions]

    def endings(self) -> list[Ending]:
        """Return how accepted connections ended."""
        return [record for record in self.records if isinstance(record, Ending)]

    def notes(self) -> list[str]:
        """Return the lines of what was neither a decision nor an end."""
        return [record.line() for record in self.records if isinstance(record, Note)]

    async def emptied(self) -> None:
        """Wait until the gateway has no connection left."""
        async with asyncio.timeout(LIMIT):
            # Nobody is told of it.
            while self.gateway._connections or self.gateway._strangers:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


StartGateway: TypeAlias = Callable[..., AbstractAsyncContextManager[Running]]


@contextlib.asynccontextmanager
async def start(
    folder: Path,
    ca_folder: Path,
    keys: Keys,
    *,
    answer: object = ALLOW,
    function: str = RECORDING,
    settings: str = "",
    authorizers: str = "",
    **options: Any,
) -> AsyncIterator[Running]:
    """Run a gateway.

    :param answer: what :data:`RECORDING` returns.
    :param function: the source of the authorizer function.
    :param settings: more lines for the table ``gateway`` of its configuration.
    :param authorizers: more tables.
    :param options: for :class:`customauth.gateway.Gateway`.
    """
    (folder / "authorizer.py").write_text(function)
    (folder / "old.pem").write_bytes(keys.old.public_pem)
    (folder / "new.pem").write_bytes(keys.new.public_pem)
    file = folder / "gateway.toml"
    file.write_text(f'[gateway]\nnames = ["localhost", "Other.Example"]\n{settings}\n{_AUTHORIZERS}\n{authorizers}')
    decisions: list[Decision] = []
    records: list[Record] = []
    observers: dict[str, Any] = {"on_decision": decisions.append, "on_record": records.append}
    gateway = Gateway(load_config(file), folder=ca_folder, **(observers | options))
    running = Running(gateway=gateway, folder=folder, decisions=decisions, records=records)
    running.answer(answer)
    async with gateway:
        yield running
