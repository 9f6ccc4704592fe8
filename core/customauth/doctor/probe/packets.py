"""The device's CONNECT packet: its own user name and password, byte for byte; and a form of it that may be shown."""

from __future__ import annotations

from attrs import evolve, frozen

from customauth.doctor.finding import Finding
from customauth.doctor.probe.trip import certain
from customauth.doctor.setup import Setup
from customauth.doctor.showing import starred_client_id
from customauth.mqtt import Connect, MqttVersion, Properties, Property, Will, encode

_LONGEST = 0xFFFF
_MAX_SESSION_EXPIRY = 0xFFFF_FFFF


@frozen(kw_only=True)
class ConnectBytes:
    """A CONNECT packet.

    :ivar data: its bytes.
    :ivar masked: the same with an asterisk for each byte of user name, password, will's payload and parameters in the
        client id.
    """

    data: bytes
    masked: bytes


class CannotBeSent(Exception):
    """MQTT has no packet for this set-up; ``finding`` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.evidence)
        self.finding = finding


def connect_bytes(setup: Setup, version: MqttVersion) -> ConnectBytes:
    """Build the CONNECT.

    :raises CannotBeSent: MQTT has none for this set-up.
    """
    size = len((setup.username or "").encode(errors="replace"))
    if size > _LONGEST:
        raise CannotBeSent(certain("username-too-long", f"the user name has {size} bytes, MQTT carries {_LONGEST}"))
    if len(setup.password or b"") > _LONGEST:
        said = f"the password has {len(setup.password or b'')} bytes, MQTT carries {_LONGEST}"
        raise CannotBeSent(certain("password-too-long", said))
    packet = _packet(setup, version)
    try:
        data = encode(packet, version)
    except ValueError as error:
        raise CannotBeSent(certain("packet-malformed", f"the CONNECT cannot be made: {error}")) from None
    return ConnectBytes(data=data, masked=encode(_masked(packet, starred_client_id(setup)), version))


def _packet(setup: Setup, version: MqttVersion) -> Connect:
    said: Properties = {}
    if version is MqttVersion.V5 and setup.session_expiry is not None:
        said[Property.SESSION_EXPIRY_INTERVAL] = min(max(setup.session_expiry, 0), _MAX_SESSION_EXPIRY)
    will = setup.will
    return Connect(
        version=version,
        client_id=setup.client_id,
        clean_start=setup.clean_start,
        keep_alive=min(max(setup.keep_alive, 0), _LONGEST),
        username=setup.username,
        password=setup.password,
        will=None if will is None else Will(topic=will.topic, payload=will.payload, qos=will.qos, retain=will.retain),
        properties=said,
    )


def _masked(packet: Connect, client_id: str) -> Connect:
    return evolve(
        packet,
        client_id=client_id,
        username=None if packet.username is None else "*" * len(packet.username.encode()),
        password=None if packet.password is None else b"*" * len(packet.password),
        will=None if packet.will is None else evolve(packet.will, payload=b"*" * len(packet.will.payload)),
    )
