"""MQTT 5 properties: one table of what each is, and the list of them that a packet or a will carries (2.2.2)."""

import enum
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

from attrs import Factory, frozen

from .protocol import PROTOCOL_ERROR, TOPIC_ALIAS_INVALID, MqttVersion
from .wire import MAX_VARINT, Reader, encode_binary, encode_text, encode_topic_name, encode_uint, encode_varint


class Property(enum.IntEnum):
    """A property, by its identifier."""

    PAYLOAD_FORMAT_INDICATOR = 0x01
    MESSAGE_EXPIRY_INTERVAL = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY_INTERVAL = 0x11
    ASSIGNED_CLIENT_IDENTIFIER = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM_INFORMATION = 0x17
    WILL_DELAY_INTERVAL = 0x18
    REQUEST_RESPONSE_INFORMATION = 0x19
    RESPONSE_INFORMATION = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28
    SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29
    SHARED_SUBSCRIPTION_AVAILABLE = 0x2A


class PropertyHolder(enum.IntEnum):
    """What may carry properties: all packets but the pings, by packet type, and the will inside a CONNECT."""

    WILL = 0
    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    DISCONNECT = 14
    AUTH = 15


PropertyValue: TypeAlias = int | str | bytes | list[int] | list[tuple[str, str]]
"""An integer, text or bytes, by the property's type on the wire; a list of (name, value) for user properties.

The subscription identifiers of a PUBLISH, of which there may be several, are a list too (3.3.2.3.8).
"""

Properties: TypeAlias = dict[Property, PropertyValue]
"""The properties of a packet or a will; all its user properties are one entry, in their order."""


def decode_properties(reader: Reader, holder: PropertyHolder, version: MqttVersion) -> Properties:
    """Take the property length and the properties of ``holder``; there are none before MQTT 5.

    :raises MalformedPacket: 0x81 for an identifier that is unknown or not allowed in ``holder`` and for a value
        that is not of its type (2.2.2.2), 0x82 for a property that is there twice and for a value out of its range,
        0x90 for a response topic with a wildcard, 0x94 for topic alias 0.
    """
    if version is not MqttVersion.V5:
        return {}
    size = reader.varint("the property length")
    if not size:
        return {}
    section = reader.section(size, "the properties")
    properties: dict[Property, Any] = {}
    while section.remaining:
        row = _ROWS.get(section.varint("a property identifier"))
        if row is None:
            raise section.malformed("a property has an unknown identifier")
        if holder not in row.holders:
            raise section.malformed(f"{row.what} is not allowed in {holder.name}")
        value = row.wire.take(section, row.what)
        if row.values is not None and value not in row.values:
            raise section.malformed(f"{row.what} is out of range", row.out_of_range)
        if holder in row.repeats:
            properties.setdefault(row.property, []).append(value)
        elif row.property in properties:
            raise section.malformed(f"{row.what} is there twice", PROTOCOL_ERROR)
        else:
            properties[row.property] = value
    return properties


def encode_properties(properties: Properties, holder: PropertyHolder, version: MqttVersion) -> bytes:
    """Encode the property length and the properties, in the order of the dictionary; nothing before MQTT 5.

    :raises ValueError: when ``version`` has no properties but there are some, when one is not allowed in ``holder``,
        and when a value is of another type, out of its range or more than the wire carries.
    """
    if version is not MqttVersion.V5:
        if properties:
            raise ValueError(f"protocol level {version.value} has no properties")
        return b""
    encoded = b"".join([_encode_property(_ROWS[key], value, holder) for key, value in properties.items()])
    return encode_varint(len(encoded), "the property length") + encoded


def shown(properties: Properties) -> str:
    """Return the ``repr`` of ``properties`` without the values that may be secret."""
    return repr({key.name: "..." if key in _CONFIDENTIAL else value for key, value in properties.items()})


def _encode_property(row: "_Row", value: PropertyValue, holder: PropertyHolder) -> bytes:
    if holder not in row.holders:
        raise ValueError(f"{row.what} is not allowed in {holder.name}")
    repeats = holder in row.repeats
    if repeats is not isinstance(value, list):
        raise ValueError(f"{row.what} must be {'a list' if repeats else 'one value'}")
    encoded = bytearray()
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, row.wire.python):
            raise ValueError(f"{row.what} must be {row.wire.python.__name__}")
        if row.values is not None and item not in row.values:
            raise ValueError(f"{row.what} must be {row.values[0]} to {row.values[-1]}")
        encoded.append(row.property)
        encoded += row.wire.encode(item, row.what)
    return bytes(encoded)


def _take_pair(reader: Reader, what: str) -> tuple[str, str]:
    return reader.text(f"the name in {what}"), reader.text(f"the value in {what}")


def _encode_pair(pair: tuple[str, str], what: str) -> bytes:
    name, value = pair
    return encode_text(name, f"the name in {what}") + encode_text(value, f"the value in {what}")


@frozen
class _WireType:
    """How a value is taken from a reader and how it is encoded; ``python`` is its type in between."""

    python: type
    take: Callable[[Reader, str], Any]
    encode: Callable[[Any, str], bytes]


_UINT8: Final = _WireType(int, Reader.uint8, lambda value, what: encode_uint(value, 1, what))
_UINT16: Final = _WireType(int, Reader.uint16, lambda value, what: encode_uint(value, 2, what))
_UINT32: Final = _WireType(int, Reader.uint32, lambda value, what: encode_uint(value, 4, what))
_VARINT: Final = _WireType(int, Reader.varint, encode_varint)
_BINARY: Final = _WireType(bytes, Reader.binary, encode_binary)
_TEXT: Final = _WireType(str, Reader.text, encode_text)
_TOPIC_NAME: Final = _WireType(str, Reader.topic_name, encode_topic_name)
_TEXT_PAIR: Final = _WireType(tuple, _take_pair, _encode_pair)


@frozen
class _Row:
    property: Property
    wire: _WireType
    holders: Collection[PropertyHolder]
    # The integers that the specification allows, where these are fewer than the wire type carries.
    values: range | None = None
    # The reason code of any other.
    out_of_range: int = PROTOCOL_ERROR
    # Where it may stand more than once, so that its value is a list.
    repeats: Collection[PropertyHolder] = ()
    what: str = Factory(lambda self: f"the property {self.property.name}", takes_self=True)


_P: Final = Property
_H: Final = PropertyHolder
_EVERYWHERE: Final = tuple(_H)
_PUBLISHED: Final = (_H.PUBLISH, _H.WILL)
_CONNECTING: Final = (_H.CONNECT, _H.CONNACK)
_AUTHENTICATING: Final = (_H.CONNECT, _H.CONNACK, _H.AUTH)
_EXPLAINED: Final = frozenset(_H) - {_H.WILL, _H.CONNECT, _H.PUBLISH, _H.SUBSCRIBE, _H.UNSUBSCRIBE}
_NO_OR_YES: Final = range(2)
_NONZERO_UINT16: Final = range(1, 1 << 16)

# MQTT 5, table 2-4, and the values from the section of each property.
_TABLE: Final = (
    _Row(_P.PAYLOAD_FORMAT_INDICATOR, _UINT8, _PUBLISHED, _NO_OR_YES),
    _Row(_P.MESSAGE_EXPIRY_INTERVAL, _UINT32, _PUBLISHED),
    _Row(_P.CONTENT_TYPE, _TEXT, _PUBLISHED),
    _Row(_P.RESPONSE_TOPIC, _TOPIC_NAME, _PUBLISHED),
    _Row(_P.CORRELATION_DATA, _BINARY, _PUBLISHED),
    _Row(
        _P.SUBSCRIPTION_IDENTIFIER,
        _VARINT,
        (_H.PUBLISH, _H.SUBSCRIBE),
        range(1, MAX_VARINT + 1),
        repeats=(_H.PUBLISH,),
    ),
    _Row(_P.SESSION_EXPIRY_INTERVAL, _UINT32, (*_CONNECTING, _H.DISCONNECT)),
    _Row(_P.ASSIGNED_CLIENT_IDENTIFIER, _TEXT, (_H.CONNACK,)),
    _Row(_P.SERVER_KEEP_ALIVE, _UINT16, (_H.CONNACK,)),
    _Row(_P.AUTHENTICATION_METHOD, _TEXT, _AUTHENTICATING),
    _Row(_P.AUTHENTICATION_DATA, _BINARY, _AUTHENTICATING),
    _Row(_P.REQUEST_PROBLEM_INFORMATION, _UINT8, (_H.CONNECT,), _NO_OR_YES),
    _Row(_P.WILL_DELAY_INTERVAL, _UINT32, (_H.WILL,)),
    _Row(_P.REQUEST_RESPONSE_INFORMATION, _UINT8, (_H.CONNECT,), _NO_OR_YES),
    _Row(_P.RESPONSE_INFORMATION, _TEXT, (_H.CONNACK,)),
    _Row(_P.SERVER_REFERENCE, _TEXT, (_H.CONNACK, _H.DISCONNECT)),
    _Row(_P.REASON_STRING, _TEXT, _EXPLAINED),
    _Row(_P.RECEIVE_MAXIMUM, _UINT16, _CONNECTING, _NONZERO_UINT16),
    _Row(_P.TOPIC_ALIAS_MAXIMUM, _UINT16, _CONNECTING),
    _Row(_P.TOPIC_ALIAS, _UINT16, (_H.PUBLISH,), _NONZERO_UINT16, TOPIC_ALIAS_INVALID),
    _Row(_P.MAXIMUM_QOS, _UINT8, (_H.CONNACK,), _NO_OR_YES),
    _Row(_P.RETAIN_AVAILABLE, _UINT8, (_H.CONNACK,), _NO_OR_YES),
    _Row(_P.USER_PROPERTY, _TEXT_PAIR, _EVERYWHERE, repeats=_EVERYWHERE),
    _Row(_P.MAXIMUM_PACKET_SIZE, _UINT32, _CONNECTING, range(1, 1 << 32)),
    _Row(_P.WILDCARD_SUBSCRIPTION_AVAILABLE, _UINT8, (_H.CONNACK,), _NO_OR_YES),
    _Row(_P.SUBSCRIPTION_IDENTIFIER_AVAILABLE, _UINT8, (_H.CONNACK,), _NO_OR_YES),
    _Row(_P.SHARED_SUBSCRIPTION_AVAILABLE, _UINT8, (_H.CONNACK,), _NO_OR_YES),
)
_ROWS: Final[dict[int, _Row]] = {row.property: row for row in _TABLE}

_CONFIDENTIAL: Final = frozenset({_P.AUTHENTICATION_DATA, _P.CORRELATION_DATA, _P.USER_PROPERTY})
