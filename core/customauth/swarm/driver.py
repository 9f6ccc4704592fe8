"""A process that holds connections for a program that has no event loop of asyncio, such as Locust with gevent.

On standard input: the length of the pickled plan on a line, the plan, then an order on each line, in JSON: ``id``,
``do`` and what that needs; the end of the input ends it. On standard output, in JSON too, a line for each answer, and
for what happens unasked. An answer's ``ms`` are from when the library was asked, after signing and what came before:

=====================================================  =============================================================
before all else                                        ``ready``: it takes orders
``connect``, ``number``                                ``id``, ``do``, ``number``, ``ms``, ``error``; ``cut``: it failed
                                                       since we cut it off, or were told to close meanwhile
``publish``, ``number``, ``topic``, ``payload``        the same; the payload is base64
``subscribe``, ``number``, ``topic``, ``qos``          the same
``close``, ``number``                                  the same; an attempt that is under way is given up
``cut``                                                the same; all connections and attempts are cut off at once
unasked                                                ``number``, ``lost``: the class of the error, ``cut``: by us
unasked                                                ``number``, ``topic``, ``payload``: a message that has come
unasked, every second                                  ``late``: how late the event loop was, in milliseconds;
                                                       ``processor``: seconds used; ``files``: how many may be open
=====================================================  =============================================================
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any

from customauth.connection import Connection
from customauth.errors import CustomAuthError
from customauth.plugins import PluginManager
from customauth.swarm.attempt import SETTLES, connect_as
from customauth.swarm.cut import cut_connections
from customauth.swarm.identities import Identity
from customauth.swarm.lateness import lateness
from customauth.swarm.limits import allow_all_files, open_files
from customauth.swarm.pipes import begin, lines_of, say
from customauth.swarm.plan import Plan
from customauth.swarm.telling import error_class, is_answer

# How often it says how late it was, in seconds.
_EVERY = 1.0


class NotConnected(CustomAuthError):
    """The client has no connection at the moment."""


class GivenUp(CustomAuthError):
    """The client was told to close while it was connecting."""


class Driver:
    """The connections of one process, by the client's number.

    :param say: is given every answer, and what happens unasked.
    """

    def __init__(self, plan: Plan, say: Callable[[Mapping[str, Any]], None]) -> None:
        self._plan = plan
        self._say = say
        self._plugins = PluginManager()
        self._plugins.backend(plan.backend)
        self._connections: dict[int, Connection] = {}
        self._attempts: dict[int, asyncio.Task[Connection]] = {}
        self._watches: dict[int, set[asyncio.Task[None]]] = {}
        self._cut: set[int] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    def take(self, order: Mapping[str, Any]) -> None:
        """Begin what an order says; its answer is said when it is done."""
        task = asyncio.ensure_future(self._answer(order))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def aclose(self) -> None:
        """End all connections, and give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await asyncio.gather(*(self._close(number) for number in list(self._connections)))

    async def tell(self) -> None:
        """Say every second how this process is doing."""
        late: list[float] = []
        said_at = time.monotonic()
        async for seconds in lateness():
            late.append(round(seconds * 1000, 1))
            if time.monotonic() >= said_at + _EVERY:
                self._say({"late": late, "processor": time.process_time(), "files": open_files()})
                late, said_at = [], time.monotonic()

    async def _answer(self, order: Mapping[str, Any]) -> None:
        number = order.get("number")
        began = time.perf_counter()
        error, cut = None, False
        try:
            do = await self._prepared(order)
            began = time.perf_counter()
            await do()
        except GivenUp:
            error, cut = GivenUp.__name__, True
        except CustomAuthError as failure:
            error, cut = error_class(failure), number in self._cut and not is_answer(failure)
        milliseconds = (time.perf_counter() - began) * 1000
        self._say(
            {"id": order["id"], "do": order["do"], "number": number, "ms": milliseconds, "error": error, "cut": cut}
        )

    async def _prepared(self, order: Mapping[str, Any]) -> Callable[[], Awaitable[object]]:
        """Do what comes before an order and is not timed; return what is."""
        match order["do"]:
            case "connect":
                await self._close(order["number"])
                who = self._plan.identities.identity(order["number"])
                return functools.partial(self._connect, order["number"], who)
            case "publish":
                return functools.partial(
                    self._connection(order["number"]).publish,
                    order["topic"],
                    base64.b64decode(order["payload"]),
                    qos=order["qos"],
                    timeout=self._plan.timeout,
                )
            case "subscribe":
                return functools.partial(self._subscribe, order["number"], order["topic"], order["qos"])
            case "close":
                return functools.partial(self._close, order["number"])
            case _:
                return self._cut_all

    async def _connect(self, number: int, who: Identity) -> None:
        self._cut.discard(number)
        attempt = self._attempts[number] = asyncio.ensure_future(connect_as(self._plan, who, self._plugins))
        try:
            await asyncio.wait([attempt])
            if attempt.cancelled():
                raise GivenUp("the client was told to close while it was connecting")
            connection = attempt.result()
        finally:
            attempt.cancel()
            if self._attempts.get(number) is attempt:
                del self._attempts[number]
        self._connections[number] = connection
        if number in self._cut:
            asyncio.get_running_loop().call_later(SETTLES, self._spare, number, connection)
        self._watches[number] = {asyncio.ensure_future(self._watch(number, connection))}

    def _spare(self, number: int, connection: Connection) -> None:
        """The storm came while this connection was made, and has not hit it."""
        if self._connections.get(number) is connection and connection.closed is None:
            self._cut.discard(number)

    async def _cut_all(self) -> None:
        self._cut.update(self._connections, self._attempts)
        cut_connections({self._plan.dialled_port()})

    async def _subscribe(self, number: int, topic: str, qos: int) -> None:
        subscription = self._connection(number).subscribe(topic, qos=qos, timeout=self._plan.timeout)
        # It is left when the connection ends.
        await subscription.__aenter__()

        async def pass_on() -> None:
            async for message in subscription:
                payload = base64.b64encode(message.payload).decode("ascii")
                self._say({"number": number, "topic": message.topic, "payload": payload})

        self._watches[number].add(asyncio.ensure_future(pass_on()))

    async def _watch(self, number: int, connection: Connection) -> None:
        ending = await connection.wait_closed()
        self._connections.pop(number, None)
        self._say({"number": number, "lost": error_class(ending), "cut": number in self._cut})

    async def _close(self, number: int) -> None:
        attempt = self._attempts.get(number)
        if attempt is not None:
            attempt.cancel()
            await asyncio.wait([attempt])
        for watch in self._watches.pop(number, ()):
            watch.cancel()
        connection = self._connections.pop(number, None)
        if connection is not None:
            await connection.aclose()

    def _connection(self, number: int) -> Connection:
        try:
            return self._connections[number]
        except KeyError:
            raise NotConnected("the client is not connected") from None


async def drive(plan: Plan, orders: IO[bytes]) -> None:
    """Take orders until there are no more."""
    driver = Driver(plan, say)
    say({"ready": True})
    telling = asyncio.ensure_future(driver.tell())
    try:
        async for line in lines_of(orders):
            driver.take(json.loads(line))
    finally:
        telling.cancel()
        await driver.aclose()


def _main() -> None:
    plan, orders = begin()
    allow_all_files()
    asyncio.run(drive(plan, orders))


if __name__ == "__main__":
    _main()
