"""The contract between AWS IoT Core and an authorizer function: build its event, validate its answer.

Pure: no I/O, no clock. Running the function, and failing it after 5 seconds (C24), is the caller's part.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Mapping

from attrs import field, frozen

from customauth.policy import Policy, PolicyError, parse_policy, read_json

_MAX_POLICIES = 10
_MAX_POLICY_CHARACTERS = 2048
_MIN_SECONDS = 300
_MAX_SECONDS = 86400
_PRINCIPAL_ID = re.compile(r"[a-zA-Z0-9]{1,128}")
_INVALID_FORMAT = "Lambda invocation result is in invalid format"
_POLICIES_FAILED = "policyDocuments failed to satisfy constraint: "
_PROTOCOLS = ("tls", "http", "mqtt")


@frozen(kw_only=True)
class MqttContext:
    """What the CONNECT packet held; None is what it did not hold (A20).

    ``username`` is the whole field, query part included (A18), so it may hold a token.
    """

    username: str | None = field(repr=False)
    password: bytes | None = field(repr=False)
    client_id: str | None


@frozen(kw_only=True)
class HttpContext:
    """The HTTP request: the upgrade of a WebSocket (C7, C8), or a publish (C10, C11).

    ``headers`` have lower-cased names on a live connection, and ``query_string`` is raw, without the ``?``. Both are
    delivered as they stand here, since TestInvokeAuthorizer copies what it is given (B28).
    """

    headers: Mapping[str, str] = field(repr=False)
    query_string: str = field(repr=False)


@frozen(kw_only=True)
class TlsContext:
    """The TLS connection: the server name that the client sent (SNI), or None.

    With CUSTOM_AUTH_X509 it also has the client's certificate as PEM, and its id (A64).
    """

    server_name: str | None
    certificate_pem: str | None = None
    principal_id: str | None = None


@frozen(kw_only=True)
class Answer:
    """A valid answer of an authorizer function (C15).

    ``policy_documents`` are string documents verbatim and objects as compact JSON (B24). ``policies`` are the
    same documents parsed; a refusing answer grants nothing, so its ``policies`` is empty. ``refresh_after`` and
    ``disconnect_after`` are seconds, 300 to 86400.
    """

    authenticated: bool
    principal_id: str
    policy_documents: tuple[str, ...]
    policies: tuple[Policy, ...]
    refresh_after: int
    disconnect_after: int


class InvalidAnswer(ValueError):
    """The function failed or broke the contract; the message is the text that AWS gives (C20).

    Its ``__cause__``, where there is one, says in more detail what is wrong.
    """


def build_event(
    *,
    connection_id: str,
    mqtt: MqttContext | None = None,
    http: HttpContext | None = None,
    tls: TlsContext | None = None,
    token: str | None,
    signature_verified: bool,
) -> dict[str, object]:
    """Build the event of one invocation, ready for JSON, with its keys in the order of AWS (C1, C2).

    ``connection_id`` is a lower-case UUID, the same for the life of a connection (C4). ``protocols`` and
    ``protocolData`` name the contexts given, each in its own order (C6, B28), and are left out without any (B27).
    What the client did not send is left out, never null (A20), and so is an empty client identifier (C12). The
    password is padded base64 (A19). The token is in the event only when its signature was verified (C3).
    """
    protocol_data: dict[str, object] = {}
    if tls is not None:
        protocol_data["tls"] = _present(
            serverName=tls.server_name, x509CertificatePem=tls.certificate_pem, principalId=tls.principal_id
        )
    if mqtt is not None:
        password = None if mqtt.password is None else base64.b64encode(mqtt.password).decode("ascii")
        protocol_data["mqtt"] = _present(username=mqtt.username, password=password, clientId=mqtt.client_id or None)
    if http is not None:
        protocol_data["http"] = {"headers": dict(http.headers), "queryString": http.query_string}
    event: dict[str, object] = {}
    if protocol_data:
        event["protocolData"] = protocol_data
        event["protocols"] = [name for name in _PROTOCOLS if name in protocol_data]
    if signature_verified and token is not None:
        event["token"] = token
    event["signatureVerified"] = signature_verified
    event["connectionMetadata"] = {"id": connection_id}
    return event


def validate_answer(payload: str | bytes, *, policies_optional: bool = False) -> Answer:
    """Validate the JSON that the function returned, in the order of AWS; the first failing check wins (C20).

    Accepted as in the field (J6): a JSON string that holds the object, unknown keys (C18), documents as objects or
    strings (C17). A key whose value is null counts as missing, as the texts of C20 show. The principal, the
    documents and the times are checked even when ``isAuthenticated`` is false (C19), so a refusal with times of
    0 is invalid; it is refused either way (J8). Times left out are 300 s to refresh and 86400 s to disconnect,
    their bounds are inclusive (C16), and only JSON integers count: 300.0, "300" and true are refused. The size of
    a document is its characters as delivered, white space included (C23).

    :param policies_optional: ``policyDocuments`` may be missing, as with CUSTOM_AUTH_X509 (A66).
    :raises InvalidAnswer: the answer breaks the contract.
    """
    try:
        return _validate(payload, policies_optional)
    except RecursionError:
        # What Python can read, nested almost too deeply, it may be unable to write again as compact JSON.
        raise InvalidAnswer(_INVALID_FORMAT) from None


def function_error_text(error_message: str, error_type: str) -> str:
    """Give the text of :class:`InvalidAnswer` for a function that raised an error (C20, step 1)."""
    return f"Lambda function encountered error in execution: {error_message}: {error_type}"


def _present(**members: str | None) -> dict[str, str]:
    return {name: value for name, value in members.items() if value is not None}


def _validate(payload: str | bytes, policies_optional: bool) -> Answer:
    answer = _read_answer(payload)
    authenticated = answer.get("isAuthenticated")
    if not isinstance(authenticated, bool):
        found = f"is {_kind(authenticated)}" if "isAuthenticated" in answer else "is missing"
        raise InvalidAnswer(_INVALID_FORMAT) from ValueError(f"isAuthenticated {found}; return true or false")
    principal_id = answer.get("principalId")
    if not isinstance(principal_id, str) or _PRINCIPAL_ID.fullmatch(principal_id) is None:
        constraint = "Member must satisfy ([a-zA-Z0-9]){1,128}"
        raise InvalidAnswer(f"{_as_text(principal_id)} at principalId failed to satisfy constraint: {constraint}")
    documents = answer.get("policyDocuments")
    if documents is None and policies_optional:
        documents = []
    if not isinstance(documents, list):
        raise InvalidAnswer(f"{_POLICIES_FAILED}List of policies cannot be null.")
    if len(documents) > _MAX_POLICIES:
        raise InvalidAnswer(f"{_POLICIES_FAILED}Number of policies allowed cannot exceed {_MAX_POLICIES}")
    policy_documents = tuple(_as_text(document) for document in documents)
    if any(len(text) > _MAX_POLICY_CHARACTERS for text in policy_documents):
        limit = f"Size of a policy document cannot exceeds hard limit of {_MAX_POLICY_CHARACTERS}"
        raise InvalidAnswer(f"{_POLICIES_FAILED}{limit}")
    policies = _parse_documents(documents)
    refresh_after = _seconds(answer, "refreshAfterInSeconds", _MIN_SECONDS)
    disconnect_after = _seconds(answer, "disconnectAfterInSeconds", _MAX_SECONDS)
    return Answer(
        authenticated=authenticated,
        principal_id=principal_id,
        policy_documents=policy_documents,
        policies=policies if authenticated else (),
        refresh_after=refresh_after,
        disconnect_after=disconnect_after,
    )


def _read_answer(payload: str | bytes) -> dict[str, object]:
    try:
        answer = read_json(payload if isinstance(payload, str) else payload.decode("utf-8"))
        if isinstance(answer, str):
            answer = read_json(answer)
    except ValueError as error:
        raise InvalidAnswer(_INVALID_FORMAT) from error
    if not isinstance(answer, dict):
        raise InvalidAnswer(_INVALID_FORMAT) from ValueError(f"it answered {_kind(answer)}; return a JSON object")
    return answer


def _kind(value: object) -> str:
    """Name what a JSON value is; never the value itself, which may be a secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "a number"


def _parse_documents(documents: list[object]) -> tuple[Policy, ...]:
    policies: list[Policy] = []
    for index, document in enumerate(documents):
        place = f"policyDocuments[{index}]"
        try:
            if not isinstance(document, str | dict):
                raise PolicyError("the document must be a JSON object")
            policies.append(_parse_text(_as_text(document)))
        except PolicyError as error:
            text = f"{_POLICIES_FAILED}Policy document is Malformed: Invalid policy syntax."
            raise InvalidAnswer(text) from PolicyError(f"{place}: {error}")
    return tuple(policies)


@functools.lru_cache(maxsize=512)
def _parse_text(text: str) -> Policy:
    # A function gives the same few documents again and again, and a parsed one never changes.
    return parse_policy(text)


def _seconds(answer: dict[str, object], name: str, default: int) -> int:
    value = answer.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or not _MIN_SECONDS <= value <= _MAX_SECONDS:
        constraint = "Member must be greater than 5 minutes and less than 24 hours."
        raise InvalidAnswer(f"{_as_text(value)} at {name} failed to satisfy constraint: {constraint}")
    return value


def _as_text(value: object) -> str:
    """A string verbatim, any other value as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
