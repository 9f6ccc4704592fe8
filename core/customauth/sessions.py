"""``customauth.session``: a connection that stays, over as many attempts as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, Unpack

from customauth.backoff import Backoff
from customauth.connecting import ConnectOptions, CredentialsSource
from customauth.connection import Connection, Payload
from customauth.endpoint import Endpoint
from customauth.errors import Disconnected, EndpointError, RequestError, RequestTimeout, SessionEnded
from customauth.keeping import Keeper, Terms
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
from customauth.outbox import Outbox
from customauth.plugins import default_manager
from customauth.resubscribing import Subscriptions
from customauth.session_state import SessionState, States
from customauth.subscription import Subscription

# After so many seconds without a PUBACK a publish is sent again.
_RESEND = 10.0
# So many seconds may a publish at QoS 0 wait until the transport takes it.
_ROOM = 30.0


def session(
    endpoint: str | Endpoint,
    credentials: CredentialsSource,
    *,
    backoff: Backoff | None = None,
    refusals: int | None = 3,
    queue: int = 1000,
    resend: float = _RESEND,
    **options: Unpack[ConnectOptions],
) -> Session:
    """Return a session, an async context manager that connects and stays connected.

    ::

        async with customauth.session("example-ats.iot.eu-west-1.amazonaws.com", newest_token) as session:
            await session.publish("sensors/1", "21.5")

    Entering it waits for the first accepted connection, however many attempts that takes. Whenever the connection is
    lost, it is made again, after a delay and with fresh credentials: those that expire are given by a function, which
    is asked before every attempt. Where the server keeps the session, it is continued; where it does not, the
    subscriptions are sent again (E37). Leaving it sends DISCONNECT.

    It ends by itself when nothing heals: errors that are not ``retryable``, credentials that are refused again and
    again, and another client with the same client id (E15), since two would throw each other out for ever.

    :param credentials: a function, plain or async, that raises :class:`CredentialError` ends the session; any other
        exception of it is a failed attempt.
    :param backoff: how long to wait between attempts; ``Backoff()`` unless given.
    :param refusals: how often in a row the credentials may be refused; None for ever. A token may be about to be
        renewed.
    :param queue: publishes at QoS 1 that may wait for their acknowledgement.
    :param resend: seconds without a PUBACK after which a publish is sent again: AWS answers none beyond 100 a second
        for a connection, and drops them (E28).
    :param options: those of :func:`customauth.connect`. All attempts have one client id.
    :raises EndpointError: when a number is out of range.
    """
    return Session(
        endpoint,
        credentials,
        backoff=Backoff() if backoff is None else backoff,
        refusals=refusals,
        queue=queue,
        resend=resend,
        options=options,
    )


class Session:
    """What :func:`customauth.session` returns. Everything is called on one event loop."""

    def __init__(
        self,
        endpoint: str | Endpoint,
        credentials: CredentialsSource,
        *,
        backoff: Backoff,
        refusals: int | None,
        queue: int,
        resend: float,
        options: ConnectOptions,
    ) -> None:
        if (refusals is not None and refusals < 1) or queue < 1 or not 0 < resend < float("inf"):
            raise EndpointError("a session takes 1 refusal or more, a queue of 1 or more, and resends after seconds")
        client_id = options.get("client_id")
        self.client_id: str = str(uuid.uuid4()) if client_id is None else client_id
        self._version = MqttVersion(options.get("version", MqttVersion.V5))
        self._plugins = options.get("plugins") or default_manager()
        self._subscriptions = Subscriptions()
        self._inbox = self._subscriptions.inbox
        self._outbox = Outbox(queue, resend)
        terms = Terms(
            endpoint=endpoint,
            credentials=credentials,
            backoff=backoff,
            refusals=refusals,
            options={**options, "client_id": self.client_id},
        )
        self._keeper = Keeper(terms, self._subscriptions, self._outbox, self._tell)

    @property
    def connection(self) -> Connection | None:
        """The present connection, None while there is none."""
        connection = self._keeper.connection
        return connection if connection is not None and connection.closed is None else None

    @property
    def connected(self) -> bool:
        """Whether there is a connection, and the server knows the subscriptions."""
        return self.connection is not None

    @property
    def closed(self) -> SessionEnded | None:
        """How the session ended, the reason as its cause; None while it lives."""
        return self._keeper.end

    @property
    def state(self) -> SessionState:
        """What the session is doing."""
        return self._keeper.board.now

    def states(self) -> States:
        """Return an async iterator of every change from now on, none lost, that ends with the session.

        Several may listen. Plug-ins are told by the hook ``customauth_session_state``.
        """
        return self._keeper.board.listen()

    async def wait_closed(self) -> SessionEnded:
        """Wait until the session has ended, whoever ended it, and return how."""
        return await self._keeper.wait_ended()

    async def publish(
        self,
        topic: str,
        payload: Payload = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        properties: MessageProperties | None = None,
        timeout: float | None = None,
    ) -> Acknowledgement:
        """Publish a message and return what the server answered.

        At QoS 1 it is sent again, in its order, over as many connections as it takes, until it is acknowledged: it
        may arrive more than once. At QoS 0 it is sent once, and only while there is a connection.

        What the policy denies comes back as :class:`PublishRefused` with MQTT 5. A server of MQTT 3.1.1 closes the
        connection instead, each time again: a ``timeout`` ends that.

        :param payload: AWS takes 128 KiB (E21).
        :param properties: MQTT 5 only.
        :param timeout: seconds for the acknowledgement, after which it is not sent again; None for as long as the
            session lives.
        :raises RequestError: no server takes it, or this one has said that it does not.
        :raises PublishRefused: the server's answer was a refusal (MQTT 5).
        :raises RequestTimeout: it was not acknowledged in time; it may have arrived.
        :raises SessionQueueFull: too many wait for their acknowledgement; this one was not taken.
        :raises Disconnected: at QoS 0: there is no connection.
        :raises SessionEnded: the session has ended, before or meanwhile; the reason is its cause.
        """
        message = Message(
            topic=topic,
            payload=payload.encode() if isinstance(payload, str) else bytes(payload),
            qos=qos,
            retain=retain,
            properties=NO_PROPERTIES if properties is None else properties,
        )
        self._check(message)
        self._keeper.check_alive()
        if not qos:
            room = _ROOM if timeout is None else timeout
            return await self._present().publish(
                topic, message.payload, retain=retain, properties=properties, timeout=room
            )
        async with _limit(timeout, "PUBACK"):
            return await self._outbox.publish(message)

    def subscribe(
        self, topic_filter: str, qos: int = 0, *, buffer: int = 1000, timeout: float = 30.0
    ) -> Subscription[Session]:
        """Return a subscription: an async context manager that subscribes, and an async iterator of its messages.

        It lives over all connections of the session. The iteration ends when the session is left, raises
        :class:`SessionEnded` when it ends otherwise, and :class:`SubscribeRefused` when the server refuses the
        subscription after a reconnect.

        :param qos: 0 or 1, the highest at which messages are wanted (E18).
        :param buffer: messages that may wait to be taken. When they do, nothing more is read from the server
            (``Feature.BACK_PRESSURE``) until some are taken or an answer is awaited.
        :param timeout: seconds for the SUBACK, reconnects included, and for the UNSUBACK at the end.
        :raises RequestError: it is no topic filter; nothing was sent.
        """
        return Subscription(self, topic_filter, qos, buffer=buffer, timeout=timeout)

    async def unsubscribe(self, topic_filter: str, *, timeout: float = 30.0) -> Acknowledgement:
        """End a subscription by its filter.

        Without a connection it returns at once, its reason code None: the next connection does what is needed.

        :raises UnsubscribeRefused: the server's answer was a refusal (MQTT 5).
        :raises RequestTimeout: there was no answer.
        :raises SessionEnded: the session has ended, before or meanwhile.
        """
        check_filter(topic_filter)
        self._keeper.check_alive()
        self._subscriptions.leave(topic_filter)
        connection = self.connection
        if connection is not None:
            with contextlib.suppress(Disconnected):
                return await connection.unsubscribe(topic_filter, timeout=timeout)
        self._subscriptions.leave_later(topic_filter)
        return UNACKNOWLEDGED

    async def aclose(self) -> None:
        """Send DISCONNECT and leave nothing behind. Calling it again waits for the same end."""
        await self._keeper.aclose()

    async def __aenter__(self) -> Self:
        """Connect.

        :raises CustomAuthError: what cannot heal.
        """
        await self._keeper.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # What a subscription calls.

    async def _subscribe(self, topic_filter: str, qos: int, timeout: float) -> Acknowledgement:
        self._keeper.check_alive()
        async with _limit(timeout, "SUBACK"):
            granted = await self._keeper.over_any(lambda connection: connection._subscribe(topic_filter, qos, timeout))
        self._subscriptions.granted(topic_filter)
        return granted

    # Below: the machinery.

    def _check(self, message: Message) -> None:
        check_topic(message.topic)
        check_qos(message.qos)
        if self._version is not MqttVersion.V5 and message.properties != NO_PROPERTIES:
            raise RequestError("message properties need MQTT 5; connect with version 5, or leave them out")

    def _present(self) -> Connection:
        connection = self._keeper.connection
        if connection is not None and connection.closed is None:
            return connection
        lost = self._keeper.lost if connection is None else connection.closed
        error = Disconnected() if lost is None else lost.again()
        error.hint = "publish at QoS 1, which waits for the next connection, or try again when there is one"
        raise error

    def _tell(self, state: SessionState) -> None:
        self._plugins.tell("customauth_session_state", session=self, state=state)


@contextlib.asynccontextmanager
async def _limit(timeout: float | None, awaited: str) -> AsyncIterator[None]:
    """Limit what is done inside.

    :raises RequestTimeout: when the time has passed.
    """
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            yield
    except TimeoutError:
        if timeout is None or not limit.expired():
            raise
        raise RequestTimeout(timeout, awaited) from None
