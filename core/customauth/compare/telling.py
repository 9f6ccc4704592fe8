"""How an error that a backend told becomes a behaviour of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from customauth import ConnectError, CustomAuthError, Endpoint, Stage, TlsReason
from customauth.compare.result import Behaviour


def in_words(
    error: type[CustomAuthError],
    *,
    stage: Stage | None = None,
    retryable: bool | None = None,
    details: Mapping[str, object] | None = None,
) -> str:
    """Say which error is expected, in so few words that they fit into a cell.

    :param stage: of a failed attempt.
    :param retryable: of a failed attempt.
    :param details: attributes that the error must have; those that are None are left out.
    """
    found = details or {}
    parts = [error.__name__]
    code, reason, status = found.get("reason_code"), found.get("reason"), found.get("status")
    if isinstance(code, int):
        parts.append(f"with {code_text(code)}")
    if isinstance(reason, TlsReason):
        parts.append(f"({reason.value})")
    if status is not None:
        parts.append(f"with status {status}")
    if stage is not None:
        parts.append(f"at {stage.value}")
    text = " ".join(parts)
    return text if retryable is None else f"{text}, {'' if retryable else 'not '}worth a retry"


def code_text(code: int) -> str:
    """Write a reason code as the specifications do: that of an MQTT 3.1.1 CONNACK in decimal digits."""
    return f"0x{code:02X}" if code >= 0x80 else str(code)


def told(
    expected: str, error: CustomAuthError | None, seconds: float, wrong: Sequence[str], endpoint: Endpoint
) -> Behaviour:
    """Return the behaviour.

    :param expected: in words.
    :param error: None when nothing was told.
    :param seconds: until it was.
    :param wrong: a sentence for everything that was not as expected; they stand in the message.
    :param endpoint: where it happened; its port, another one each time, is not in the texts.
    """
    said = "" if error is None else _plain(str(error), endpoint)
    if wrong:
        differences = _plain("; ".join(wrong), endpoint)
        said = f"{said} [not as expected: {differences}]" if said else differences
    cause = None if error is None else error.__cause__
    attempt = error if isinstance(error, ConnectError) else None
    return Behaviour(
        expected=expected,
        as_expected=not wrong,
        error=None if error is None else type(error).__name__,
        stage=None if attempt is None else attempt.stage.value,
        reason_code=getattr(error, "reason_code", None),
        message=said,
        cause=None if cause is None else _class(cause),
        cause_message=None if cause is None else _plain(str(cause), endpoint),
        retryable=None if attempt is None else attempt.retryable,
        milliseconds=() if error is None else (seconds * 1000,),
    )


def _class(error: BaseException) -> str:
    module, name = type(error).__module__, type(error).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def _plain(text: str, endpoint: Endpoint) -> str:
    """Return a text on one line, without the ports that differ each time."""
    ports = {endpoint.port, endpoint.address_port, endpoint.proxy.port if endpoint.proxy else None} - {None}
    numbers = "|".join(map(str, ports))
    return " ".join(re.sub(rf"\b(?:{numbers})\b", "PORT", text).split())
