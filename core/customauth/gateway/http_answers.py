"""The answers that the HTTP side gives, pure: in AWS's words, and in its order of headers (A36, F6, F9, F10)."""

from __future__ import annotations

import json
import uuid
from email.utils import formatdate
from http import HTTPStatus

from attrs import field, frozen

_EXPOSED = ("x-amzn-ErrorMessage", "x-amzn-RequestId", "x-amzn-ErrorType", "Date")


@frozen(kw_only=True)
class HttpAnswer:
    """An answer: its status, its headers but for ``connection``, and its body.

    :ivar headers: those before ``connection``.
    :ivar error_headers: those after it (F6).
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    error_headers: tuple[tuple[str, str], ...] = field(default=())


class BadRequest(ValueError):
    """The request cannot be served, whoever sent it; the message says why and what to send.

    :ivar status: the HTTP status.
    :ivar error_type: AWS's name of the error (F10).
    :ivar headers: what the status wants to be told with (RFC 9110, 15.5).
    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`, None where there is none.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        error_type: str = "InvalidRequestException",
        headers: tuple[tuple[str, str], ...] = (),
        rule: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.headers = headers
        self.rule = rule


def accepted() -> HttpAnswer:
    """Return the answer to an accepted publish (A36)."""
    return _answer(200, "OK")


def forbidden() -> HttpAnswer:
    """Return the answer to whoever is not let in (F6, F9)."""
    return _answer(403, "Forbidden", "ForbiddenException")


def refused(error: BadRequest) -> HttpAnswer:
    """Return the answer to a request that cannot be served (F10); what was wrong with it is for the log."""
    return _answer(error.status, HTTPStatus(error.status).phrase, error.error_type, *error.headers)


def _answer(status: int, message: str, error_type: str | None = None, *more: tuple[str, str]) -> HttpAnswer:
    body = json.dumps({"message": message, "traceId": str(uuid.uuid4())}, separators=(",", ":")).encode()
    error_headers: list[tuple[str, str]] = []
    if error_type is not None:
        error_headers += [("x-amzn-ErrorType", f"{error_type}:"), ("access-control-allow-origin", "*")]
        error_headers += [("access-control-expose-headers", name) for name in _EXPOSED]
    return HttpAnswer(
        status=status,
        body=body,
        headers=(
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("date", formatdate(usegmt=True)),
            ("x-amzn-RequestId", str(uuid.uuid4())),
        ),
        error_headers=(*error_headers, *more),
    )
