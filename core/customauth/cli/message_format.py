"""How ``customauth sub`` writes a message: its payload, with its topic, in a format of mosquitto_sub's, or as JSON."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from attrs import field, frozen

from customauth.message import Message

_NANOSECONDS = 1_000_000_000


@frozen(kw_only=True)
class Arrival:
    """A message, and when it came.

    :ivar time: nanoseconds since 1970.
    """

    message: Message
    time: int = field(factory=time.time_ns)


Writer: TypeAlias = Callable[[Arrival], bytes]
"""What turns a message into all the bytes that are written for it."""


def plain(*, topic: bool, end: bytes) -> Writer:
    """Return what writes the payload as it is, after the topic if that is wanted.

    An empty payload is written as mosquitto_sub does: not at all, and as ``(null)`` behind the topic.
    """

    def payload_only(arrival: Arrival) -> bytes:
        payload = arrival.message.payload
        return payload + end if payload else b""

    def with_topic(arrival: Arrival) -> bytes:
        message = arrival.message
        return b"%s %s%s" % (message.topic.encode(), message.payload or b"(null)", end)

    return with_topic if topic else payload_only


def as_json(arrival: Arrival) -> bytes:
    """Return the message as one line of JSON; bytes that are no UTF-8 text are in base64, under another name."""
    message, properties = arrival.message, arrival.message.properties
    document: dict[str, Any] = {
        "timestamp": f"{_local(arrival, '%Y-%m-%dT%H:%M:%S')}.{arrival.time % _NANOSECONDS // 1000:06}"
        f"{_local(arrival, '%z')}",
        "topic": message.topic,
        "qos": message.qos,
        "retain": message.retain,
        **_text_or_base64("payload", message.payload),
    }
    said: dict[str, Any] = {
        "content_type": properties.content_type,
        "response_topic": properties.response_topic,
        "message_expiry": properties.message_expiry,
        "user_properties": properties.user_properties or None,
        "utf8": properties.utf8 or None,
    }
    if properties.correlation_data is not None:
        said |= _text_or_base64("correlation_data", properties.correlation_data)
    document["properties"] = {name: value for name, value in said.items() if value is not None}
    return json.dumps(document).encode() + b"\n"


def parse_format(text: str, *, end: bytes) -> Writer:
    r"""Return what writes messages in a format: ``%`` for what belongs to the message, ``@`` for time, ``\`` to escape.

    :raises ValueError: for a sequence that there is not, saying which there are.
    """
    parts: list[bytes | Writer] = []
    start = 0
    for found in _SEQUENCE.finditer(text):
        parts += [_raw(text[start : found.start()]), _part(found)]
        start = found.end()
    parts += [_raw(text[start:]), end]
    return _joining(parts)


def _joining(parts: Sequence[bytes | Writer]) -> Writer:
    def write(arrival: Arrival) -> bytes:
        return b"".join([part if isinstance(part, bytes) else part(arrival) for part in parts])

    return write


_SEQUENCE = re.compile(
    r"%(?P<flags>[-0]*)(?P<width>[0-9]*)(?:\.(?P<most>[0-9]+))?(?P<value>.?)|@(?P<time>.?)|\\(?P<escape>.?)", re.DOTALL
)

_ESCAPES = {
    "\\": b"\\",
    "0": b"\0",
    "a": b"\a",
    "e": b"\x1b",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
}


def _user_properties(arrival: Arrival) -> bytes:
    pairs = arrival.message.properties.user_properties
    return " ".join(f"{name}:{value}" for name, value in pairs).encode()


def _optional(value: str | int | None) -> bytes:
    return b"" if value is None else str(value).encode()


_VALUES: dict[str, Writer] = {
    "t": lambda arrival: arrival.message.topic.encode(),
    "p": lambda arrival: arrival.message.payload,
    "q": lambda arrival: b"%d" % arrival.message.qos,
    "r": lambda arrival: b"%d" % arrival.message.retain,
    "l": lambda arrival: b"%d" % len(arrival.message.payload),
    "x": lambda arrival: arrival.message.payload.hex().encode(),
    "X": lambda arrival: arrival.message.payload.hex().upper().encode(),
    "I": lambda arrival: _local(arrival, "%Y-%m-%dT%H:%M:%S%z").encode(),
    "U": lambda arrival: b"%d.%09d" % divmod(arrival.time, _NANOSECONDS),
    "C": lambda arrival: _optional(arrival.message.properties.content_type),
    "R": lambda arrival: _optional(arrival.message.properties.response_topic),
    "D": lambda arrival: arrival.message.properties.correlation_data or b"",
    "E": lambda arrival: _optional(arrival.message.properties.message_expiry),
    "F": lambda arrival: b"1" if arrival.message.properties.utf8 else b"",
    "P": _user_properties,
}
_UNAVAILABLE = {
    "m": "the library keeps message ids to itself",
    "A": "the library resolves topic aliases",
    "S": "AWS has no subscription identifiers",
    "j": "use --json in place of -F",
    "J": "use --json in place of -F",
}
_NUMBERS = frozenset("qrlxXEF")


def _part(found: re.Match[str]) -> bytes | Writer:
    sequence = found[0]
    if found["time"] is not None:
        return _time_part(sequence)
    if found["escape"] is not None:
        if found["escape"] not in _ESCAPES:
            known = " ".join("\\" + name for name in _ESCAPES)
            raise ValueError(f"{sequence!r} is no escape; there are {known}")
        return _ESCAPES[found["escape"]]
    name = found["value"]
    if name == "%":
        return b"%"
    if name in _UNAVAILABLE:
        raise ValueError(f"{sequence!r} is not to be had: {_UNAVAILABLE[name]}")
    if name not in _VALUES:
        known = " ".join(f"%{each}" for each in ("%", *_VALUES))
        raise ValueError(f"{sequence!r} stands for nothing; there are {known}")
    return _padded(_VALUES[name], found, number=name in _NUMBERS)


def _padded(value: Writer, found: re.Match[str], *, number: bool) -> Writer:
    """Give a value its least and its most width."""
    flags, width = found["flags"], int(found["width"] or 0)
    most = None if found["most"] is None else int(found["most"])
    if not width and most is None:
        return value
    fill = b"0" if number and "0" in flags else b" "

    def write(arrival: Arrival) -> bytes:
        shown = value(arrival)[:most]
        return shown.ljust(width) if "-" in flags else shown.rjust(width, fill)

    return write


def _time_part(sequence: str) -> bytes | Writer:
    name = sequence[1:]
    if name == "@":
        return b"@"
    if name == "N":
        return lambda arrival: b"%09d" % (arrival.time % _NANOSECONDS)
    if not (name.isascii() and name.isalpha()):
        raise ValueError(f"{sequence!r} is no time; there are @@, @N (nanoseconds) and the letters of strftime, as @H")
    return lambda arrival: _local(arrival, f"%{name}").encode()


def _local(arrival: Arrival, form: str) -> str:
    return time.strftime(form, time.localtime(arrival.time // _NANOSECONDS))


def _raw(text: str) -> bytes:
    """Return the bytes of an argument of the command line, of which some may be no text."""
    return text.encode(errors="surrogateescape")


def _text_or_base64(name: str, data: bytes) -> dict[str, str]:
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        import base64

        return {f"{name}_base64": base64.b64encode(data).decode("ascii")}
