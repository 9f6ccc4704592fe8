"""What is measured of messages, each function one measure; the results are plain data, ready for JSON."""

from __future__ import annotations

import base64
import itertools
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import usage
from attrs import evolve, frozen
from load import Load

from customauth.mqtt import MqttVersion, Publish, Subscribe, Subscription, encode
from servers import Server

PROTOCOLS = {"MQTT 5": MqttVersion.V5, "MQTT 3.1.1": MqttVersion.V311}

# The sample's policy allows sample/* and nothing else.
_TOPIC = "sample/bench"
_PAYLOAD = bytes(range(64))
# What an encoded PUBLISH has after its topic: the packet identifier, at QoS 1.
_AT = 2 + 2 + len(_TOPIC)
_SETTLES_IN = 1.0
_WARM_UP = 2000

_numbers = itertools.count()


@frozen(kw_only=True)
class Kind:
    """One way to publish.

    :ivar count: messages in a turn.
    :ivar together: the most messages in one TLS record of the publisher; None for one that waits for the last.
    """

    name: str
    qos: int
    together: int | None
    count: int


@frozen(kw_only=True)
class Side:
    """One server and the publisher and subscribers that are aimed at it."""

    server: Server
    load: Load

    def meet(self, version: MqttVersion, subscribers: int, *, qos: int) -> str:
        """Connect a publisher and subscribers; return what was negotiated with TLS."""
        name = f"talker-{next(_numbers)}"
        packets = [_text(packet) for packet in self.server.connect_packets(version, subscribers + 1, name)]
        wanted = Subscribe(packet_id=1, subscriptions=(Subscription(filter=_TOPIC, qos=qos),))
        subscribe = _text(encode(wanted, version))
        tls: str = self._ask(do="meet", publisher=packets[0], subscribers=packets[1:], subscribe=subscribe)["tls"]
        return tls

    def talk(self, kind: Kind, version: MqttVersion) -> dict[str, Any]:
        """Publish as one kind says."""
        order = {"packet": _packet(kind.qos, version), "at": _AT if kind.qos else None, "count": kind.count}
        if kind.together is None:
            return self._ask(do="turns", **order)
        return self._ask(do="stream", together=kind.together, **order)

    def spread(self, version: MqttVersion, count: int) -> dict[str, Any]:
        """Publish to all subscribers."""
        return self._ask(do="spread", packet=_packet(0, version), count=count)

    def leave(self) -> None:
        """Let all of them leave."""
        self._ask(do="leave")

    def _ask(self, **order: object) -> dict[str, Any]:
        return self.load.answers([order])[0]


def stream_rounds(sides: Sequence[Side], kinds: Sequence[Kind], *, rounds: int) -> list[dict[str, Any]]:
    """Let the servers take turns at each kind of publishing: one record for each turn."""
    return list(_rounds(sides, kinds, rounds))


def _rounds(sides: Sequence[Side], kinds: Sequence[Kind], rounds: int) -> Iterator[dict[str, Any]]:
    for kind in kinds:
        for protocol, version in PROTOCOLS.items():
            tls = {side.meet(version, 1, qos=kind.qos) for side in sides}
            for side in sides:
                side.talk(evolve(kind, count=min(kind.count, _WARM_UP)), version)
            for number in range(1, rounds + 1):
                for side in sides:
                    turn = _turn(side, kind, version)
                    yield {"round": number, "kind": kind.name, "protocol": protocol, "tls": sorted(tls), **turn}
            for side in sides:
                side.leave()


def fan_out(sides: Sequence[Side], *, subscribers: int, messages: int, rounds: int) -> list[dict[str, Any]]:
    """Publish to many subscribers of one topic: one record for each turn, with what they cost in memory."""
    memory: dict[str, float] = {}
    for side in sides:
        side.meet(MqttVersion.V5, 1, qos=0)
        side.leave()
        time.sleep(_SETTLES_IN)
        before = usage.memory(side.server.pid)
        side.meet(MqttVersion.V5, subscribers, qos=0)
        side.spread(MqttVersion.V5, 1)
        time.sleep(_SETTLES_IN)
        memory[side.server.name] = (usage.memory(side.server.pid) - before) / subscribers
    records = []
    for number in range(1, rounds + 1):
        for side in sides:
            cpu = usage.cpu_time(side.server.pid)
            answer = side.spread(MqttVersion.V5, messages)
            used = usage.cpu_time(side.server.pid).since(cpu)
            records.append(
                {
                    "round": number,
                    "server": side.server.name,
                    "sent": answer["sent"],
                    "received": answer["received"],
                    "per_second": answer["received"] / answer["wall"],
                    "milliseconds": statistics.median(answer["arrivals"]) * 1e3,
                    "server_cpu_us": used.total / answer["sent"] * 1e6,
                    "client_cpu_us": answer["cpu"] / answer["sent"] * 1e6,
                    "kib_per_subscriber": memory[side.server.name],
                }
            )
    for side in sides:
        side.leave()
    return records


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Take medians over rounds of the same kind, and compare each gateway with mosquitto round by round."""
    of_server: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        of_server.setdefault(record["server"], []).append(record)
    result: dict[str, Any] = {
        name: {
            key: statistics.median(turn[key] for turn in turns)
            for key, value in turns[0].items()
            if isinstance(value, float)
        }
        | {"lost": sum(turn["sent"] - turn["received"] for turn in turns)}
        for name, turns in of_server.items()
    }
    theirs = of_server.pop("mosquitto", None)
    if theirs is not None:
        for name, ours in of_server.items():
            ratios = [mine["per_second"] / other["per_second"] for mine, other in zip(ours, theirs, strict=True)]
            result[name] |= {"ratios": ratios, "ratio": statistics.median(ratios)}
    return result


def _turn(side: Side, kind: Kind, version: MqttVersion) -> dict[str, Any]:
    cpu, busy = usage.cpu_time(side.server.pid), usage.machine_busy()
    answer = side.talk(kind, version)
    used, busy = usage.cpu_time(side.server.pid).since(cpu), usage.machine_busy() - busy
    wall = answer["wall"]
    turn = {
        "server": side.server.name,
        "sent": answer["sent"],
        "received": answer["received"],
        "wall_s": wall,
        "per_second": answer["received"] / wall,
        "server_cpu_us": used.total / kind.count * 1e6,
        "client_cpu_us": answer["cpu"] / kind.count * 1e6,
        "server_cores": used.total / wall,
        "client_cores": answer["cpu"] / wall,
        "other_cores": max(busy - used.total - answer["cpu"], 0.0) / wall,
    }
    if "arrivals" in answer:
        turn["arrival_us"] = statistics.median(answer["arrivals"]) * 1e6
    return turn


def _packet(qos: int, version: MqttVersion) -> str:
    packet = encode(Publish(topic=_TOPIC, payload=_PAYLOAD, qos=qos, packet_id=1 if qos else None), version)
    if qos:
        # As the load compares it: without its number.
        packet = packet[:_AT] + bytes(2) + packet[_AT + 2 :]
    return _text(packet)


def _text(packet: bytes) -> str:
    return base64.b64encode(packet).decode()
