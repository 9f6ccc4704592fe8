"""The first packet of a session: a CONNECT that may be decided over, or why it is not; pure (A39, E1, E8-E11)."""

from __future__ import annotations

from attrs import frozen

from customauth.gateway import handshake
from customauth.gateway.attempt import Attempt
from customauth.gateway.broker.quotas import Quotas
from customauth.gateway.decision import Reason, Refusal, refuse
from customauth.gateway.origin import Origin
from customauth.gateway.routing import Spoken, misrouted
from customauth.mqtt import Connack, Connect, Frame, MqttVersion, UnsupportedProtocolLevel, decode

_UNACCEPTABLE_VERSION_311 = 1
_QUOTA_EXCEEDED = 0x97


@frozen(kw_only=True)
class Denied:
    """A client that is sent away before anybody is asked.

    :ivar refusal: why, for the record.
    :ivar attempt: what it attempted, None when its packet was no CONNECT.
    :ivar connack: what it is sent, None where AWS closes without one.
    :ivar version: of the connection, or the one that every client reads.
    """

    refusal: Refusal
    attempt: Attempt | None = None
    connack: Connack | None = None
    version: MqttVersion = MqttVersion.V311


def open_session(frame: Frame, origin: Origin, spoken: Spoken, quotas: Quotas | None) -> Attempt | Denied:
    """Read the first packet.

    :param quotas: those that are to be held, None for none.
    :raises MalformedPacket: when it is no packet.
    """
    misplaced = misrouted(origin, spoken)
    try:
        connect = decode(frame, None)
    except UnsupportedProtocolLevel as error:
        # What a version unknown here looks like to its client cannot be known: 3.1.1's answer serves most (E1).
        unacceptable = Connack(session_present=False, reason_code=_UNACCEPTABLE_VERSION_311)
        why = f"protocol level {error.level} is not served; use MQTT 3.1.1 or 5"
        refused = refuse(Reason.PROTOCOL, "protocol-version", why)
        return Denied(refusal=refused, connack=None if misplaced else unacceptable)
    if not isinstance(connect, Connect):
        why = f"the first packet is {frame.type.name}, not CONNECT"
        return Denied(refusal=refuse(Reason.PROTOCOL, "packet-malformed", why))
    attempt = Attempt(origin=origin, client_id=handshake.effective_client_id(connect), connect=connect)
    if misplaced is not None:
        # Where MQTT is not served with these credentials nobody answers it (A40, A50).
        return Denied(
            refusal=misplaced,
            attempt=attempt,
            connack=handshake.refusing(connect) if misplaced.reason is Reason.SNI else None,
            version=connect.version,
        )
    objection = handshake.objection(connect) or _too_soon(connect, quotas)
    if objection is not None:
        answer = handshake.objecting(objection.code)
        refused = refuse(Reason.PROTOCOL, objection.rule, objection.why)
        return Denied(refusal=refused, attempt=attempt, connack=answer, version=connect.version)
    return attempt


def _too_soon(connect: Connect, quotas: Quotas | None) -> handshake.Objection | None:
    if quotas is None or not connect.client_id or quotas.connect(connect.client_id):
        return None
    return handshake.Objection(
        code=_QUOTA_EXCEEDED if connect.version is MqttVersion.V5 else None,
        why="the same client id connected less than a second ago (E9)",
        rule="connect-too-often",
    )
