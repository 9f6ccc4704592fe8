"""What the tests of sessions share. Import as ``staying``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from attrs import frozen

import customauth
from customauth import Backoff, Endpoint, SessionState, SessionStateKind, States
from customauth.gateway import RunningGateway, running
from customauth.testing.fault_proxy import FaultProxy, fault_proxy
from gateways import Running
from rawbackend import RawBackend

T = TypeVar("T")

QUICK = Backoff(base=0.01, cap=0.05, spacing=0)
"""Tests wait for nobody, and the gateway does not count (E9)."""


def run(test: Coroutine[Any, Any, T], limit: float = 60.0) -> T:
    """Run a test; fail when it takes longer than so many seconds, or leaves a task behind."""

    async def limited() -> T:
        before = asyncio.all_tasks()
        async with asyncio.timeout(limit):
            result = await test
        left = asyncio.all_tasks() - before
        assert not left, left
        return result

    return asyncio.run(limited())


@frozen(kw_only=True)
class Place:
    """A gateway with the sample, a proxy before it, and what a session needs to come through."""

    gateway: RunningGateway
    proxy: FaultProxy
    backend: RawBackend

    def session(self, **options: Any) -> customauth.Session:
        """Return a session through the proxy."""
        given: dict[str, Any] = {"backend": self.backend, "backoff": QUICK} | options
        credentials = given.pop("credentials", self.gateway.signed)
        return customauth.session(given.pop("endpoint", self.proxy.endpoint), credentials, **given)

    @contextlib.asynccontextmanager
    async def witness(self, topic_filter: str = "sample/#") -> AsyncIterator[customauth.Subscription[Any]]:
        """Subscribe at QoS 1 by another connection, straight to the gateway."""
        endpoint, signed = self.gateway.endpoint, self.gateway.signed
        assert signed is not None
        async with (
            await customauth.connect(endpoint, signed, backend=RawBackend()) as connection,
            connection.subscribe(topic_filter, qos=1, buffer=1_000_000) as messages,
        ):
            yield messages


@contextlib.asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """Run the gateway and the proxy."""
    async with running() as gateway, fault_proxy(gateway.endpoint) as proxy:
        yield Place(gateway=gateway, proxy=proxy, backend=RawBackend())


async def until(states: States, kind: SessionStateKind) -> SessionState:
    """Take states until one is of this kind, and return it."""
    async for state in states:
        if state.kind is kind:
            return state
    raise AssertionError(f"the session ended before it was {kind.value}")


def endpoint_of(gateway: Running) -> Endpoint:
    """Return the endpoint of a gateway of :mod:`gateways`."""
    return Endpoint.parse(gateway.gateway.endpoint, ca_pem=gateway.gateway.ca_file.read_bytes())


def unsigned(user: str = "user") -> customauth.CustomAuth:
    """Return credentials for the authorizer ``open`` of :mod:`gateways`."""
    return customauth.CustomAuth(authorizer="open", username=user)
