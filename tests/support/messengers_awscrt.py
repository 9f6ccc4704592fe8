"""The AWS IoT Device SDK for Python among the messengers. Import as ``messengers_awscrt``."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from customauth import MqttVersion
from messengers import HANGS, Ended, Extras, Heard, Messenger, Where, Wish


def awsiotsdk(where: Where, wish: Wish) -> Messenger:
    """Connect with the client of the version."""
    return _Mqtt5(where, wish) if wish.version is MqttVersion.V5 else _Mqtt311(where, wish)


def _options(where: Where, wish: Wish) -> dict[str, object]:
    return {
        "endpoint": "localhost",
        "port": where.port,
        "ca_filepath": str(where.ca_file),
        "client_id": wish.client_id,
        "enable_metrics_collection": False,
        "auth_username": "",
        "auth_authorizer_name": wish.role,
        "auth_password": None,
    }


class _Mqtt5(Messenger):
    def __init__(self, where: Where, wish: Wish) -> None:
        from awscrt import mqtt5
        from awsiot import mqtt5_client_builder as builders

        super().__init__()
        self._stopped: Future[None] = Future()
        options = _options(where, wish)
        if wish.kept:
            options["session_behavior"] = mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS
            options["session_expiry_interval_sec"] = 600
        build = builders.websockets_with_custom_authorizer if wish.websocket else builders.direct_with_custom_authorizer
        self._client = build(
            **options,
            on_publish_received=lambda data: self._heard.put(_of_packet(data.publish_packet)),
            on_lifecycle_connection_success=lambda data: self._answers.put(int(data.connack_packet.reason_code)),
            on_lifecycle_disconnection=self._disconnected,
            on_lifecycle_stopped=lambda _: self._stopped.set_result(None),
        )
        self._client.start()
        assert self.answer() == 0

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        from awscrt import mqtt5

        wanted = mqtt5.Subscription(topic_filter, mqtt5.QoS(qos))
        suback = self._client.subscribe(mqtt5.SubscribePacket(subscriptions=[wanted])).result(HANGS)
        return int(suback.reason_codes[0])

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, extras: Extras | None = None
    ) -> int | None:
        from awscrt import mqtt5

        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS(qos), retain=retain)
        if extras is not None:
            packet.user_properties = [mqtt5.UserProperty(name, value) for name, value in extras.user_properties]
            packet.content_type = extras.content_type
            packet.response_topic = extras.response_topic
            packet.correlation_data = extras.correlation_data
        puback = self._client.publish(packet).result(HANGS).puback
        return int(puback.reason_code) if qos else None

    def close(self) -> None:
        self._client.stop()
        self._stopped.result(HANGS)

    def _disconnected(self, data: Any) -> None:
        packet = data.disconnect_packet
        self.shown.append(data.exception.name)
        self.over(Ended() if packet is None else Ended(int(packet.reason_code), packet.reason_string))


class _Mqtt311(Messenger):
    def __init__(self, where: Where, wish: Wish) -> None:
        from awsiot import mqtt_connection_builder as builders

        super().__init__()
        self._interrupted_once = False
        build = builders.websockets_with_custom_authorizer if wish.websocket else builders.direct_with_custom_authorizer
        self._connection = build(
            **_options(where, wish), clean_session=not wish.kept, on_connection_interrupted=self._interrupted
        )
        # The builder for TLS knows no other port than 443.
        self._connection.port = where.port
        self._connection.on_message(
            lambda topic, payload, dup, qos, retain, **_: self._heard.put(
                Heard(topic=topic, payload=payload, qos=int(qos), retain=retain)
            )
        )
        self._connection.connect().result(HANGS)

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        from awscrt import mqtt

        future, _ = self._connection.subscribe(topic_filter, mqtt.QoS(qos))
        future.add_done_callback(self._answered)
        return int(self.answer()["qos"])

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, extras: Extras | None = None
    ) -> int | None:
        from awscrt import mqtt

        future, _ = self._connection.publish(topic, payload, mqtt.QoS(qos), retain)
        future.add_done_callback(self._answered)
        self.answer()
        return 0 if qos else None

    def close(self) -> None:
        leaving = self._connection.disconnect()
        if not self._interrupted_once:
            # After an interruption it waits for its next attempt, for five seconds.
            leaving.result(HANGS)

    def _answered(self, future: Future[Any]) -> None:
        if future.exception() is None:
            self._answers.put(future.result())

    def _interrupted(self, connection: Any, error: Any, **_: Any) -> None:
        self._interrupted_once = True
        self.shown.append(error.name)
        self.over(Ended())


def _of_packet(packet: Any) -> Heard:
    return Heard(
        topic=packet.topic,
        payload=packet.payload,
        qos=int(packet.qos),
        retain=bool(packet.retain),
        extras=Extras(
            user_properties=tuple((pair.name, pair.value) for pair in packet.user_properties or ()),
            content_type=packet.content_type,
            response_topic=packet.response_topic,
            correlation_data=packet.correlation_data_bytes,
        ),
    )
