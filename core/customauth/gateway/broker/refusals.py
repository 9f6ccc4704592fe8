"""Everything that an accepted client can do wrong, each with what it is told (D22, E14-E36)."""

from __future__ import annotations

import uuid

from customauth.gateway.broker.limits import MAX_ALIASES, MAX_FILTERS, MAX_PAYLOAD, MAX_SUBSCRIPTIONS
from customauth.gateway.broker.parties import Farewell

_PROTOCOL_ERROR = 0x82
_NOT_AUTHORIZED = 0x87
FILTER_INVALID = 0x8F
_TOPIC_INVALID = 0x90
_ALIAS_INVALID = 0x94
QUOTA_EXCEEDED = 0x97
_QOS_NOT_SUPPORTED = 0x9B
_SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1

_NOT_AUTHORIZED_TEXT = "Client is not authenticated/authorized to send the message"


def out_of_place(packet: str) -> Farewell:
    """A packet that does not belong on an open connection, as a second CONNECT (E14)."""
    return Farewell(code=_PROTOCOL_ERROR, why=f"{packet} is not served on an open connection", rule="protocol-error")


def qos2(packet: str) -> Farewell:
    """A PUBLISH or SUBSCRIBE with QoS 2 (E18, E19)."""
    return Farewell(code=_QOS_NOT_SUPPORTED, why=f"{packet} with QoS 2 (E18, E19)", rule="qos2")


def payload_too_large() -> Farewell:
    """A payload that is too large (E21)."""
    why = f"the payload has more than {MAX_PAYLOAD} bytes (E21)"
    return Farewell(code=QUOTA_EXCEEDED, why=why, rule="payload-too-large")


def topic_invalid(why: str) -> Farewell:
    """A topic that nobody can publish to (E23)."""
    return Farewell(code=_TOPIC_INVALID, why=why, rule="topic-invalid")


def extras_too_large(why: str) -> Farewell:
    """Properties of a message that are too many or too long."""
    return Farewell(code=QUOTA_EXCEEDED, why=why, rule="quota-exceeded")


def publish_forbidden(topic: str, why: str) -> Farewell:
    """A publish that the policy does not allow (D22); the text has an id of its own (E16)."""
    return Farewell(
        code=_NOT_AUTHORIZED,
        why=why,
        rule="policy-publish",
        facts={"topic": topic},
        text=f"DISCONNECT:{_NOT_AUTHORIZED_TEXT}:{uuid.uuid4()}",
        forbidden=True,
    )


def alias_too_high(alias: int) -> Farewell:
    """A topic alias above what the CONNACK allows (E36)."""
    why = f"topic alias {alias} is above {MAX_ALIASES} (E36)"
    return Farewell(code=_ALIAS_INVALID, why=why, rule="topic-alias")


def alias_unknown(alias: int) -> Farewell:
    """A topic alias that stands for nothing."""
    return Farewell(code=_PROTOCOL_ERROR, why=f"topic alias {alias} was never set", rule="topic-alias")


def subscription_identifier() -> Farewell:
    """A SUBSCRIBE with a subscription identifier (E16, E27)."""
    return Farewell(
        code=_SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
        why="SUBSCRIBE with a subscription identifier",
        rule="subscription-identifier",
        text="DISCONNECT:Subscription Id is not supported now",
    )


def too_many_filters() -> Farewell:
    """A SUBSCRIBE with too many filters (E25)."""
    why = f"SUBSCRIBE with more than {MAX_FILTERS} filters (E25)"
    return Farewell(code=QUOTA_EXCEEDED, why=why, rule="too-many-subscriptions")


def filter_invalid(why: str) -> Farewell:
    """A filter that is none (E23)."""
    return Farewell(code=FILTER_INVALID, why=why, rule="filter-invalid")


def subscribe_forbidden(topic_filter: str, why: str) -> Farewell:
    """A subscription that the policy does not allow (D22)."""
    return Farewell(
        code=_NOT_AUTHORIZED, why=why, rule="policy-subscribe", facts={"filter": topic_filter}, forbidden=True
    )


def too_many_subscriptions() -> Farewell:
    """More subscriptions than a connection may have (E26)."""
    why = f"more than {MAX_SUBSCRIPTIONS} subscriptions (E26)"
    return Farewell(code=QUOTA_EXCEEDED, why=why, rule="too-many-subscriptions")
