"""Short names for errors, so that thousands of them fall into a few classes."""

from __future__ import annotations

from customauth.errors import (
    ConnackRefused,
    ConnectError,
    CustomAuthError,
    Disconnected,
    RequestRefused,
    TlsFailed,
    UpgradeRejected,
)
from customauth.open_files import NO_MORE

NO_FILES_LEFT = "EMFILE"
"""What the name of an error ends in when no more files may be opened."""


def is_answer(error: BaseException | None) -> bool:
    """Say whether the server has answered, so that nothing on the way can be the reason."""
    return isinstance(error, ConnackRefused | RequestRefused | UpgradeRejected)


def error_class(error: BaseException) -> str:
    """Return the class of an error with its code, as ``ConnackRefused 0x97``; no text of the error."""
    name = type(error).__name__
    if _wants_files(error):
        return f"{name} {NO_FILES_LEFT}"
    match error:
        case ConnackRefused() | RequestRefused():
            return f"{name} 0x{error.reason_code:02X}"
        case Disconnected(reason_code=int(code)):
            return f"{name} 0x{code:02X}"
        case UpgradeRejected():
            return f"{name} {error.status}"
        case TlsFailed():
            return f"{name} {error.reason.name}"
        case ConnectError():
            return f"{name} at {error.stage.value}"
        case _:
            return name


def _wants_files(error: BaseException | None) -> bool:
    if isinstance(error, CustomAuthError) and error.rule == "open-files":
        return True
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_MORE:
            return True
        error = error.__cause__ or error.__context__
    return False
