"""The one arm: ``customauth``, as its documentation shows it."""

from __future__ import annotations

import asyncio
import functools

import customauth
from customauth import CustomAuth, Endpoint, SignedToken
from customauth.mqtt import MqttVersion

from .contract import KEEP_ALIVE, Client, Target


class ThroughCustomauth(Client):
    """A connection of :func:`customauth.connect`."""

    def __init__(self, target: Target, version: MqttVersion, backend: str) -> None:
        super().__init__(target, version)
        self._backend = backend
        self._endpoint = endpoint_of(target)
        self._credentials = credentials_of(target)
        self._connection: customauth.Connection
        self._messages: customauth.Subscription[customauth.Connection]

    @property
    def connection(self) -> customauth.Connection:
        """The connection."""
        return self._connection

    async def open(self, client_id: str) -> None:
        self._connection = await customauth.connect(
            self._endpoint,
            self._credentials,
            backend=self._backend,
            client_id=client_id,
            version=self.version,
            keep_alive=KEEP_ALIVE,
        )

    async def close(self) -> None:
        await self._connection.aclose()

    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        publish = self._connection.publish

        async def some(share: int) -> None:
            for _ in range(share):
                await publish(topic, payload, qos=1)

        async with asyncio.TaskGroup() as publishers:
            for number in range(window):
                publishers.create_task(some(len(range(number, count, window))))

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        await self.publish_acknowledged(topic, payload, count=count, window=window)

    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        publish = self._connection.publish
        for _ in range(count):
            await publish(topic, payload)

    async def subscribe(self, topic: str) -> None:
        self._messages = self._connection.subscribe(topic, qos=1)
        await self._messages.__aenter__()

    async def round_trip(self, topic: str, payload: bytes) -> None:
        await self._connection.publish(topic, payload, qos=1)
        await anext(self._messages)


@functools.cache
def endpoint_of(target: Target) -> Endpoint:
    """Return a target as customauth has it, made once, as an application does."""
    return Endpoint.parse(f"{target.host}:{target.port}", ca_pem=target.ca_file.read_bytes())


@functools.cache
def credentials_of(target: Target) -> CustomAuth:
    """Return what a target wants to see, as customauth has it."""
    if target.token_key_name is None or target.token is None or target.signature is None:
        return CustomAuth(username=target.username, password=target.password)
    token = SignedToken(key_name=target.token_key_name, value=target.token, signature=target.signature)
    return CustomAuth(authorizer=target.authorizer, token=token)
