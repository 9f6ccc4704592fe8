"""An accepted connection: what its user calls, and below that what a backend's author writes.

The library behind it sends and receives; everything that is the same for all of them is here: what is refused before
it is sent, deadlines, reason codes as exceptions, who gets which message, back-pressure, and how it ended.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import functools
import math
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from customauth.connack import Connack
from customauth.errors import (
    Disconnected,
    PublishRefused,
    RequestError,
    RequestRefused,
    RequestTimeout,
    SubscribeRefused,
    UnsubscribeRefused,
)
from customauth.inbox import Inbox
from customauth.message import (
    NO_PROPERTIES,
    UNACKNOWLEDGED,
    Acknowledgement,
    Message,
    MessageProperties,
    check_filter,
    check_qos,
    check_topic,
)
from customauth.mqtt.protocol import MqttVersion
from customauth.window import Window

if TYPE_CHECKING:
    from customauth.request import ConnectRequest
    from customauth.subscription import Subscription

Answer: TypeAlias = "asyncio.Future[Acknowledgement]"
"""What a backend returns for a request: resolved with what the server answered, refusals included."""

Payload: TypeAlias = bytes | bytearray | memoryview | str
"""A payload; text is sent as UTF-8."""

# What nearly every answer says.
_TAKEN = Acknowledgement()
# MQTT 3.1.1 cannot say it; AWS takes no more in either version (E29).
_WINDOW_311 = 100
# So many publishes that need no answer go out before the event loop gets a turn.
_TURN = 64
# Topics that were checked once are not checked again.
_MAX_KNOWN_TOPICS = 1024


class Connection(abc.ABC):
    """An accepted connection. Use it as an async context manager, or call :meth:`aclose` yourself.

    Everything is called on the event loop that it was made on.

    A backend calls ``super().__init__(request)``, sets :attr:`connack`, writes :meth:`_send_publish`,
    :meth:`_send_subscribe`, :meth:`_send_unsubscribe` and :meth:`_disconnect`, and reports on the event loop by
    :meth:`_received` and :meth:`_ended`. With ``Feature.BACK_PRESSURE`` it also writes :meth:`_pause_reading` and
    :meth:`_resume_reading`; where its transport says that it is full, it calls :meth:`_hold_publishes` and
    :meth:`_release_publishes`.

    :ivar request: what was asked for.
    :ivar connack: what the server said.
    """

    request: ConnectRequest
    connack: Connack

    def __init__(self, request: ConnectRequest) -> None:
        self.request = request
        self.connack = Connack()
        self.__loop = asyncio.get_running_loop()
        self.__ending: Disconnected | None = None
        self.__end = asyncio.Event()
        self.__closing: asyncio.Future[None] | None = None
        self.__answers: dict[Answer, tuple[float, float, str]] = {}
        self.__timer: asyncio.TimerHandle | None = None
        self.__next_look = math.inf
        self._inbox = Inbox(self.__read_or_not)
        self.__inbox_is_lent = False
        self.__reading = True
        self.__waiting = 0
        self.__held: asyncio.Future[None] | None = None
        self.__unyielded = 0
        self.__known_topics: set[str] = set()

    @functools.cached_property
    def __window(self) -> Window:
        v5 = self.request.version is MqttVersion.V5
        return Window(self.connack.receive_maximum if v5 else _WINDOW_311)

    @property
    def closed(self) -> Disconnected | None:
        """How the connection ended, None while it is open."""
        return self.__ending

    async def wait_closed(self) -> Disconnected:
        """Wait until the connection has ended, whoever ended it, and return how."""
        await self.__end.wait()
        assert self.__ending is not None  # noqa: S101 - set before the event is
        return self.__ending

    async def publish(
        self,
        topic: str,
        payload: Payload = b"",
        *,
        qos: int = 0,
        retain: bool = False,
        properties: MessageProperties | None = None,
        timeout: float = 30.0,
    ) -> Acknowledgement:
        """Publish a message and return what the server answered; at QoS 0 as soon as the message is on its way.

        :param payload: AWS takes 128 KiB (E21).
        :param qos: 0 or 1 (E18).
        :param properties: MQTT 5 only.
        :param timeout: seconds for the answer to a publish at QoS 1. AWS gives none beyond 100 publishes a second for
            a connection (E28).
        :raises RequestError: no server takes it, or this one has said that it does not; nothing was sent.
        :raises PublishRefused: the server's answer was a refusal (MQTT 5).
        :raises RequestTimeout: there was no answer; the message may have arrived.
        :raises Disconnected: the connection has ended, before or meanwhile.
        """
        message = Message(
            topic=topic,
            payload=payload if type(payload) is bytes else _bytes(payload),
            qos=qos,
            retain=retain,
            properties=NO_PROPERTIES if properties is None else properties,
        )
        self.__check(message)
        if qos:
            return await self.__publish_and_wait(message, timeout)
        while self.__held is not None:
            with self.__someone_waits():
                await asyncio.shield(self.__held)
        self.__check_open()
        sent = self._send_publish(message)
        if sent is not None:
            await self.__answered(sent, timeout, "room to send")
        self.__unyielded += 1
        if self.__unyielded == _TURN:
            # The others of the event loop want their turn too.
            self.__unyielded = 0
            await asyncio.sleep(0)
        return UNACKNOWLEDGED

    def subscribe(
        self, topic_filter: str, qos: int = 0, *, buffer: int = 1000, timeout: float = 30.0
    ) -> Subscription[Connection]:
        """Return a subscription: an async context manager that subscribes, and an async iterator of its messages.

        ::

            async with connection.subscribe("sensors/#", qos=1) as messages:
                async for message in messages:
                    ...

        The iteration ends when the connection is closed here, and raises :class:`Disconnected` when it is lost.

        :param qos: 0 or 1, the highest at which messages are wanted (E18).
        :param buffer: messages that may wait to be taken. When they do, nothing more is read from the server
            (``Feature.BACK_PRESSURE``) until some are taken or an answer is awaited.
        :param timeout: seconds for the SUBACK, and for the UNSUBACK at the end.
        :raises RequestError: it is no topic filter; nothing was sent.
        """
        from customauth.subscription import Subscription

        return Subscription(self, topic_filter, qos, buffer=buffer, timeout=timeout)

    async def unsubscribe(self, topic_filter: str, *, timeout: float = 30.0) -> Acknowledgement:
        """End a subscription by its filter, such as one that an earlier connection left in the session.

        :raises UnsubscribeRefused: the server's answer was a refusal (MQTT 5).
        :raises RequestTimeout: there was no answer.
        :raises Disconnected: the connection has ended, before or meanwhile.
        """
        check_filter(topic_filter)
        self.__check_open()
        sent = self._send_unsubscribe(topic_filter)
        return _taken(await self.__answered(sent, timeout, "UNSUBACK"), UnsubscribeRefused, topic_filter)

    async def aclose(self) -> None:
        """Send DISCONNECT, close, and leave nothing behind. Calling it again waits for the same end."""
        if self.__closing is None:
            self._ended(Disconnected(0, by_server=False))
            self.__closing = asyncio.ensure_future(self._disconnect())
        await asyncio.shield(self.__closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # What a backend writes.

    @abc.abstractmethod
    def _send_publish(self, message: Message) -> Answer | None:
        """Hand a checked message to the library.

        :returns: at QoS 1 the answer to come; at QoS 0 None, or what resolves when there is room for more.
        """

    @abc.abstractmethod
    def _send_subscribe(self, topic_filter: str, qos: int) -> Answer:
        """Hand a SUBSCRIBE for one filter to the library, and return the answer to come."""

    @abc.abstractmethod
    def _send_unsubscribe(self, topic_filter: str) -> Answer:
        """Hand an UNSUBSCRIBE for one filter to the library, and return the answer to come."""

    @abc.abstractmethod
    async def _disconnect(self) -> None:
        """Send DISCONNECT where there still is a connection, close, and leave nothing behind, within a few seconds.

        It is called once, also when the connection was lost.
        """

    def _pause_reading(self) -> None:  # noqa: B027 - a backend without Feature.BACK_PRESSURE cannot
        """Stop reading from the server; keep-alive must go on."""

    def _resume_reading(self) -> None:  # noqa: B027 - as above
        """Read from the server again."""

    # What a backend calls.

    def _received(self, message: Message) -> None:
        """Take a message that has arrived."""
        self._inbox.put(message)

    def _ended(self, ending: Disconnected) -> None:
        """Learn that the connection has ended; the first report counts."""
        if self.__ending is not None:
            return
        if ending.by_server and ending.reason_code is None and self.request.version is MqttVersion.V5:
            # A server that ends a connection of MQTT 5 on purpose says why.
            ending.rule = None
        self.__ending = ending
        for answer in self.__answers:
            if not answer.done():
                answer.set_exception(ending.again())
        if self.__timer is not None:
            self.__timer.cancel()
        self._release_publishes()
        if not self.__inbox_is_lent:
            self._inbox.end(ending)
        self.__end.set()

    def _hold_publishes(self) -> None:
        """Let publishes at QoS 0 wait: the transport is full."""
        if self.__held is None and self.__ending is None:
            self.__held = self.__loop.create_future()

    def _release_publishes(self) -> None:
        """Let publishes at QoS 0 go on."""
        if self.__held is not None:
            if not self.__held.done():
                self.__held.set_result(None)
            self.__held = None

    @staticmethod
    def _answer(answer: Answer, reason_code: int = 0, reason_string: str | None = None) -> None:
        """Resolve an answer with what the server said, a refusal too, unless nobody waits for it any more."""
        if answer.done():
            return
        if reason_code == 0 and reason_string is None:
            answer.set_result(_TAKEN)
        else:
            answer.set_result(Acknowledgement(reason_code=reason_code, reason_string=reason_string))

    # What a subscription calls.

    async def _subscribe(self, topic_filter: str, qos: int, timeout: float) -> Acknowledgement:
        self.__check_open()
        sent = self._send_subscribe(topic_filter, qos)
        return _taken(await self.__answered(sent, timeout, "SUBACK"), SubscribeRefused, topic_filter)

    # What a session calls.

    def _adopt(self, inbox: Inbox) -> None:
        """Give what arrives to the inbox of a session, which outlives the connection; what has come early, too."""
        own, self._inbox, self.__inbox_is_lent = self._inbox, inbox, True
        inbox.flow = self.__read_or_not
        inbox.take_over(own)
        self.__read_or_not()

    # Below: the machinery.

    def __check_open(self) -> None:
        if self.__ending is not None:
            raise self.__ending.again()

    def __check(self, message: Message) -> None:
        if message.topic not in self.__known_topics:
            check_topic(message.topic)
            if len(self.__known_topics) == _MAX_KNOWN_TOPICS:
                self.__known_topics.clear()
            self.__known_topics.add(message.topic)
        if message.qos:
            check_qos(message.qos)
            if self.connack.maximum_qos == 0:
                raise RequestError("this server takes QoS 0 only; publish with qos=0")
        if self.request.version is not MqttVersion.V5 and message.properties != NO_PROPERTIES:
            raise RequestError("message properties need MQTT 5; connect with version 5, or leave them out")
        if message.retain and not self.connack.retain_available:
            raise RequestError("this server keeps no retained messages; leave retain out")
        limit = self.connack.maximum_packet_size
        if limit is not None and len(message.payload) > limit:
            raise RequestError(
                f"the payload has {len(message.payload)} bytes, and the server takes packets of {limit}; split it"
            )

    async def __publish_and_wait(self, message: Message, timeout: float) -> Acknowledgement:
        deadline = self.__loop.time() + timeout
        if not self.__window.take():
            await self.__place(timeout)
        try:
            self.__check_open()
            sent = self._send_publish(message)
            assert sent is not None  # noqa: S101 - the contract of _send_publish
            answer = await self.__until(sent, deadline, timeout, "PUBACK")
        finally:
            self.__window.give_back()
        return _taken(answer, PublishRefused, message.topic)

    async def __place(self, timeout: float) -> None:
        """Wait for one of the server's Receive Maximum places (E29)."""
        with self.__someone_waits():
            try:
                async with asyncio.timeout(timeout):
                    await self.__window.wait()
            except TimeoutError:
                raise RequestTimeout(timeout, "PUBACK to an earlier publish") from None

    async def __answered(self, answer: Answer, timeout: float, awaited: str) -> Acknowledgement:
        return await self.__until(answer, self.__loop.time() + timeout, timeout, awaited)

    async def __until(self, answer: Answer, deadline: float, timeout: float, awaited: str) -> Acknowledgement:
        self.__answers[answer] = deadline, timeout, awaited
        if deadline < self.__next_look:
            self.__look_at(deadline)
        self.__begin_waiting()
        try:
            return await answer
        finally:
            self.__end_waiting()
            self.__answers.pop(answer, None)

    def __look_at(self, when: float) -> None:
        """Look for answers that are overdue then; one timer for all of them."""
        if self.__timer is not None:
            self.__timer.cancel()
        self.__next_look = when
        self.__timer = self.__loop.call_at(when, self.__expire)

    def __expire(self) -> None:
        now = self.__loop.time()
        self.__timer, self.__next_look = None, math.inf
        for answer, (deadline, timeout, awaited) in self.__answers.items():
            if deadline <= now and not answer.done():
                answer.set_exception(RequestTimeout(timeout, awaited))
        left = [deadline for answer, (deadline, _, _) in self.__answers.items() if not answer.done()]
        if left:
            self.__look_at(min(left))

    @contextlib.contextmanager
    def __someone_waits(self) -> Iterator[None]:
        self.__begin_waiting()
        try:
            yield
        finally:
            self.__end_waiting()

    def __begin_waiting(self) -> None:
        """Read on while an answer is awaited: it stands behind the messages that nobody has taken yet."""
        self.__waiting += 1
        if self.__waiting == 1:
            self.__read_or_not()

    def __end_waiting(self) -> None:
        self.__waiting -= 1
        if not self.__waiting:
            self.__read_or_not()

    def __read_or_not(self) -> None:
        wanted = not self._inbox.full or self.__waiting > 0
        if wanted is not self.__reading and (wanted or self.__ending is None):
            self.__reading = wanted
            if wanted:
                self._resume_reading()
            else:
                self._pause_reading()


def _bytes(payload: object) -> bytes:
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    raise RequestError(f"the payload is a {type(payload).__name__}; give bytes, or a text, such as json.dumps(…) makes")


def _taken(answer: Acknowledgement, refusal: type[RequestRefused], subject: str) -> Acknowledgement:
    """Return an answer unless it is a refusal.

    :raises RequestRefused: of the class given.
    """
    if answer.reason_code is not None and answer.reason_code >= 0x80:
        raise refusal(answer.reason_code, answer.reason_string, subject=subject)
    return answer
