"""What the server said when it accepted, in full."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from customauth.errors import ConnackRefused, ConnectError
from customauth.mqtt.protocol import MqttVersion


@frozen(kw_only=True)
class Connack:
    """What the server said when it accepted. All but ``session_present`` is of MQTT 5; what was not said has the
    value that MQTT gives it then.

    :ivar session_present: whether the server has kept a session of this client id (E37).
    :ivar assigned_client_id: the client id that the server chose (E6).
    :ivar server_keep_alive: seconds, when the server sets it (E10).
    :ivar session_expiry: seconds for which the session is kept, when the server sets it (E37).
    :ivar receive_maximum: publishes at QoS 1 that may be unacknowledged at once; 100 on AWS (E2, E29).
    :ivar maximum_qos: 1 on AWS (E2).
    :ivar maximum_packet_size: bytes; 149504 on AWS (E2).
    :ivar topic_alias_maximum: 8 on AWS (E2, E4).
    """

    session_present: bool = False
    reason_string: str | None = None
    assigned_client_id: str | None = None
    server_keep_alive: int | None = None
    session_expiry: int | None = None
    receive_maximum: int = 65_535
    maximum_qos: int = 2
    retain_available: bool = True
    maximum_packet_size: int | None = None
    topic_alias_maximum: int = 0
    wildcard_subscriptions: bool = True
    subscription_identifiers: bool = True
    shared_subscriptions: bool = True
    response_information: str | None = None
    server_reference: str | None = None
    user_properties: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_body(cls, body: bytes, version: MqttVersion) -> Connack:
        """Read the body of a CONNACK packet: flags, code, and on MQTT 5 properties. For libraries that lose some of it.

        :raises ConnackRefused: it is a refusal.
        :raises ConnectError: it is malformed.
        """
        from customauth import mqtt

        try:
            packet = mqtt.Connack.from_frame(mqtt.Frame(type=mqtt.PacketType.CONNACK, flags=0, body=body), version)
        except mqtt.MalformedPacket as error:
            if len(body) > 1 and body[1] != 0:
                raise ConnackRefused(body[1]) from error
            raise ConnectError("the server's CONNACK is malformed") from error
        said: dict[mqtt.Property, Any] = dict(packet.properties)
        if packet.reason_code != 0:
            raise ConnackRefused(packet.reason_code, said.get(mqtt.Property.REASON_STRING))
        fields: dict[str, Any] = {
            name: convert(said[mqtt.Property[wire_name]])
            for name, (wire_name, convert) in _PROPERTIES.items()
            if mqtt.Property[wire_name] in said
        }
        return cls(session_present=packet.session_present, **fields)


def _same(value: Any) -> Any:
    return value


_PROPERTIES: dict[str, tuple[str, Any]] = {
    "reason_string": ("REASON_STRING", _same),
    "assigned_client_id": ("ASSIGNED_CLIENT_IDENTIFIER", _same),
    "server_keep_alive": ("SERVER_KEEP_ALIVE", _same),
    "session_expiry": ("SESSION_EXPIRY_INTERVAL", _same),
    "receive_maximum": ("RECEIVE_MAXIMUM", _same),
    "maximum_qos": ("MAXIMUM_QOS", _same),
    "retain_available": ("RETAIN_AVAILABLE", bool),
    "maximum_packet_size": ("MAXIMUM_PACKET_SIZE", _same),
    "topic_alias_maximum": ("TOPIC_ALIAS_MAXIMUM", _same),
    "wildcard_subscriptions": ("WILDCARD_SUBSCRIPTION_AVAILABLE", bool),
    "subscription_identifiers": ("SUBSCRIPTION_IDENTIFIER_AVAILABLE", bool),
    "shared_subscriptions": ("SHARED_SUBSCRIPTION_AVAILABLE", bool),
    "response_information": ("RESPONSE_INFORMATION", _same),
    "server_reference": ("SERVER_REFERENCE", _same),
    "user_properties": ("USER_PROPERTY", tuple),
}
