"""What a turn gets to work with."""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from attrs import define, evolve, field

from customauth import (
    Backend,
    ComparisonClient,
    Connection,
    ConnectOptions,
    ConnectRequest,
    CustomAuth,
    Endpoint,
    PluginManager,
    Transport,
    connect,
)
from customauth.compare.own_gateway import OwnGateway
from customauth.compare.scenario import NotApplicable, Subject
from customauth.compare.through import ThroughCustomauth

if TYPE_CHECKING:
    from customauth.gateway import RunningGateway
    from customauth.testing.fault_proxy import FaultProxy

T = TypeVar("T")

# Seconds; longer than any measure, so that nobody pings while something else is measured.
_KEEP_ALIVE = 1200


@define(kw_only=True, eq=False)
class Bench:
    """The server, the credentials, and ways to connect.

    :ivar place: the server, over plain MQTT; see :meth:`endpoint`.
    :ivar credentials: what the server accepts.
    :ivar gateway: the gateway of the comparison, in a process of its own; None with an endpoint of the user's.
    :ivar local: a gateway in this process for those that look into it or change it, with the same CA and the same
        keys; None unless a scenario of the plan is ``local``.
    :ivar topic: topics below it may be published and subscribed to.
    :ivar timeout: seconds for an attempt, and for a request.
    :ivar quick: whether few repetitions will do.
    """

    place: Endpoint
    credentials: CustomAuth = field(repr=False)
    plugins: PluginManager
    gateway: OwnGateway | None = None
    local: RunningGateway | None = None
    topic: str = "sample/compare"
    timeout: float = 10.0
    quick: bool = False
    _run: str = field(factory=lambda: uuid.uuid4().hex[:8], init=False)
    _numbers: itertools.count[int] = field(factory=itertools.count, init=False)
    _kept: dict[str, Any] = field(factory=dict, init=False)
    _open: contextlib.AsyncExitStack = field(factory=contextlib.AsyncExitStack, init=False)

    def endpoint(self, subject: Subject) -> Endpoint:
        """Return the server as a subject reaches it."""
        return evolve(self.place, transport=subject.transport)

    def repetitions(self, few: int, many: int) -> int:
        """Return how often a turn repeats what it measures: few times when it must be quick."""
        return few if self.quick else many

    def client_id(self) -> str:
        """Make a client identifier that nobody has used before."""
        return f"compare-{self._run}-{next(self._numbers)}"

    def backend(self, subject: Subject) -> Backend:
        """Return a subject's backend.

        :raises BackendError: it cannot be loaded.
        """
        return self.plugins.backend(subject.backend)

    async def connect(
        self,
        subject: Subject,
        endpoint: Endpoint | None = None,
        credentials: CustomAuth | None = None,
        **options: Unpack[ConnectOptions],
    ) -> Connection:
        """Connect through customauth, which is what a subject does that is not ``raw``.

        :param endpoint: another one, whose transport is kept; :meth:`endpoint` unless given.
        :param credentials: others; those of the bench unless given.
        :param options: those of :func:`customauth.connect`.
        :raises NotApplicable: the subject is the library alone.
        :raises CustomAuthError: as :func:`customauth.connect`.
        """
        if subject.raw:
            raise NotApplicable("this goes through customauth; the library alone is not asked")
        return await connect(
            self.endpoint(subject) if endpoint is None else endpoint,
            self.credentials if credentials is None else credentials,
            **self.options(subject, options),
        )

    def options(self, subject: Subject, others: ConnectOptions | None = None) -> ConnectOptions:
        """Return what :func:`customauth.connect` and :func:`customauth.session` are given for a subject."""
        usual: ConnectOptions = {
            "backend": subject.backend,
            "version": subject.version,
            "client_id": self.client_id(),
            "keep_alive": _KEEP_ALIVE,
            "timeout": self.timeout,
            "plugins": self.plugins,
        }
        return {**usual, **(others or {})}

    def client(self, subject: Subject, endpoint: Endpoint | None = None) -> ComparisonClient:
        """Return a client that is not connected yet: of the library alone for a raw subject, else of customauth.

        :raises NotApplicable: the backend brings no client of the library alone, or none for this.
        """
        request = ConnectRequest(
            endpoint=self.endpoint(subject) if endpoint is None else endpoint,
            credentials=self.credentials,
            client_id=self.client_id(),
            version=subject.version,
            keep_alive=_KEEP_ALIVE,
            timeout=self.timeout,
        )
        if subject.raw:
            return self._raw(subject, request)
        return ThroughCustomauth(request, lambda: self.connect(subject, request.endpoint, client_id=request.client_id))

    async def kept(self, name: str, opening: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open something for the first turn that asks, and give the same to all later turns of the scenario.

        For a server that each turn would otherwise start anew. It is closed when the scenario is over.

        :param name: whose it is; a scenario's.
        """
        if name not in self._kept:
            self._kept[name] = await self._open.enter_async_context(opening())
        found: T = self._kept[name]
        return found

    async def let_go(self) -> None:
        """Close what was kept."""
        self._kept.clear()
        await self._open.aclose()

    @contextlib.asynccontextmanager
    async def connected(self, subject: Subject) -> AsyncIterator[ComparisonClient]:
        """Give a client that is connected until the end of the block.

        :raises NotApplicable: as :meth:`client`.
        """
        client = self.client(subject)
        await client.open()
        try:
            yield client
        finally:
            await client.close()

    @contextlib.asynccontextmanager
    async def fault_proxy(self, subject: Subject) -> AsyncIterator[FaultProxy]:
        """Run a fault proxy before the server, for a subject."""
        from customauth.testing.fault_proxy import fault_proxy

        async with fault_proxy(self.endpoint(subject)) as proxy:
            yield proxy

    def _raw(self, subject: Subject, request: ConnectRequest) -> ComparisonClient:
        endpoint = request.endpoint
        if endpoint.transport is not Transport.MQTT or endpoint.address is not None or endpoint.proxy is not None:
            raise NotApplicable("the libraries alone are compared over plain MQTT, by name and without a proxy")
        client = self.backend(subject).comparison_client(request)
        if client is None:
            raise NotApplicable(f"{subject.backend} brings no client of its library alone")
        return client
