"""CONNECT packets as a capture has them. Import as ``setups.captures``."""

from __future__ import annotations

from customauth.mqtt import Connect, MqttVersion, encode


def connect_packet(username: str, *, version: MqttVersion = MqttVersion.V5, client_id: str = "pump-7") -> bytes:
    """Return the bytes of a CONNECT."""
    return encode(Connect(version=version, client_id=client_id, username=username), version)


def of_mqtt_31(packet: bytes) -> bytes:
    """Return the CONNECT of MQTT 3.1.1 as a client of MQTT 3.1 sends it."""
    body = packet[packet.index(b"\x00\x04MQTT\x04") :].replace(b"\x00\x04MQTT\x04", b"\x00\x06MQIsdp\x03", 1)
    return packet[:1] + _length(len(body)) + body


def _length(number: int) -> bytes:
    digits = []
    while True:
        number, digit = divmod(number, 128)
        digits.append(digit | 128 if number else digit)
        if not number:
            return bytes(digits)
