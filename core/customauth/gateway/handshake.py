"""What CONNECT asks for and CONNACK grants: the broker's side of the handshake, pure (E1-E11, F1)."""

from __future__ import annotations

import uuid

from attrs import frozen

from customauth.gateway.broker.messages import extras_fault
from customauth.gateway.broker.topics import topic_fault
from customauth.mqtt import Connack, Connect, MqttVersion, Property, Will

MAX_PACKET_SIZE = 149_504
"""The largest packet that AWS takes, in bytes: 146 KiB (E2)."""

MAX_SESSION_EXPIRY = 3600
"""The longest that a session outlives its connection, in seconds (E2, E37)."""

_MAX_CLIENT_ID_BYTES = 128  # E8
_LEAST_PACKET_SIZE = 512  # E11
_ASSIGNED_PREFIX = "$GEN/"  # E6

_UNSPECIFIED = 0x80
_CLIENT_ID_NOT_VALID = 0x85
_NOT_AUTHORIZED = 0x87
_TOPIC_NAME_INVALID = 0x90
_QUOTA_EXCEEDED = 0x97
_QOS_NOT_SUPPORTED = 0x9B
_IDENTIFIER_REJECTED_311 = 0x02


@frozen(kw_only=True)
class Objection:
    """Why a CONNECT is refused before anybody is asked.

    :ivar code: the CONNACK code, None where AWS closes without one.
    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`.
    """

    code: int | None
    why: str
    rule: str


def objection(connect: Connect) -> Objection | None:
    """Say what is wrong with a CONNECT whatever its credentials are."""
    v5 = connect.version is MqttVersion.V5
    if len(connect.client_id.encode()) > _MAX_CLIENT_ID_BYTES:
        return Objection(
            code=_CLIENT_ID_NOT_VALID if v5 else None,
            why=f"the client id is longer than {_MAX_CLIENT_ID_BYTES} bytes (E8)",
            rule="client-id-too-long",
        )
    if connect.client_id.startswith(_ASSIGNED_PREFIX):
        return Objection(
            code=_CLIENT_ID_NOT_VALID if v5 else None,
            why=f"the client id starts with {_ASSIGNED_PREFIX}, which only the gateway assigns (E6)",
            rule="client-id-reserved",
        )
    if not connect.client_id and not v5 and not connect.clean_start:
        return Objection(
            code=_IDENTIFIER_REJECTED_311,
            why="no client id and no clean session (E7)",
            rule="client-id-empty",
        )
    if connect.will is not None:
        found = _objection_to_will(connect.will, v5)
        if found is not None:
            return found
    wanted = connect.properties.get(Property.MAXIMUM_PACKET_SIZE, MAX_PACKET_SIZE)
    if isinstance(wanted, int) and wanted < _LEAST_PACKET_SIZE:
        return Objection(
            code=_UNSPECIFIED,
            why=f"the client's maximum packet size is below {_LEAST_PACKET_SIZE} bytes (E11)",
            rule="maximum-packet-size-small",
        )
    return None


def _objection_to_will(will: Will, v5: bool) -> Objection | None:
    code, why, rule = _QOS_NOT_SUPPORTED, None, "will-qos2"
    if will.qos > 1:
        why = "the will has QoS 2 (E19)"
    elif fault := topic_fault(will.topic, retain=will.retain):
        code, why, rule = _TOPIC_NAME_INVALID, f"the will's topic: {fault}", "will-topic"
    elif fault := extras_fault(will.properties):
        code, why, rule = _QUOTA_EXCEEDED, f"the will: {fault}", "will-too-large"
    return None if why is None else Objection(code=code if v5 else None, why=why, rule=rule)


def effective_client_id(connect: Connect) -> str:
    """Return the client's own id, or the one that it is assigned (E6, E7)."""
    return connect.client_id or f"{_ASSIGNED_PREFIX}{uuid.uuid4()}"


def effective_keep_alive(requested: int) -> int:
    """Return the keep alive that holds, in seconds (E10)."""
    return 1200 if requested == 0 else min(max(requested, 30), 1200)


def longest_silence(requested: int) -> float:
    """Return the seconds without a packet after which a client is cut off, for the keep alive it asked for (E10)."""
    return 1.5 * effective_keep_alive(requested)


def session_expiry(connect: Connect) -> int:
    """Return the seconds that the session outlives its connection (E2, E37)."""
    if connect.version is not MqttVersion.V5:
        return 0 if connect.clean_start else MAX_SESSION_EXPIRY
    requested = connect.properties.get(Property.SESSION_EXPIRY_INTERVAL, 0)
    return min(requested, MAX_SESSION_EXPIRY) if isinstance(requested, int) else 0


def accepting(connect: Connect, client_id: str, session_present: bool) -> Connack:
    """Build the CONNACK of an accepted connection, every property explicit (E2, E3)."""
    if connect.version is not MqttVersion.V5:
        return Connack(session_present=session_present, reason_code=0)
    connack = Connack(
        session_present=session_present,
        reason_code=0,
        properties={
            Property.SESSION_EXPIRY_INTERVAL: session_expiry(connect),
            Property.RECEIVE_MAXIMUM: 100,
            Property.MAXIMUM_QOS: 1,
            Property.RETAIN_AVAILABLE: 1,
            Property.MAXIMUM_PACKET_SIZE: MAX_PACKET_SIZE,
            Property.TOPIC_ALIAS_MAXIMUM: 8,
            Property.WILDCARD_SUBSCRIPTION_AVAILABLE: 1,
            Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: 0,
            Property.SHARED_SUBSCRIPTION_AVAILABLE: 1,
            Property.SERVER_KEEP_ALIVE: effective_keep_alive(connect.keep_alive),
        },
    )
    if not connect.client_id:
        connack.properties[Property.ASSIGNED_CLIENT_IDENTIFIER] = client_id
    return connack


def refusing(connect: Connect) -> Connack | None:
    """Build the CONNACK of a refused MQTT 5 client (F1); a refused MQTT 3.1.1 client gets none (F3)."""
    if connect.version is not MqttVersion.V5:
        return None
    text = f"CONNACK:Client is not authenticated/authorized to send the message:{uuid.uuid4()}"
    return Connack(session_present=False, reason_code=_NOT_AUTHORIZED, properties={Property.REASON_STRING: text})


def objecting(code: int | None) -> Connack | None:
    """Build the CONNACK that goes with an objection, None where there is none."""
    return None if code is None else Connack(session_present=False, reason_code=code)
