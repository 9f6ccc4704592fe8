"""The real thing: custom authentication at the local gateway, which behaves as AWS IoT Core does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from customauth import (
    Backend,
    ClosedBeforeConnack,
    ConnackRefused,
    CredentialsIn,
    Disconnected,
    Feature,
    MessageProperties,
    MqttVersion,
    PublishRefused,
    SubscribeRefused,
    Transport,
    Will,
    sync,
)
from customauth.testing.conformance.kit import Kit, Way, each_version, every_way, open_connection, run, with_mqtt5
from customauth.testing.local_gateway import LocalGateway

if TYPE_CHECKING:
    from customauth.gateway import RunningGateway


class LocalConformance(Kit):
    """Against ``customauth gateway`` and its sample."""

    @pytest.fixture(scope="class")
    @classmethod
    def gateway(cls) -> Iterator[RunningGateway]:
        """Give a gateway."""
        with LocalGateway() as local:
            yield local

    @every_way
    @pytest.mark.parametrize("where", CredentialsIn, ids=lambda where: where.value)
    def test_a_signed_token_lets_in_wherever_it_travels(
        self, backend: Backend, gateway: RunningGateway, way: Way, where: CredentialsIn
    ) -> None:
        # A1, A26, A27
        if where is not CredentialsIn.USERNAME and way.transport is not Transport.WSS:
            way = Way(way.version, Transport.WSS)
            if Feature.WEBSOCKET not in backend.features:
                pytest.skip(f"backend {backend.name} does not declare websocket")
        assert gateway.signed is not None
        signed = gateway.signed

        async def scenario() -> list[bytes]:
            async with (
                await open_connection(backend, gateway.endpoint, way, signed, credentials_in=where) as connection,
                connection.subscribe("sample/#", 1) as messages,
            ):
                for number in range(10):
                    await connection.publish("sample/a", b"%d" % number, qos=1)
                return [(await anext(messages)).payload for _ in range(10)]

        assert run(scenario()) == [b"%d" % number for number in range(10)]

    @every_way
    def test_a_password_lets_in(self, backend: Backend, gateway: RunningGateway, way: Way) -> None:
        assert gateway.unsigned is not None
        unsigned = gateway.unsigned

        async def scenario() -> None:
            await (await open_connection(backend, gateway.endpoint, way, unsigned)).aclose()

        run(scenario())

    @each_version
    def test_the_blocking_form_connects_too(self, backend: Backend, gateway: RunningGateway, way: Way) -> None:
        assert gateway.unsigned is not None
        with sync.connect(gateway.endpoint, gateway.unsigned, backend=backend, version=way.version) as connection:
            assert connection.publish("sample/a", b"x", qos=1).reason_code is not None

    @every_way
    def test_a_refusal_is_told_with_a_code_on_mqtt_5_and_without_a_word_on_311(
        self, backend: Backend, gateway: RunningGateway, way: Way
    ) -> None:
        # F1, F3
        assert gateway.unsigned is not None
        wrong = evolve(gateway.unsigned, password=b"wrong")

        async def scenario() -> None:
            if way.version is MqttVersion.V311:
                with pytest.raises(ClosedBeforeConnack) as closed:
                    await open_connection(backend, gateway.endpoint, way, wrong)
                assert not closed.value.retryable
            else:
                with pytest.raises(ConnackRefused) as refused:
                    await open_connection(backend, gateway.endpoint, way, wrong)
                assert refused.value.reason_code == 0x87
                assert refused.value.reason_string

        run(scenario())

    @each_version
    def test_what_the_policy_denies_is_refused(self, backend: Backend, gateway: RunningGateway, way: Way) -> None:
        # E34
        assert gateway.unsigned is not None
        unsigned = gateway.unsigned

        async def scenario() -> None:
            async with await open_connection(backend, gateway.endpoint, way, unsigned) as connection:
                if way.version is MqttVersion.V5:
                    with pytest.raises(SubscribeRefused):
                        async with connection.subscribe("forbidden"):
                            pass
                    with pytest.raises(PublishRefused) as refused:
                        await connection.publish("forbidden", qos=1)
                    assert refused.value.reason_code == 0x87
                else:
                    with pytest.raises(Disconnected) as ended:
                        await connection.publish("forbidden", qos=1)
                    assert ended.value.by_server

        run(scenario())

    @with_mqtt5
    def test_properties_travel_from_publisher_to_subscriber(
        self, backend: Backend, gateway: RunningGateway, way: Way
    ) -> None:
        # E40, E41, E47
        properties = MessageProperties(
            response_topic="sample/answers",
            correlation_data=b"\x00\xff",
            content_type="text/plain",
            user_properties=(("b", "2"), ("a", "1")),
            utf8=True,
        )
        assert gateway.unsigned is not None
        unsigned = gateway.unsigned

        async def scenario() -> None:
            async with (
                await open_connection(backend, gateway.endpoint, way, unsigned) as connection,
                connection.subscribe("sample/#", 1) as messages,
            ):
                await connection.publish("sample/p", "größe", qos=1, properties=properties)
                message = await anext(messages)
                assert (message.payload, message.properties) == ("größe".encode(), properties)

        run(scenario())

    @each_version
    def test_another_client_of_the_same_name_takes_over_and_the_will_is_published(
        self, backend: Backend, gateway: RunningGateway, way: Way
    ) -> None:
        # E15, E42
        assert gateway.unsigned is not None
        unsigned = gateway.unsigned
        will = Will(topic="sample/will", payload=b"gone", qos=1)

        async def scenario() -> None:
            async with (
                await open_connection(backend, gateway.endpoint, way, unsigned) as witness,
                witness.subscribe("sample/will", 1) as wills,
                await open_connection(backend, gateway.endpoint, way, unsigned, client_id="twin", will=will) as first,
            ):
                async with await open_connection(backend, gateway.endpoint, way, unsigned, client_id="twin"):
                    ending = await first.wait_closed()
                assert ending.by_server
                assert ending.reason_code == (0x8E if way.version is MqttVersion.V5 else None)
                assert (await anext(wills)).payload == b"gone"

        run(scenario())
