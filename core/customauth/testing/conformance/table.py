"""The failure table: what may go wrong, and what a user of any backend sees then. It is data; others run it.

What is expected is the class of the error, its ``stage``, ``retryable`` and other attributes, its ``hint``, that
``__cause__`` holds what the library or the operating system gave, and that it comes in time.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from customauth import (
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    ConnectionRefused,
    ConnectTimeout,
    CustomAuthError,
    DialError,
    Disconnected,
    Feature,
    MqttVersion,
    NameNotResolved,
    ProxyRefused,
    PublishRefused,
    RequestTimeout,
    Stage,
    SubscribeRefused,
    TlsFailed,
    TlsReason,
    Transport,
    UnsubscribeRefused,
    UpgradeRejected,
    mqtt,
)
from customauth.mqtt import PacketType, Property
from customauth.testing.conformance.staging import (
    ConnackBytes,
    PortClosed,
    Staged,
    ThroughProxy,
    UnknownName,
    UpgradeAnswer,
)
from customauth.testing.conformance.ways import DEADLINE
from customauth.testing.faults import (
    AlpnRefused,
    Answer,
    Blackhole,
    CloseBeforeConnack,
    Cut,
    Direction,
    Drop,
    DropConnack,
    Expired,
    Fault,
    Inject,
    Reset,
    ResetStage,
    Silent,
    TlsTooOld,
    Untrusted,
    UpgradeRefused,
    UpgradeSilent,
    WrongName,
)

REASON = "why: 0f0e0d0c-0b0a-0908-0706-050403020100"
"""The reason string of everything that has one."""

_V5 = (MqttVersion.V5,)
_V311 = (MqttVersion.V311,)
_WSS = (Transport.WSS,)


class During(enum.Enum):
    """What the user is doing when it goes wrong."""

    CONNECT = "connect"
    PUBLISH = "publish at QoS 1"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    OPEN = "nothing"


@frozen(kw_only=True)
class Failure:
    """One row of the table.

    :ivar name: how it is called everywhere.
    :ivar fault: what goes wrong.
    :ivar error: the very class that the user sees.
    :ivar stage: of a failed attempt.
    :ivar retryable: of a failed attempt.
    :ivar details: other attributes that the error must have.
    :ivar cause: whether there is an exception of a library or the operating system to be in ``__cause__``.
    :ivar timeout: seconds that the user gives the attempt or the request; it must be told by then.
    :ivar keep_alive: of the connection, seconds.
    :ivar waits: whether it takes its time, so that all its ways are better gone at once.
    :ivar needs: what a backend must declare beside the version and the transport.
    :ivar without: the class that is seen instead where a backend does not declare a feature.
    """

    name: str
    fault: Fault | Staged
    error: type[CustomAuthError]
    during: During = During.CONNECT
    stage: Stage | None = None
    retryable: bool | None = None
    details: Mapping[str, Any] = field(factory=dict)
    cause: bool = False
    timeout: float = 10.0
    keep_alive: int = 60
    waits: bool = False
    versions: tuple[MqttVersion, ...] = tuple(MqttVersion)
    transports: tuple[Transport, ...] = tuple(Transport)
    needs: frozenset[Feature] = frozenset()
    without: Mapping[Feature, type[CustomAuthError]] = field(factory=dict)


def _dial(
    name: str, fault: Fault | Staged, error: type[ConnectError], stage: Stage, *, retryable: bool = True, **more: Any
) -> Failure:
    return Failure(name=name, fault=fault, error=error, stage=stage, retryable=retryable, cause=True, **more)


def _tls(name: str, fault: Fault, reason: TlsReason) -> Failure:
    return _dial(name, fault, TlsFailed, Stage.TLS, retryable=False, details={"reason": reason})


def _late(name: str, fault: Fault | Staged, stage: Stage, **more: Any) -> Failure:
    return Failure(
        name=name, fault=fault, error=ConnectTimeout, stage=stage, retryable=True, timeout=DEADLINE, waits=True, **more
    )


def _dialling() -> list[Failure]:
    return [
        _dial("name-unknown", UnknownName(), NameNotResolved, Stage.NAME),
        _dial("port-closed", PortClosed(), ConnectionRefused, Stage.TCP),
        _late("tcp-blackhole", Blackhole(), Stage.TCP),
        _late("tls-silent", Silent(), Stage.TLS),
        _tls("tls-reset", Reset(ResetStage.CLIENT_HELLO), TlsReason.HANDSHAKE),
        _tls("tls-untrusted", Untrusted(), TlsReason.UNTRUSTED_CA),
        _tls("tls-wrong-name", WrongName(), TlsReason.WRONG_NAME),
        _tls("tls-expired", Expired(), TlsReason.EXPIRED),
        _dial(
            "tls-alpn-refused",
            AlpnRefused(),
            TlsFailed,
            Stage.TLS,
            retryable=False,
            details={"reason": TlsReason.ALPN_REFUSED},
            transports=(Transport.MQTT,),
        ),
        _tls("tls-too-old", TlsTooOld(), TlsReason.HANDSHAKE),
    ]


def _http_answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()


_SOCKS_HELLO = b"\x05\x00"


def _proxy(
    name: str, scheme: str, *, retryable: bool, says: bytes | None = None, status: int | None = None, **how: Any
) -> Failure:
    feature = Feature.HTTP_PROXY if scheme == "http" else Feature.SOCKS5_PROXY
    return _dial(
        name,
        ThroughProxy(scheme=scheme, says=says, **how),
        ProxyRefused,
        Stage.PROXY,
        retryable=retryable,
        details={"status": status},
        needs=frozenset({feature}),
    )


def _proxies() -> list[Failure]:
    http, socks5 = frozenset({Feature.HTTP_PROXY}), frozenset({Feature.SOCKS5_PROXY})
    return [
        _proxy("http-proxy-closed", "http", retryable=True, listens=False),
        _proxy("http-proxy-403", "http", says=_http_answer(403), status=403, retryable=False),
        _proxy("http-proxy-407", "http", wants_user=True, status=407, retryable=False),
        _proxy("http-proxy-502", "http", unreachable=True, status=502, retryable=True),
        _proxy("http-proxy-garbage", "http", says=b"\x00\x01\x02 no HTTP\r\n\r\n", retryable=True),
        _late("http-proxy-silent", ThroughProxy(scheme="http", silent=True), Stage.PROXY, needs=http),
        _proxy("socks5-proxy-closed", "socks5", retryable=True, listens=False),
        _proxy("socks5-proxy-user", "socks5", wants_user=True, retryable=True),
        _proxy("socks5-proxy-unreachable", "socks5", unreachable=True, status=5, retryable=True),
        _proxy("socks5-proxy-garbage", "socks5", says=b"HTTP/1.1 400 No\r\n\r\n", retryable=True),
        _late("socks5-proxy-silent", ThroughProxy(scheme="socks5", silent=True), Stage.PROXY, needs=socks5),
    ]


def _upgrades() -> list[Failure]:
    return [
        *(
            _dial(
                f"upgrade-{status}",
                UpgradeRefused(status),
                UpgradeRejected,
                Stage.UPGRADE,
                retryable=status == 429 or status >= 500,
                details={"status": status},
                transports=_WSS,
            )
            for status in (400, 403, 404, 429, 500, 503)
        ),
        _late("upgrade-silent", UpgradeSilent(), Stage.UPGRADE, transports=_WSS),
        _dial("upgrade-garbage", UpgradeAnswer(b"\x00\x01 no HTTP\r\n\r\n"), DialError, Stage.UPGRADE, transports=_WSS),
        _dial("upgrade-closed", UpgradeAnswer(b""), DialError, Stage.UPGRADE, transports=_WSS),
    ]


def _closed(name: str, fault: Fault | Staged) -> list[Failure]:
    """Return the rows of a peer that hangs up: AWS's way to refuse MQTT 3.1.1, and nothing else (F1, F3)."""
    return [
        Failure(
            name=name if version is MqttVersion.V5 else f"{name}-311",
            fault=fault,
            error=ClosedBeforeConnack,
            stage=Stage.CONNACK,
            retryable=version is MqttVersion.V5,
            versions=(version,),
        )
        for version in (MqttVersion.V5, MqttVersion.V311)
    ]


# MQTT 5, 3.2.2.2; those after which the very same attempt may succeed.
_CONNACK_CODES = (*range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F)
_PASSING_CODES = frozenset({0x80, 0x83, 0x88, 0x89, 0x97, 0x9F})
_PASSING_CODE_311 = 3


def _connecting() -> list[Failure]:
    malformed: dict[str, Any] = {"error": ConnectError, "stage": Stage.CONNACK, "retryable": True}
    return [
        *_closed("closed-before-connack", CloseBeforeConnack()),
        *_closed("reset-before-connack", CloseBeforeConnack(abruptly=True)),
        *_closed("reset-at-connect", Reset(ResetStage.CONNECT)),
        *_closed(
            "connack-cut",
            Cut(direction=Direction.TO_CLIENT, packet=PacketType.CONNACK, in_the_middle=True, abruptly=False),
        ),
        _late("connack-lost", DropConnack(), Stage.CONNACK),
        Failure(name="connack-malformed", fault=ConnackBytes(b"\x20\x01\x00"), **malformed),
        Failure(name="connack-garbage", fault=ConnackBytes(b"\x00garbage, and no MQTT"), **malformed),
        Failure(name="connack-missing", fault=ConnackBytes(b"\xd0\x00"), **malformed),
        *(
            Failure(
                name=f"connack-0x{code:02X}",
                fault=Answer(PacketType.CONNACK, code, REASON),
                error=ConnackRefused,
                stage=Stage.CONNACK,
                retryable=code in _PASSING_CODES,
                details={"reason_code": code, "reason_string": REASON},
                versions=_V5,
            )
            for code in _CONNACK_CODES
        ),
        *(
            Failure(
                name=f"connack-311-{code}",
                fault=Answer(PacketType.CONNACK, code),
                error=ConnackRefused,
                stage=Stage.CONNACK,
                retryable=code == _PASSING_CODE_311,
                details={"reason_code": code, "reason_string": None},
                versions=_V311,
                without={Feature.CONNACK_CODE_311: ClosedBeforeConnack},
            )
            for code in range(1, 6)
        ),
    ]


# The packet with which the user sets off what happens to an open connection.
_AT_PUBLISH: dict[str, Any] = {"packet": PacketType.PUBLISH, "direction": Direction.TO_SERVER}
_DISCONNECT_CODES = (0x80, 0x81, 0x82, 0x83, 0x87, 0x8B, 0x8D, 0x8E, 0x90, 0x93, 0x95, 0x96, 0x97, 0x98)


def _lost(name: str, fault: Fault, *, cause: bool = False, **more: Any) -> Failure:
    details = {"reason_code": None, "reason_string": None, "by_server": True}
    return Failure(name=name, fault=fault, error=Disconnected, during=During.OPEN, details=details, cause=cause, **more)


def _endings() -> list[Failure]:
    to_client = Direction.TO_CLIENT
    return [
        *(
            Failure(
                name=f"disconnect-0x{code:02X}",
                fault=Inject(
                    mqtt.Disconnect(reason_code=code, properties={Property.REASON_STRING: REASON}),
                    **_AT_PUBLISH,
                    close=True,
                ),
                error=Disconnected,
                during=During.OPEN,
                details={"reason_code": code, "reason_string": REASON, "by_server": True},
                versions=_V5,
            )
            for code in _DISCONNECT_CODES
        ),
        _lost("closed", Cut(**_AT_PUBLISH, abruptly=False)),
        _lost("reset", Cut(**_AT_PUBLISH), cause=True),
        _lost("cut-in-a-packet", Cut(direction=to_client, packet=PacketType.PUBLISH, in_the_middle=True), cause=True),
        _lost("malformed-packet", Inject(b"\x00garbage, and no MQTT", **_AT_PUBLISH), cause=True),
        _lost("pingresp-lost", Drop(PacketType.PINGRESP), keep_alive=1, waits=True),
    ]


_REFUSALS: dict[During, tuple[type[CustomAuthError], PacketType, tuple[int, ...]]] = {
    # E34
    During.PUBLISH: (PublishRefused, PacketType.PUBACK, (0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)),
    During.SUBSCRIBE: (
        SubscribeRefused,
        PacketType.SUBACK,
        (0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2),
    ),
    During.UNSUBSCRIBE: (UnsubscribeRefused, PacketType.UNSUBACK, (0x80, 0x83, 0x87, 0x8F, 0x91)),
}
# The server never answers, so that this need not be long.
_SHORT = 0.4


def _requests() -> list[Failure]:
    rows = []
    for during, (error, packet, codes) in _REFUSALS.items():
        name = packet.name.lower()
        rows += [
            Failure(
                name=f"{name}-0x{code:02X}",
                fault=Answer(packet, code, REASON, count=1),
                error=error,
                during=during,
                details={"reason_code": code, "reason_string": REASON},
                versions=_V5,
            )
            for code in codes
        ]
        rows.append(
            Failure(
                name=f"{name}-lost",
                fault=Drop(packet, count=1),
                error=RequestTimeout,
                during=during,
                timeout=_SHORT,
                waits=True,
            )
        )
    rows.append(
        Failure(
            name="suback-311-0x80",
            fault=Answer(PacketType.SUBACK, 0x80, count=1),
            error=SubscribeRefused,
            during=During.SUBSCRIBE,
            details={"reason_code": 0x80, "reason_string": None},
            versions=_V311,
        )
    )
    return rows


FAILURES: tuple[Failure, ...] = (
    *_dialling(),
    *_proxies(),
    *_upgrades(),
    *_connecting(),
    *_endings(),
    *_requests(),
)
"""The whole table."""
