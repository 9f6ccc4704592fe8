"""What every connection has in common, driven by hand in place of a library: answers, deadlines, flow, endings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from customauth import (
    Acknowledgement,
    Connack,
    Connection,
    ConnectRequest,
    CustomAuth,
    Disconnected,
    Endpoint,
    Message,
    MessageProperties,
    MqttVersion,
    PublishRefused,
    RequestError,
    RequestTimeout,
    SubscribeRefused,
    UnsubscribeRefused,
)

Answer = asyncio.Future[Acknowledgement]


class ByHand(Connection):
    """A connection whose server is the test."""

    def __init__(self, version: MqttVersion = MqttVersion.V5, **connack: Any) -> None:
        super().__init__(
            ConnectRequest(
                endpoint=Endpoint(host="localhost"), credentials=CustomAuth(), client_id="c", version=version
            )
        )
        self.connack = Connack(**connack)
        self.sent: list[Message | str] = []
        self.answers: list[Answer] = []
        self.reading: list[bool] = []
        self.disconnects = 0

    def _send_publish(self, message: Message) -> Answer | None:
        self.sent.append(message)
        return self._awaited() if message.qos else None

    def _send_subscribe(self, topic_filter: str, qos: int) -> Answer:
        self.sent.append(f"+{topic_filter}")
        return self._awaited()

    def _send_unsubscribe(self, topic_filter: str) -> Answer:
        self.sent.append(f"-{topic_filter}")
        return self._awaited()

    async def _disconnect(self) -> None:
        self.disconnects += 1

    def _pause_reading(self) -> None:
        self.reading.append(False)

    def _resume_reading(self) -> None:
        self.reading.append(True)

    def _awaited(self) -> Answer:
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]

    def answer(self, index: int, code: int = 0, text: str | None = None) -> None:
        self._answer(self.answers[index], code, text)

    def receive(self, topic: str, payload: bytes = b"") -> None:
        self._received(Message(topic=topic, payload=payload))

    def lose(self, code: int | None = None) -> None:
        self._ended(Disconnected(code))

    def hold(self) -> None:
        self._hold_publishes()

    def release(self) -> None:
        self._release_publishes()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(bounded())


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_publish_at_qos_1_returns_what_the_server_answered() -> None:
    async def scenario() -> None:
        connection = ByHand()
        publish = asyncio.create_task(connection.publish("t", "gruß", qos=1))
        await turns()
        assert [message.payload for message in connection.sent if isinstance(message, Message)] == ["gruß".encode()]
        connection.answer(0, 0x10, "nobody listens")
        assert await publish == Acknowledgement(reason_code=0x10, reason_string="nobody listens")

    run(scenario)


def test_a_publish_at_qos_0_has_no_reason_code() -> None:
    async def scenario() -> None:
        assert (await ByHand().publish("t", b"x")).reason_code is None

    run(scenario)


def test_refusals_are_raised_with_their_code_and_what_they_refuse() -> None:
    async def scenario() -> None:
        connection = ByHand()
        work: list[tuple[Callable[[], Awaitable[Any]], type[Exception]]] = [
            (lambda: connection.publish("a/b", qos=1), PublishRefused),
            (lambda: connection.subscribe("a/b").__aenter__(), SubscribeRefused),
            (lambda: connection.unsubscribe("a/b"), UnsubscribeRefused),
        ]
        for index, (request, error) in enumerate(work):
            task = asyncio.ensure_future(request())
            await turns()
            connection.answer(index, 0x87, "denied")
            with pytest.raises(error, match=r"'a/b' was refused with 0x87 \(not authorized\): denied"):
                await task
        assert connection.closed is None

    run(scenario)


def test_without_an_answer_a_request_times_out_and_a_late_answer_disturbs_nothing() -> None:
    async def scenario() -> None:
        connection = ByHand()
        with pytest.raises(RequestTimeout, match="PUBACK"):
            await connection.publish("t", qos=1, timeout=0.01)
        connection.answer(0)
        assert connection.closed is None

    run(scenario)


def test_what_is_refused_before_it_is_sent_is_not_sent() -> None:
    async def scenario() -> None:
        old = ByHand(MqttVersion.V311)
        small = ByHand(maximum_packet_size=100, maximum_qos=0, retain_available=False)
        properties = MessageProperties(content_type="x")
        for refused in (
            old.publish("t", properties=properties),
            old.publish("a/#"),
            old.publish("t", qos=2),
            small.publish("t", b"x" * 101),
            small.publish("t", qos=1),
            small.publish("t", retain=True),
            small.unsubscribe("a#"),
        ):
            with pytest.raises(RequestError):
                await refused
        with pytest.raises(RequestError):
            old.subscribe("a", qos=2)
        with pytest.raises(RequestError):
            old.subscribe("a", buffer=0)
        assert old.sent + small.sent == []
        await old.publish("t", properties=MessageProperties())

    run(scenario)


@pytest.mark.fact("E29")
@pytest.mark.parametrize(("version", "window"), [(MqttVersion.V5, 3), (MqttVersion.V311, 100)])
def test_no_more_publishes_are_unacknowledged_than_the_server_takes(version: MqttVersion, window: int) -> None:
    async def scenario() -> None:
        connection = ByHand(version, receive_maximum=3)
        tasks = [asyncio.create_task(connection.publish(f"t/{n}", qos=1)) for n in range(window + 2)]
        await turns()
        assert len(connection.sent) == window
        connection.answer(1)
        await turns()
        assert len(connection.sent) == window + 1
        connection.answer(0)
        await turns()
        for index in range(2, window + 2):
            connection.answer(index)
        await asyncio.gather(*tasks)
        topics = [message.topic for message in connection.sent if isinstance(message, Message)]
        assert topics == [f"t/{n}" for n in range(window + 2)]

    run(scenario)


def test_waiting_for_a_place_ends_at_the_deadline() -> None:
    async def scenario() -> None:
        connection = ByHand(receive_maximum=1)
        first = asyncio.create_task(connection.publish("t", qos=1))
        await turns()
        with pytest.raises(RequestTimeout):
            await connection.publish("t", qos=1, timeout=0.01)
        connection.answer(0)
        await first
        assert len(connection.sent) == 1

    run(scenario)


def test_a_lost_connection_ends_every_request_and_refuses_new_ones() -> None:
    async def scenario() -> None:
        connection = ByHand(receive_maximum=1)
        pending = [asyncio.create_task(connection.publish("t", qos=1)) for _ in range(3)]
        pending.append(asyncio.create_task(connection.unsubscribe("a")))
        await turns()
        connection.lose(0x8E)
        for outcome in await asyncio.gather(*pending, return_exceptions=True):
            assert isinstance(outcome, Disconnected)
            assert outcome.reason_code == 0x8E
        for refused in (connection.publish("t"), connection.publish("t", qos=1), connection.unsubscribe("a")):
            with pytest.raises(Disconnected):
                await refused
        ending = await connection.wait_closed()
        assert (ending.by_server, ending.reason_code) == (True, 0x8E)
        await connection.aclose()
        assert connection.closed is ending
        assert connection.disconnects == 1

    run(scenario)


def test_closing_twice_disconnects_once_and_is_told_as_our_own_doing() -> None:
    async def scenario() -> None:
        connection = ByHand()
        waiting = asyncio.create_task(connection.wait_closed())
        await asyncio.gather(connection.aclose(), connection.aclose())
        await connection.aclose()
        assert connection.disconnects == 1
        assert not (await waiting).by_server

    run(scenario)


async def subscribed(connection: ByHand, topic_filter: str, **options: Any) -> Any:
    subscription = connection.subscribe(topic_filter, **options)
    entering = asyncio.create_task(subscription.__aenter__())
    await turns()
    connection.answer(-1)
    return await entering


def test_messages_go_to_every_subscription_that_matches() -> None:
    async def scenario() -> None:
        connection = ByHand()
        wide = await subscribed(connection, "a/#")
        narrow = await subscribed(connection, "a/b")
        connection.receive("a/b", b"1")
        connection.receive("a/c", b"2")
        assert [(await anext(wide)).payload for _ in range(2)] == [b"1", b"2"]
        assert (await anext(narrow)).payload == b"1"

    run(scenario)


def test_what_came_before_anybody_subscribed_is_kept() -> None:
    async def scenario() -> None:
        connection = ByHand()
        connection.receive("a/b", b"early")
        connection.receive("other", b"not this")
        messages = await subscribed(connection, "a/+")
        assert (await anext(messages)).payload == b"early"

    run(scenario)


def test_a_filter_is_given_back_with_its_last_subscription() -> None:
    async def scenario() -> None:
        connection = ByHand()
        first = await subscribed(connection, "a")
        second = await subscribed(connection, "a")
        await first.__aexit__(None, None, None)
        assert "-a" not in connection.sent
        leaving = asyncio.create_task(second.__aexit__(None, None, None))
        await turns()
        assert connection.sent[-1] == "-a"
        connection.answer(-1)
        await leaving

    run(scenario)


def test_iteration_ends_when_we_close_and_raises_when_the_connection_is_lost_after_what_was_there() -> None:
    async def scenario() -> None:
        for close in (True, False):
            connection = ByHand()
            messages = await subscribed(connection, "a")
            connection.receive("a", b"last")
            if close:
                await connection.aclose()
            else:
                connection.lose()
            assert (await anext(messages)).payload == b"last"
            with pytest.raises(StopAsyncIteration if close else Disconnected):
                await anext(messages)
            await messages.__aexit__(None, None, None)
            assert "-a" not in connection.sent

    run(scenario)


def test_reading_pauses_while_a_buffer_is_full_and_goes_on_when_there_is_room() -> None:
    async def scenario() -> None:
        connection = ByHand()
        messages = await subscribed(connection, "a", buffer=2)
        assert connection.reading == []
        for _ in range(3):
            connection.receive("a")
        assert connection.reading == [False]
        await anext(messages)
        assert connection.reading == [False]
        await anext(messages)
        assert connection.reading == [False, True]

    run(scenario)


def test_an_awaited_answer_is_read_although_a_buffer_is_full() -> None:
    async def scenario() -> None:
        connection = ByHand()
        messages = await subscribed(connection, "a", buffer=1)
        connection.receive("a")
        assert connection.reading == [False]
        publish = asyncio.create_task(connection.publish("t", qos=1))
        await turns()
        assert connection.reading == [False, True]
        connection.answer(-1)
        await publish
        assert connection.reading == [False, True, False]
        await anext(messages)
        assert connection.reading[-1] is True

    run(scenario)


def test_a_full_subscription_that_is_left_no_longer_holds_up_the_others() -> None:
    async def scenario() -> None:
        connection = ByHand()
        messages = await subscribed(connection, "a", buffer=1)
        connection.receive("a")
        leaving = asyncio.create_task(messages.__aexit__(None, None, None))
        await turns()
        connection.answer(-1)
        await leaving
        assert connection.reading[-1] is True

    run(scenario)


def test_publishes_at_qos_0_wait_while_the_transport_is_full() -> None:
    async def scenario() -> None:
        connection = ByHand()
        connection.hold()
        publish = asyncio.create_task(connection.publish("t"))
        await turns()
        assert connection.sent == []
        connection.release()
        await publish
        assert len(connection.sent) == 1

    run(scenario)


def test_publishes_at_qos_0_that_wait_end_with_the_connection() -> None:
    async def scenario() -> None:
        connection = ByHand()
        connection.hold()
        publish = asyncio.create_task(connection.publish("t"))
        await turns()
        connection.lose()
        with pytest.raises(Disconnected):
            await publish
        assert connection.sent == []

    run(scenario)


def test_a_flood_at_qos_0_leaves_the_event_loop_its_turns() -> None:
    async def scenario() -> None:
        connection = ByHand()
        count = 0

        async def other() -> None:
            nonlocal count
            while True:
                count += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        for _ in range(1000):
            await connection.publish("t")
        assert count > 10
        task.cancel()

    run(scenario)


def test_a_cancelled_request_leaves_the_connection_usable() -> None:
    async def scenario() -> None:
        connection = ByHand(receive_maximum=1)
        publish = asyncio.create_task(connection.publish("t", qos=1))
        await turns()
        publish.cancel()
        await asyncio.gather(publish, return_exceptions=True)
        connection.answer(0)
        again = asyncio.create_task(connection.publish("t", qos=1))
        await turns()
        connection.answer(1)
        assert (await again).reason_code == 0

    run(scenario)


def test_publishes_of_several_tasks_at_qos_0_keep_their_order() -> None:
    async def scenario() -> None:
        connection = ByHand()
        await asyncio.gather(*[connection.publish(f"t/{number}") for number in range(300)])
        topics = [message.topic for message in connection.sent if isinstance(message, Message)]
        assert topics == [f"t/{number}" for number in range(300)]

    run(scenario)


@pytest.mark.parametrize("payload", [5, [104, 105], None, {"a": 1}])
def test_a_payload_that_is_neither_bytes_nor_text_is_refused(payload: Any) -> None:
    async def scenario() -> None:
        connection = ByHand()
        with pytest.raises(RequestError, match="give bytes"):
            await connection.publish("t", payload)
        assert connection.sent == []

    run(scenario)


def test_a_subscription_that_was_not_entered_says_so() -> None:
    async def scenario() -> None:
        with pytest.raises(RequestError, match="async with"):
            await anext(ByHand().subscribe("a"))

    run(scenario)


def test_the_hint_of_a_silent_loss_speaks_of_mqtt_311_only_there() -> None:
    async def scenario() -> None:
        hints = {}
        for version in MqttVersion:
            connection = ByHand(version)
            connection.lose()
            with pytest.raises(Disconnected) as caught:
                await connection.publish("t")
            hints[version] = caught.value.hint
        assert "connect with MQTT 5" in hints[MqttVersion.V311]
        assert "3.1.1" not in hints[MqttVersion.V5]

    run(scenario)
