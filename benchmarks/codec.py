"""How long the MQTT codec takes for the packets of messages.

    python benchmarks/codec.py [--json]

Microseconds for one packet, the least of several runs: ``cut`` is the stream to a frame, ``decode`` the frame to a
packet, ``encode`` a packet to bytes, ``fan out`` the bytes for one more receiver of a message that is encoded already.
The plain PUBLISH packets are of 64 bytes; ``full`` is one with six properties.
"""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from collections.abc import Callable, Iterator

from customauth.mqtt import (
    FrameReader,
    MqttVersion,
    Packet,
    Property,
    Puback,
    Publish,
    PublishEncoder,
    Suback,
    Subscribe,
    Subscription,
    decode,
    encode,
)

_SIZE = 64
_TOPIC = "devices/pump-7/temperature"
_FULL = Publish(
    topic=_TOPIC,
    payload=b"x" * _SIZE,
    qos=1,
    packet_id=7,
    properties={
        Property.PAYLOAD_FORMAT_INDICATOR: 1,
        Property.MESSAGE_EXPIRY_INTERVAL: 60,
        Property.CONTENT_TYPE: "application/json",
        Property.RESPONSE_TOPIC: "devices/pump-7/answers",
        Property.CORRELATION_DATA: b"0123456789abcdef",
        Property.USER_PROPERTY: [("unit", "kelvin")],
    },
)


def _plain(version: MqttVersion, qos: int) -> Publish:
    packet_id = 7 if qos else None
    rest = len(encode(Publish(topic=_TOPIC, payload=b"", qos=qos, packet_id=packet_id), version))
    return Publish(topic=_TOPIC, payload=b"x" * (_SIZE - rest), qos=qos, packet_id=packet_id)


def _cases() -> Iterator[tuple[str, Packet, MqttVersion]]:
    for version in MqttVersion:
        for qos in (0, 1):
            yield f"PUBLISH {version.label}, QoS {qos}", _plain(version, qos), version
    yield "PUBLISH 5, full", _FULL, MqttVersion.V5
    yield "PUBACK 5", Puback(packet_id=7), MqttVersion.V5
    yield "SUBSCRIBE 5", Subscribe(packet_id=7, subscriptions=(Subscription(filter=_TOPIC, qos=1),)), MqttVersion.V5
    yield "SUBACK 5", Suback(packet_id=7, reason_codes=(1,)), MqttVersion.V5


def _least(run: Callable[[], object], rounds: int) -> float:
    return round(min(timeit.repeat(run, number=rounds, repeat=7)) / rounds * 1e6, 2)


def _times(packet: Packet, version: MqttVersion, rounds: int) -> dict[str, float]:
    reader = FrameReader(1 << 17)
    wire = encode(packet, version)
    (frame,) = reader.feed(wire)
    times = {
        "cut": _least(lambda: reader.feed(wire), rounds),
        "decode": _least(lambda: decode(frame, version), rounds),
        "encode": _least(lambda: encode(packet, version), rounds),
    }
    if isinstance(packet, Publish):
        qos, packet_id, encoder = packet.qos, packet.packet_id, PublishEncoder(packet, version)
        times["fan out"] = _least(lambda: encoder.encode(qos=qos, packet_id=packet_id), rounds)
    return times


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Return the times by packet and by what is done with it, in microseconds."""
    return {name: _times(packet, version, rounds) for name, packet, version in _cases()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the MQTT codec.")
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument("--rounds", type=int, default=20_000, help="calls in a run (default: %(default)s)")
    options = parser.parse_args()
    numbers = measure(options.rounds)
    sys.stdout.write((json.dumps(numbers, indent=2) if options.json else table(numbers)) + "\n")


def table(numbers: dict[str, dict[str, float]]) -> str:
    """Return the numbers for people to read."""
    columns = ("cut", "decode", "encode", "fan out")
    lines = [f"{'µs':20}" + "".join(f"{column:>10}" for column in columns)]
    for name, times in numbers.items():
        lines.append(f"{name:20}" + "".join(f"{times[column]:>10.2f}" for column in columns if column in times))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
