"""The head of an HTTP request, pure: what it holds, which name it is for, and whose signature it bears."""

from __future__ import annotations

import re
from collections.abc import Iterable

from customauth.gateway.decision import Reason, Refusal, refuse
from customauth.gateway.origin import HttpRequest

_PORT = re.compile(r":[0-9]*\Z")


def read_head(*, method: bytes, target: bytes, version: bytes, headers: Iterable[tuple[bytes, bytes]]) -> HttpRequest:
    """Read what a parser found: bytes that HTTP allows, so that all of them are Latin-1."""
    path, _, query = target.decode("latin-1").partition("?")
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return HttpRequest(
        method=method.decode("latin-1"),
        path=path,
        query=query,
        headers={name: ", ".join(found) for name, found in values.items()},
        repeated={name: tuple(found) for name, found in values.items() if len(found) > 1},
        version=version.decode("latin-1"),
    )


def host_of(request: HttpRequest) -> str:
    """Return the name in the ``Host`` header without its port, empty where there is none (A47)."""
    return _PORT.sub("", request.headers.get("host", ""))


def signed_for_aws(request: HttpRequest) -> Refusal | None:
    """Refuse what is signed with an AWS credential: there is no account here that it could belong to (A60, F6)."""
    authorization = request.headers.get("authorization", "")
    if not authorization.startswith("AWS4-") and "X-Amz-Signature=" not in request.query:
        return None
    why = "the request is signed with AWS credentials (SigV4), which the gateway does not know"
    return refuse(Reason.NOT_AUTHENTICATED, "sigv4-request", why)
