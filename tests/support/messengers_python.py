"""The clients of Python among the messengers: paho-mqtt and gmqtt. Import as ``messengers_python``."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from customauth import MqttVersion
from messengers import HANGS, Ended, Extras, Heard, Messenger, Where, Wish


class Paho(Messenger):
    """paho-mqtt, with its loop in a thread."""

    def __init__(self, where: Where, wish: Wish) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        super().__init__()
        self._v5 = wish.version is MqttVersion.V5
        client = self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=wish.client_id,
            clean_session=None if self._v5 else not wish.kept,
            protocol=paho.MQTTv5 if self._v5 else paho.MQTTv311,
            transport="websockets" if wish.websocket else "tcp",
            reconnect_on_failure=False,
        )
        client.username_pw_set(wish.username)
        client.tls_set_context(where.tls_context() if wish.websocket else where.tls_context("mqtt"))
        if wish.websocket:
            client.ws_set_options(path="/mqtt")
        if wish.will is not None:
            client.will_set(wish.will[0], wish.will[1], qos=1)
        client.on_connect = lambda *seen: self._answers.put(seen[3].value)
        client.on_subscribe = lambda *seen: self._answers.put(seen[3][0].value)
        client.on_publish = lambda *seen: self._answers.put(seen[3].value)
        client.on_message = lambda *seen: self._heard.put(_of_paho(seen[2]))
        client.on_disconnect = lambda *seen: self.over(_end_of_paho(seen[2], seen[3], seen[4]))
        more: dict[str, Any] = {}
        if self._v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            if wish.kept:
                properties.SessionExpiryInterval = 600
            more = {"clean_start": not wish.kept, "properties": properties}
        client.connect("localhost", where.port, **more)
        client.loop_start()
        assert self.answer() == 0

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        self._client.subscribe(topic_filter, qos)
        code: int = self.answer()
        return code

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, extras: Extras | None = None
    ) -> int | None:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = None
        if extras is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = list(extras.user_properties)
            properties.ContentType = extras.content_type
            properties.ResponseTopic = extras.response_topic
            properties.CorrelationData = extras.correlation_data
        self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        # At QoS 0 it says so when the packet is sent.
        code: int = self.answer()
        return code if qos else None

    def cut(self) -> None:
        # Of a socket, or of what paho puts around it to carry WebSocket frames.
        self._client.socket().close()  # type: ignore[union-attr]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _of_paho(message: Any) -> Heard:
    sent = message.properties
    return Heard(
        topic=message.topic,
        payload=message.payload,
        qos=message.qos,
        retain=bool(message.retain),
        extras=Extras(
            user_properties=tuple(getattr(sent, "UserProperty", ())),
            content_type=getattr(sent, "ContentType", None),
            response_topic=getattr(sent, "ResponseTopic", None),
            correlation_data=getattr(sent, "CorrelationData", None),
        ),
    )


def _end_of_paho(flags: Any, code: Any, properties: Any) -> Ended:
    sent = code.value if flags.is_disconnect_packet_from_server else None
    return Ended(sent, getattr(properties, "ReasonString", None))


class Gmqtt(Messenger):
    """gmqtt, with its event loop in a thread. It does not show what a PUBACK says."""

    def __init__(self, where: Where, wish: Wish) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._call(self._connect(where, wish))

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        self._loop.call_soon_threadsafe(self._client.subscribe, topic_filter, qos)
        code: int = self.answer()
        return code

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, extras: Extras | None = None
    ) -> int | None:
        async def publish() -> None:
            more = {} if extras is None else _for_gmqtt(extras)
            self._client.publish(topic, payload, qos=qos, retain=retain, **more)
            await self._client._persistent_storage.wait_empty()

        asyncio.run_coroutine_threadsafe(publish(), self._loop).add_done_callback(lambda _: self._answers.put(None))
        self.answer()
        return None

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self, where: Where, wish: Wish) -> None:
        import gmqtt

        more = {"session_expiry_interval": 600} if wish.kept and wish.version is MqttVersion.V5 else {}
        client = self._client = gmqtt.Client(wish.client_id, clean_session=not wish.kept, **more)
        client.set_config({"reconnect_retries": 0})
        client.set_auth_credentials(wish.username)
        client.on_subscribe = lambda *seen: self._answers.put(seen[2][0])
        client.on_message = lambda *seen: self._heard.put(_of_gmqtt(*seen[1:]))
        # The body of a DISCONNECT of MQTT 5 begins with its reason code; where there was no DISCONNECT it is empty.
        client.on_disconnect = lambda *seen: self.over(Ended(seen[1][0] if seen[1] else None))
        await client.connect("localhost", where.port, ssl=where.tls_context("mqtt"), version=wish.version.value)

    async def _end(self) -> None:
        await self._client.disconnect()
        # A lost connection leaves some behind, such as a publish that is never acknowledged.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(HANGS)


def _for_gmqtt(extras: Extras) -> dict[str, Any]:
    return {
        "user_property": list(extras.user_properties),
        "content_type": extras.content_type,
        "response_topic": extras.response_topic,
        "correlation_data": extras.correlation_data,
    }


def _of_gmqtt(topic: str, payload: bytes, qos: int, properties: dict[str, Any]) -> Heard:
    return Heard(
        topic=topic,
        payload=payload,
        qos=qos,
        retain=bool(properties.get("retain")),
        extras=Extras(
            user_properties=tuple(properties.get("user_property", ())),
            content_type=properties.get("content_type", [None])[0],
            response_topic=properties.get("response_topic", [None])[0],
            correlation_data=properties.get("correlation_data", [None])[0],
        ),
    )
