"""An accepted connection: what goes out through mqttium's client, and what it reports."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Coroutine
from typing import Any

import mqttium
import mqttium.api

from customauth import Acknowledgement, Connection, ConnectRequest, Disconnected, Message, RequestError
from customauth.connection import Answer
from customauth.message import NO_PROPERTIES

from ._channel import Channel
from ._packets import reason_string
from ._properties import for_message, of_message, reason

# How long a server may take for what is still to be sent and to close after it, in seconds.
_CLOSE_LIMIT = 1.0
# What nearly every PUBACK says.
_ACCEPTED = Acknowledgement()


class MqttiumConnection(Connection):
    """A connection of mqttium's client.

    :ivar channel: what is under the client.
    :ivar client: mqttium's; it is there before anything can arrive.
    """

    client: mqttium.api.AsyncClient

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self.channel = Channel(request.version, on_full=self._on_full, on_puback=self._on_puback)
        self._loop = asyncio.get_running_loop()
        self._publishes: dict[int, Answer] = {}
        self._under_way: set[asyncio.Task[Acknowledgement]] = set()

    # What mqttium reports.

    def on_message(self, message: mqttium.api.Message) -> None:
        """Take a message."""
        properties = message.properties
        self._received(
            Message(
                topic=message.topic,
                payload=message.payload,
                qos=int(message.qos),
                retain=message.retain,
                duplicate=message.dup,
                properties=of_message(properties) if properties else NO_PROPERTIES,
            )
        )

    def on_disconnect(self, error: BaseException | None) -> None:
        """Learn that the connection is gone."""
        goodbye = self.channel.packets.goodbye
        if isinstance(error, mqttium.BrokerDisconnectError):
            ending = Disconnected(error.reason_code, reason_string=reason(error.properties))
        elif goodbye is not None and goodbye.reason_code == 0:
            ending = Disconnected(0, reason_string=reason_string(goodbye.properties))
        else:
            # Without anything better, it says that the connection is closed.
            ending = Disconnected(detail="" if type(error) is mqttium.MQTTError else str(error or ""))
        ending.__cause__ = error
        self._ended(ending)

    def _on_puback(self, packet_id: int, reason_code: int, reason_string: str | None) -> None:
        answer = self._publishes.pop(packet_id, None)
        if answer is None or answer.done():
            return
        if reason_code == 0 and reason_string is None:
            answer.set_result(_ACCEPTED)
        else:
            answer.set_result(Acknowledgement(reason_code=reason_code, reason_string=reason_string))

    def _on_full(self, full: bool) -> None:
        if full:
            self._hold_publishes()
        else:
            self._release_publishes()

    # What Connection asks for.

    def _send_publish(self, message: Message) -> Answer | None:
        properties = None if message.properties is NO_PROPERTIES else for_message(message.properties)
        # Where one is awaited before the next is sent, each step of the event loop would be time lost.
        self.channel.at_once = message.qos > 0 and not self._publishes
        try:
            receipt = self.client.publish_nowait(
                message.topic, message.payload, qos=message.qos, retain=message.retain, properties=properties
            )
        except Exception as error:
            failure = self._failure(error)
            if failure is None:
                return self._loop.create_future()
            raise failure from None
        if receipt.mid is None:
            return None
        answer: Answer = self._loop.create_future()
        self._publishes[receipt.mid] = answer
        return answer

    def _send_subscribe(self, topic_filter: str, qos: int) -> Answer:
        return self._ask(self._subscribe_at(topic_filter, qos))

    def _send_unsubscribe(self, topic_filter: str) -> Answer:
        return self._ask(self._unsubscribe_from(topic_filter))

    async def _disconnect(self) -> None:
        self.channel.patient = True
        limit = self._loop.call_later(_CLOSE_LIMIT, self.channel.abort)
        try:
            await self.client.disconnect()
        finally:
            limit.cancel()

    def _pause_reading(self) -> None:
        self.channel.pause_reading()

    def _resume_reading(self) -> None:
        self.channel.resume_reading()

    # Requests that mqttium awaits.

    async def _subscribe_at(self, topic_filter: str, qos: int) -> Acknowledgement:
        try:
            result = await self.client.subscribe(topic_filter, qos=qos)
        except mqttium.SubscribeError as error:
            result = error.result
        return Acknowledgement(reason_code=result.reason_codes[0], reason_string=reason(result.properties))

    async def _unsubscribe_from(self, topic_filter: str) -> Acknowledgement:
        result = await self.client.unsubscribe(topic_filter)
        # MQTT 3.1.1 has none.
        code = result.reason_codes[0] if result.reason_codes else 0
        return Acknowledgement(reason_code=code, reason_string=reason(result.properties))

    def _ask(self, request: Coroutine[Any, Any, Acknowledgement]) -> Answer:
        answer: Answer = self._loop.create_future()
        task = self._loop.create_task(request)
        self._under_way.add(task)
        task.add_done_callback(functools.partial(self._on_answer, answer))
        # Nobody waits any more.
        answer.add_done_callback(lambda _: task.cancel())
        return answer

    def _on_answer(self, answer: Answer, task: asyncio.Task[Acknowledgement]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if answer.done():
            return
        if error is None:
            answer.set_result(task.result())
        elif (failure := self._failure(error)) is not None:
            answer.set_exception(failure)

    def _failure(self, error: BaseException) -> BaseException | None:
        """Return what to raise for an error of mqttium's, None where the connection is lost, of which it tells soon."""
        if not self.client.is_connected:
            return None
        if isinstance(error, mqttium.FlowControlError):
            # Only packet identifiers can run out: whatever else mqttium bounds has no bound here.
            return RequestError("as many requests wait for an answer as MQTT can tell apart; wait for one of them")
        if isinstance(error, mqttium.PacketTooLargeError):
            limit = self.connack.maximum_packet_size
            return RequestError(f"the packet is larger than the server takes ({limit} bytes); split it")
        if isinstance(error, mqttium.ProtocolError):
            # Its text may hold what was to be sent.
            return RequestError(
                "MQTT or this server does not allow it: a text longer than 65535 bytes or no UTF-8, "
                "or a subscription of a kind that the CONNACK excludes; mend it"
            )
        return error
