"""One client of a swarm, from its first attempt to the end."""

from __future__ import annotations

import asyncio
import enum
import random
import time

from attrs import define, field

from customauth.backoff import Backoff
from customauth.connection import Connection
from customauth.errors import CustomAuthError
from customauth.plugins import PluginManager
from customauth.swarm.attempt import SETTLES, connect_as
from customauth.swarm.plan import Plan
from customauth.swarm.tally import Count, Tally, Timed
from customauth.swarm.telling import error_class, is_answer


class _End(enum.Enum):
    LOST = enum.auto()
    REFRESH = enum.auto()
    FINISH = enum.auto()


@define(eq=False)
class Device:
    """A client. :meth:`live` is its whole life; :meth:`cut` and :meth:`finish` change its course.

    :param number: counted from 0, in the whole swarm.
    :param due: when it makes its first attempt, on the event loop's clock.
    """

    plan: Plan
    number: int
    due: float
    tally: Tally
    plugins: PluginManager
    backoff: Backoff = field(factory=Backoff)
    _nudge: asyncio.Event = field(factory=asyncio.Event, init=False)
    _finishing: bool = field(default=False, init=False)
    _cut_at: float | None = field(default=None, init=False)
    _connected: bool = field(default=False, init=False)
    _attempting: bool = field(default=False, init=False)
    _attempt_cut: bool = field(default=False, init=False)
    _refreshing: bool = field(default=False, init=False)
    _attempted_at: float = field(default=0.0, init=False)
    _client_id: str = field(default="", init=False)

    async def live(self) -> None:
        """Connect, do what the plan says, come back when the connection is lost, until told to finish."""
        await self._rest(self.due - asyncio.get_running_loop().time())
        failures = 0
        first = True
        while not self._finishing:
            connection = await self._attempt()
            self._is_refreshing(False)
            if first:
                self.tally.count(Count.BEGUN)
                first = False
            if connection is None:
                await self._rest(self._wait_after_loss() if self._attempt_cut else self.backoff.delay(failures, 0.0))
                failures += not self._attempt_cut
                continue
            failures = 0
            end = await self._hold(connection)
            if end is _End.REFRESH:
                self.tally.count(Count.REFRESHED)
                await self._rest(self._attempted_at + self.backoff.spacing - time.monotonic())
            elif end is _End.LOST:
                await self._rest(self._wait_after_loss())
        self._is_refreshing(False)

    def cut(self) -> None:
        """Take the loss that follows, or the failure of the attempt that is under way, for the storm's."""
        if self._connected or self._attempting:
            self.tally.count(Count.CUT)
            self._cut_at = time.monotonic()
            self._attempt_cut = self._attempting

    def finish(self) -> None:
        """End soon: what is under way is waited for."""
        self._finishing = True
        self._nudge.set()

    async def _attempt(self) -> Connection | None:
        """Make one attempt, with fresh credentials."""
        self.tally.count(Count.ATTEMPTS)
        self._attempted_at = time.monotonic()
        self._attempting, self._attempt_cut = True, False
        try:
            who = self.plan.identities.identity(self.number)
            self._client_id = who.client_id
            began = time.monotonic()
            connection = await connect_as(self.plan, who, self.plugins)
        except CustomAuthError as error:
            if self._attempt_cut and not is_answer(error):
                return None
            self._spared()
            self.tally.errors[f"connect: {error_class(error)}"] += 1
            return None
        finally:
            self._attempting = False
        now = time.monotonic()
        self.tally.count(Count.ACCEPTED)
        self.tally.time(Timed.CONNECT, now - began)
        if self._attempt_cut:
            asyncio.get_running_loop().call_later(SETTLES, self._spared, connection)
        elif self._cut_at is not None:
            self.tally.count(Count.RETURNED)
            self.tally.time(Timed.RETURN, now - self._cut_at)
            self._cut_at = None
        return connection

    def _spared(self, connection: Connection | None = None) -> None:
        """Take back that the storm has cut the attempt, unless its connection is lost."""
        if self._attempt_cut and (connection is None or connection.closed is None):
            self.tally.counts[Count.CUT] -= 1
            self._attempt_cut, self._cut_at = False, None

    async def _hold(self, connection: Connection) -> _End:
        """Stay connected and publish, until the connection ends."""
        self._connected = True
        self.tally.connected += 1
        watch = asyncio.ensure_future(connection.wait_closed())
        watch.add_done_callback(lambda _: self._nudge.set())
        try:
            end = await self._stay(connection)
            # From now on, as to close takes a while.
            self._is_refreshing(end is _End.REFRESH)
        finally:
            self._connected = False
            self.tally.connected -= 1
            watch.cancel()
            await connection.aclose()
        if end is _End.LOST and self._cut_at is None and connection.closed is not None:
            self.tally.count(Count.LOST)
            self.tally.errors[f"lost: {error_class(connection.closed)}"] += 1
        return end

    async def _stay(self, connection: Connection) -> _End:
        plan = self.plan
        began = time.monotonic()
        refresh_at = float("inf") if plan.refresh is None else began + plan.refresh
        # Not all at the same moment.
        publish_at = (
            float("inf") if plan.publishing is None else began + random.uniform(0.0, plan.publishing.every)  # noqa: S311
        )
        while not self._finishing:
            if connection.closed is not None:
                return _End.LOST
            now = time.monotonic()
            if now >= refresh_at:
                return _End.REFRESH
            if plan.publishing is not None and now >= publish_at:
                await self._publish(connection)
                publish_at += plan.publishing.every
                continue
            await self._pause(min(refresh_at, publish_at) - now)
        return _End.FINISH

    async def _publish(self, connection: Connection) -> None:
        publishing = self.plan.publishing
        assert publishing is not None  # noqa: S101 - asked for
        topic = publishing.topic.replace("{client_id}", self._client_id).replace("{n}", str(self.number))
        self.tally.count(Count.PUBLISHED)
        began = time.monotonic()
        try:
            await connection.publish(topic, bytes(publishing.size), qos=publishing.qos, timeout=self.plan.timeout)
        except CustomAuthError as error:
            if self._cut_at is None:
                self.tally.errors[f"publish: {error_class(error)}"] += 1
            else:
                self.tally.count(Count.INTERRUPTED)
            return
        if publishing.qos:
            self.tally.count(Count.ACKNOWLEDGED)
            self.tally.time(Timed.PUBLISH, time.monotonic() - began)

    def _is_refreshing(self, yes: bool) -> None:
        self.tally.refreshing += yes - self._refreshing
        self._refreshing = yes

    def _wait_after_loss(self) -> float:
        storm = self.plan.storm
        if self._cut_at is None or storm is None:
            return self.backoff.delay(0, 0.0)
        return random.uniform(0.0, storm.jitter)  # noqa: S311

    async def _rest(self, seconds: float) -> None:
        """Wait, but not for longer than until the end."""
        until = time.monotonic() + seconds
        while not self._finishing and (left := until - time.monotonic()) > 0:
            await self._pause(left)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not for longer than until something happens."""
        self._nudge.clear()
        if self._finishing or seconds <= 0:
            return
        try:
            async with asyncio.timeout(None if seconds == float("inf") else seconds):
                await self._nudge.wait()
        except TimeoutError:
            return
