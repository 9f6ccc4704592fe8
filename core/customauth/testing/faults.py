"""What a fault proxy can do to a connection: one small value for each fault.

Where packets are counted, they are counted on each connection from 1, as they come from their sender, and in a
WebSocket as well as without one. A fault that has nothing to act on (an upgrade without a WebSocket, a packet that
never comes) leaves the connection as it is.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, frozen

from customauth.mqtt import (
    Connack,
    MqttVersion,
    Packet,
    PacketType,
    Puback,
    Suback,
    Unsuback,
    encode,
)

if TYPE_CHECKING:
    from attrs import Attribute


class Direction(enum.Enum):
    """Which way packets go."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class ResetStage(enum.Enum):
    """What has arrived from the client when its connection is reset."""

    TCP = "nothing"
    CLIENT_HELLO = "the ClientHello"
    CONNECT = "the CONNECT"


def _positive(_: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(f"{attribute.name} must be more than 0, not {value}")


def _refusal(_: object, __: object, status: int) -> None:
    if not 300 <= status <= 599:
        raise ValueError(f"the status of a refused upgrade is 300 to 599, not {status}")


@frozen
class Blackhole:
    """Complete no TCP connection: the kernel drops every SYN. It acts from the moment on that it is set."""


@frozen
class Silent:
    """Take the TCP connection and never say a word: not even TLS."""


@frozen
class Reset:
    """Reset the connection (RST); a CONNECT that was waited for does not reach the server."""

    stage: ResetStage


@frozen
class Untrusted:
    """Show a certificate of a CA that is not the endpoint's."""


@frozen
class WrongName:
    """Show a certificate of the endpoint's CA for another name."""


@frozen
class Expired:
    """Show a certificate of the endpoint's CA that ended yesterday."""


@frozen
class AlpnRefused:
    """Answer every ClientHello with the alert no_application_protocol (F15)."""


@frozen
class TlsTooOld:
    """Speak TLS 1.1 alone, which is below what AWS takes (A49)."""


@frozen
class UpgradeRefused:
    """Answer the request that opens a WebSocket with this HTTP status, and close; the server never sees it."""

    status: int = field(default=403, validator=_refusal)


@frozen
class UpgradeSilent:
    """Never answer the request that opens a WebSocket; the server never sees it."""


@frozen
class CloseBeforeConnack:
    """Close when the CONNACK comes, in place of it: what AWS does to a refused MQTT 3.1.1 client (F3).

    :param abruptly: with an RST in place of the farewells of TLS and TCP.
    """

    abruptly: bool = False


@frozen(kw_only=True)
class Cut:
    """End the connection, on both sides, at a packet.

    :param direction: of the packets that are counted.
    :param packet: their type; None counts all.
    :param after: the number of the packet at which the connection ends; it still passes.
    :param in_the_middle: only the first half of that packet passes.
    :param abruptly: with an RST in place of the farewells of TLS and TCP.
    """

    direction: Direction
    packet: PacketType | None = None
    after: int = field(default=1, validator=_positive)
    in_the_middle: bool = False
    abruptly: bool = True


@frozen
class Drop:
    """Lose packets: they come, and do not pass.

    :param count: how many of them; None loses all.
    """

    packet: PacketType
    direction: Direction = field(default=Direction.TO_CLIENT, kw_only=True)
    count: int | None = field(default=None, validator=_positive, kw_only=True)


@frozen
class DropConnack:
    """Lose the CONNACK, and keep the connection."""


@frozen
class Delay:
    """Hold back what arrives inside TLS before it passes.

    :param seconds: for each piece, whatever its size.
    :param direction: None for both.
    """

    seconds: float = field(validator=_positive)
    direction: Direction | None = None


@frozen
class Throttle:
    """Let bytes inside TLS pass slowly, and take none beyond that.

    :param bytes_per_second: in each direction.
    :param direction: None for both.
    """

    bytes_per_second: float = field(validator=_positive)
    direction: Direction | None = None


@frozen
class Answer:
    """Put another reason code in the place of the server's.

    After a CONNACK that refuses, the connection is closed, as the server would (MQTT-3.2.2-7). MQTT 3.1.1 has codes in
    CONNACK and SUBACK alone: its other packets pass unchanged.

    :param packet: CONNACK, PUBACK, SUBACK or UNSUBACK.
    :param reason_code: of MQTT 5, but in a CONNACK of MQTT 3.1.1 its return code; a SUBACK or an UNSUBACK gets it for
        each of its topic filters, a SUBACK of MQTT 3.1.1 gets 0x80 for every refusal.
    :param reason_string: in MQTT 5 only.
    :param count: how many packets; None for all.
    :raises ValueError: for another packet, and for a code that it has in no version.
    """

    packet: PacketType
    reason_code: int
    reason_string: str | None = None
    count: int | None = field(default=None, validator=_positive, kw_only=True)

    def __attrs_post_init__(self) -> None:
        # Encoded once, so that a code that cannot be is refused here and not in the proxy.
        encode(_answer(self.packet, self.reason_code), MqttVersion.V5)


@frozen
class Inject:
    """Send the client a packet that the server never sent.

    :param content: a packet, written in the version of the connection, or bytes as they are.
    :param after: the number of the packet after which it goes.
    :param packet: the type of the packets that are counted; None counts all.
    :param direction: of the packets that are counted.
    :param close: whether the connection is closed after it, as the server would after a DISCONNECT.
    """

    content: Packet | bytes = field(repr=False)
    after: int = field(default=1, validator=_positive, kw_only=True)
    packet: PacketType | None = field(default=None, kw_only=True)
    direction: Direction = field(default=Direction.TO_CLIENT, kw_only=True)
    close: bool = field(default=False, kw_only=True)


Fault: TypeAlias = (
    Blackhole
    | Silent
    | Reset
    | Untrusted
    | WrongName
    | Expired
    | AlpnRefused
    | TlsTooOld
    | UpgradeRefused
    | UpgradeSilent
    | CloseBeforeConnack
    | Cut
    | Drop
    | DropConnack
    | Delay
    | Throttle
    | Answer
    | Inject
)


def _answer(packet: PacketType, reason_code: int) -> Packet:
    match packet:
        case PacketType.CONNACK:
            return Connack(session_present=False, reason_code=reason_code)
        case PacketType.PUBACK:
            return Puback(packet_id=1, reason_code=reason_code)
        case PacketType.SUBACK:
            return Suback(packet_id=1, reason_codes=(reason_code,))
        case PacketType.UNSUBACK:
            return Unsuback(packet_id=1, reason_codes=(reason_code,))
    raise ValueError(f"{packet.name} has no reason code to replace; choose CONNACK, PUBACK, SUBACK or UNSUBACK")
