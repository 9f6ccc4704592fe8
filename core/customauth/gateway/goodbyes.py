"""The ends of a connection: what each is recorded as, and what an MQTT 5 client is told."""

from __future__ import annotations

from attrs import Factory, frozen

from customauth.gateway.broker.parties import Farewell
from customauth.gateway.decision import Refusal
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import MalformedFrame, MalformedPacket
from customauth.rules import RULES

_PROTOCOL_ERROR = 0x82
_NOT_AUTHORIZED = 0x87
_SHUTTING_DOWN = 0x8B
_KEEP_ALIVE_TIMEOUT = 0x8D
_TAKEN_OVER = 0x8E
_QUOTA_EXCEEDED = 0x97
_ADMINISTRATIVE_ACTION = 0x98
# What AWS says of a packet that is none (E34); of one that is too large it says that a quota is exceeded (E21).
_SENT_CODES = {code: code for code in (0x81, 0x82, 0x8F, 0x90, 0x93, 0x94)} | {0x95: _QUOTA_EXCEEDED}
# The known cause of a packet that is none, where the code tells it.
_RULES = {
    0x8F: "filter-invalid",
    0x90: "topic-invalid",
    0x93: "receive-maximum",
    0x94: "topic-alias",
    _QUOTA_EXCEEDED: "payload-too-large",
}


@frozen(kw_only=True)
class Goodbye:
    """One end of a connection.

    :ivar why: what a person wants to know beside the reason; may be empty.
    :ivar code: of the DISCONNECT that an MQTT 5 client gets, None for none; one of MQTT 3.1.1 gets none (I12).
    :ivar text: its reason string, where AWS sends one (E16).
    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`, None where there is nothing to mend.
    :ivar fix: what to change, empty where there is nothing to mend.
    """

    reason: DisconnectReason
    why: str = ""
    code: int | None = None
    text: str | None = None
    rule: str | None = None
    fix: str = Factory(lambda self: "" if self.rule is None else RULES[self.rule].advice(), takes_self=True)


LEFT = Goodbye(reason=DisconnectReason.CLIENT_INITIATED)
LOST = Goodbye(reason=DisconnectReason.CONNECTION_LOST)
# E15
TAKEN_OVER = Goodbye(
    reason=DisconnectReason.DUPLICATE_CLIENT_ID,
    why="the same client id connected anew",
    code=_TAKEN_OVER,
    rule="session-taken-over",
)
STOPPING = Goodbye(reason=DisconnectReason.SERVER_INITIATED, why="the gateway stops", code=_SHUTTING_DOWN)
FAILED = Goodbye(reason=DisconnectReason.SERVER_ERROR, why="the gateway failed")
FLOODED = Goodbye(reason=DisconnectReason.CLIENT_ERROR, why="too much was sent before the CONNACK")
# C28, I6
TIME_IS_UP = Goodbye(
    reason=DisconnectReason.CUSTOMAUTH_TTL,
    why="disconnectAfterInSeconds is over",
    code=_ADMINISTRATIVE_ACTION,
    rule="credentials-expired",
)
WEBSOCKET_IS_OLD = Goodbye(
    reason=DisconnectReason.WEBSOCKET_TTL,
    why="24 hours are over (A31)",
    code=_ADMINISTRATIVE_ACTION,
    rule="credentials-expired",
)


def cut_off(farewell: Farewell) -> Goodbye:
    """The broker ends it for what the client did."""
    return Goodbye(
        reason=DisconnectReason.AUTH_ERROR if farewell.forbidden else DisconnectReason.CLIENT_ERROR,
        why=farewell.why,
        code=farewell.code,
        text=farewell.text,
        rule=farewell.rule,
        fix=farewell.fix,
    )


def malformed(error: MalformedFrame | MalformedPacket, *, accepted: bool) -> Goodbye:
    """A packet is none (E34)."""
    code = _SENT_CODES.get(error.reason_code, _PROTOCOL_ERROR)
    return Goodbye(
        reason=DisconnectReason.CLIENT_ERROR,
        why=f"malformed packet: {error}",
        code=code,
        rule=_RULES.get(code, "protocol-error") if accepted else "packet-malformed",
    )


def protocol_error(why: str) -> Goodbye:
    """What the client sends cannot be read, or has no place where it stands."""
    return Goodbye(reason=DisconnectReason.CLIENT_ERROR, why=why, code=_PROTOCOL_ERROR, rule="protocol-error")


def not_renewed(refusal: Refusal) -> Goodbye:
    """The function refuses when it is asked again (C29, I7)."""
    return Goodbye(
        reason=DisconnectReason.AUTH_ERROR,
        why=f"refused at refresh: {refusal.why}",
        code=_NOT_AUTHORIZED,
        rule=refusal.rule,
        fix=refusal.fix,
    )


def refused_without_will(why: str) -> Goodbye:
    """The policy allowed the connect in its will's context only (C31)."""
    return Goodbye(
        reason=DisconnectReason.AUTH_ERROR,
        why=f"iot:Connect without the will's context: {why} (C31)",
        code=_NOT_AUTHORIZED,
        rule="policy-denies-connect",
    )


def silent(limit: float) -> Goodbye:
    """The client has not been heard of for so many seconds."""
    return Goodbye(
        reason=DisconnectReason.KEEP_ALIVE_TIMEOUT,
        why=f"silent for {limit:g} s, 1.5 times its keep alive",
        code=_KEEP_ALIVE_TIMEOUT,
        rule="keep-alive-timeout",
    )
