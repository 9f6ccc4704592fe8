"""Which failures of a session heal by themselves, and which do not: one table, and no I/O."""

from __future__ import annotations

import enum

from customauth.errors import (
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    CredentialsUnavailable,
    Disconnected,
    RequestTimeout,
)

_SESSION_TAKEN_OVER = 0x8E
# Bad user name or password, and not authorized, of both versions.
_CREDENTIAL_CODES = frozenset({4, 5, 0x86, 0x87})


class Prospect(enum.Enum):
    """What can be expected of another attempt."""

    HEALS = "another attempt may succeed as it is"
    NEW_CREDENTIALS = "another attempt may succeed with other credentials"
    NONE = "no other attempt can succeed"


def prospect(failure: Exception) -> Prospect:
    """Say what can be expected after a failed attempt, or after the loss of a connection."""
    match failure:
        case ConnackRefused(reason_code=code) if code in _CREDENTIAL_CODES:
            return Prospect.NEW_CREDENTIALS
        # On MQTT 5 it is no refusal, and marked as retryable.
        case ClosedBeforeConnack(retryable=False):
            return Prospect.NEW_CREDENTIALS
        case ConnectError(retryable=True) | CredentialsUnavailable() | RequestTimeout():
            return Prospect.HEALS
        # Two clients with one client id would throw each other out for ever (E15).
        case Disconnected(reason_code=code) if code != _SESSION_TAKEN_OVER:
            return Prospect.HEALS
        case _:
            return Prospect.NONE
