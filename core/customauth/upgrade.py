"""The request that opens a WebSocket."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import field, frozen

from customauth.endpoint import DEFAULT_PATH, is_path
from customauth.errors import EndpointError

# RFC 9110, 5.6.2
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _request_target(_: object, __: object, target: str) -> None:
    if not is_path(target) or "#" in target:
        raise EndpointError(
            "the WebSocket's request needs a path and query that begin with / and have no character that must be "
            "percent-encoded"
        )


def _headers(_: object, __: object, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise EndpointError(f"{name!r} is no name of an HTTP header; use letters, digits and -")
        if _CONTROL.search(value) or value != value.strip():
            raise EndpointError(
                f"the value of the header {name} has line breaks, control characters or spaces around it; "
                "leave them out"
            )


@frozen(kw_only=True)
class Upgrade:
    """The request that opens a WebSocket, with the credentials that it carries (A25-A27).

    :param target: path and query.
    :param headers: headers beside those of the WebSocket itself.
    :raises EndpointError: when HTTP cannot carry one of them; the message never shows a value.
    """

    target: str = field(default=DEFAULT_PATH, repr=False, validator=_request_target)
    headers: Mapping[str, str] = field(factory=dict, repr=False, validator=_headers)
