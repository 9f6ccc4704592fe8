"""The record of one decision: what was asked, who decided, why, and what to change. Nothing in it is secret."""

from __future__ import annotations

import enum
import re

from attrs import frozen


class Reason(enum.Enum):
    """AWS's reason codes for a refused connection (C35, C36).

    ``ALPN_MISUSED`` is ours: AWS has no code for it.
    """

    NOT_FOUND = "CUSTOM_AUTHORIZER_NOT_FOUND"
    PARAMETER_INVALID = "CUSTOM_AUTHORIZER_PARAMETER_INVALID"
    FUNCTION_FAILED = "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    POLICY = "AUTHORIZATION_FAILURE"
    TRANSPORT = "SNI_MISUSED"
    ALPN = "ALPN_MISUSED"
    PROTOCOL = "CLIENT_ERROR"


@frozen(kw_only=True)
class Grant:
    """An accepted connection.

    :ivar refresh_after: seconds until the function would be asked again (C25).
    :ivar disconnect_after: seconds that the connection may live (C27).
    """

    authorizer: str
    signature: str
    principal_id: str
    refresh_after: int
    disconnect_after: int
    why: str


@frozen(kw_only=True)
class Refusal:
    """A refused connection.

    :ivar why: what was wrong.
    :ivar fix: what to change.
    """

    reason: Reason
    why: str
    fix: str


@frozen(kw_only=True)
class Decision:
    """One attempt and its end.

    :ivar protocol: ``MQTT 5``, ``MQTT 3.1.1``, or what is known of it.
    :ivar peer: the client's address.
    :ivar duration: seconds from the CONNECT to the decision.
    """

    connection_id: str
    protocol: str
    peer: str
    client_id: str
    outcome: Grant | Refusal
    duration: float

    def line(self) -> str:
        """Return the decision as one line for a person."""
        head = f"{self.protocol} client {_shortened(self.client_id)!r} from {self.peer}"
        took = f"({self.duration * 1000:.0f} ms)"
        match self.outcome:
            case Grant() as grant:
                line = (
                    f"ALLOW {head}: authorizer {grant.authorizer}, {grant.signature}, "
                    f"principal {grant.principal_id}, {grant.why} {took}"
                )
            case Refusal() as refusal:
                line = f"DENY  {head}: {refusal.reason.value}: {refusal.why} {took}; fix: {refusal.fix}"
        return printable(line)


def printable(text: str) -> str:
    """Escape every control character of a line: what a client or a function chose must not move the cursor."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


# Longer than any client id that is let in (E8).
_MAX_SHOWN = 128
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
