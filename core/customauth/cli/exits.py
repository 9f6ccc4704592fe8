"""What the exit codes mean."""

from __future__ import annotations

import enum

from customauth import errors


class ExitCode(enum.IntEnum):
    """The exit codes of every command."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    BACKEND = 3
    NOT_REACHED = 4
    TLS = 5
    UPGRADE = 6
    REFUSED = 7
    DEADLINE = 8
    REQUEST_REFUSED = 9
    DISCONNECTED = 10
    UNANSWERED = 11
    THRESHOLD = 12
    CAUSE_FOUND = 13
    CANNOT_TELL = 14
    TIME_IS_UP = 27  # as mosquitto_sub
    INTERRUPTED = 130


# The first class that fits counts, so the specific ones come first.
_CODES: list[tuple[type[BaseException], ExitCode]] = [
    (errors.CredentialError, ExitCode.USAGE),
    (errors.EndpointError, ExitCode.USAGE),
    (errors.RequestError, ExitCode.USAGE),
    (errors.AwsNotSetUp, ExitCode.USAGE),
    (errors.BackendError, ExitCode.BACKEND),
    (errors.AwsError, ExitCode.NOT_REACHED),
    (errors.BackendFault, ExitCode.INTERNAL),
    (errors.ConnectTimeout, ExitCode.DEADLINE),
    (errors.TlsFailed, ExitCode.TLS),
    (errors.UpgradeRejected, ExitCode.UPGRADE),
    (errors.DialError, ExitCode.NOT_REACHED),
    (errors.ConnectError, ExitCode.REFUSED),
    (errors.RequestRefused, ExitCode.REQUEST_REFUSED),
    (errors.RequestTimeout, ExitCode.UNANSWERED),
    (errors.Disconnected, ExitCode.DISCONNECTED),
]


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.INTERNAL)
