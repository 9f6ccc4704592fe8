"""TestInvokeAuthorizer with the very credentials of the device (B23-B30), and what else it lets in."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from attrs import frozen

from customauth import _parameters as grammar
from customauth.doctor.aws.answers import explain_refusal
from customauth.doctor.aws.case import Case, passed, skipped, stopped
from customauth.doctor.aws.claims import expiry
from customauth.doctor.aws.clients import Refused
from customauth.doctor.finding import Certainty, Check
from customauth.doctor.parameters import SIGNATURE

_NAME = "test-invoke-authorizer"
# A password that short is base64 by chance.
_SHORTEST_ENCODED = 8
_NO_TEXT = b"\xff\xfe\xff"
# What the service takes (A21).
_MOST_QUERY = 4096
_MOST_VALUE = 8192
_MOST_FIELD = 65_535


@frozen(kw_only=True)
class _Trial:
    """Other credentials that the function may let in, and what it would mean."""

    rule: str
    evidence: str
    contexts: Mapping[str, Any]


def check_invocation(case: Case, *, invoke: bool) -> Iterator[Check]:
    """Ask AWS to run the function with what the device sends, and on a no with what it might have meant."""
    if case.authorizer is None:
        return
    if not invoke:
        yield skipped(_NAME, "it runs the function, and was switched off")
        return
    contexts = _contexts(case)
    if "mqttContext" not in contexts and "httpContext" not in contexts:
        yield skipped(_NAME, "the device sends nothing that could be tested")
        return
    answer = _invoke(case, contexts)
    if isinstance(answer, Refused):
        yield explain_refusal(case, answer)
        return
    if not answer.get("isAuthenticated"):
        yield _explain_denial(case, contexts)
        return
    case.policy_documents = tuple(answer.get("policyDocuments") or ())
    principal = case.masking.line(str(answer.get("principalId", "")))
    wanted = _certificate_id(case) if case.wants_certificate else None
    if wanted is not None and answer.get("principalId") != wanted:
        evidence = f"the function answers the principalId {principal}, and the client certificate's id is {wanted}"
        finding = case.finding("principal-of-certificate", Certainty.CERTAIN, evidence, certificate=wanted)
        yield stopped(_NAME, finding)
        return
    life = (
        f"refresh after {answer.get('refreshAfterInSeconds')} s, end after {answer.get('disconnectAfterInSeconds')} s"
    )
    yield passed(_NAME, f"the function lets it in as {principal}, {life}")


def _certificate_id(case: Case) -> str | None:
    """Return the id that AWS gives to the device's certificate (A64), None where there is none."""
    endpoint = case.setup.endpoint
    if endpoint is None or endpoint.client_certificate is None:
        return None
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certificate = load_pem_x509_certificate(endpoint.client_certificate.certificate_pem)
    except ValueError:
        return None
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _invoke(case: Case, contexts: Mapping[str, Any]) -> dict[str, Any] | Refused:
    name = "" if case.authorizer is None else case.authorizer.name
    return case.ask("iot", "test_invoke_authorizer", authorizerName=name, **contexts)


def _contexts(case: Case, **changed: str | bytes) -> dict[str, Any]:
    """Return the contexts of a request; AWS takes none of its members empty or longer than this (A21).

    :param changed: ``username`` or ``password`` in the place of the device's.
    """
    setup = case.setup
    mqtt: dict[str, Any] = {
        "username": changed.get("username", setup.username),
        "password": changed.get("password", setup.password),
        "clientId": setup.client_id,
    }
    mqtt = {name: value for name, value in mqtt.items() if value and len(value) <= _MOST_FIELD}
    headers = {name: value for name, value in setup.headers.items() if name and value and len(value) <= _MOST_VALUE}
    query = (setup.query or "").removeprefix("?")
    # B26: without its ? the query is refused.
    http: dict[str, Any] = {"headers": headers} if headers else {}
    if query and len(query) < _MOST_QUERY:
        http["queryString"] = f"?{query}"
    contexts: dict[str, Any] = {}
    if mqtt:
        contexts["mqttContext"] = mqtt
    if http:
        contexts["httpContext"] = http
    if case.host is not None:
        contexts["tlsContext"] = {"serverName": case.host}
    return contexts


def _explain_denial(case: Case, contexts: Mapping[str, Any]) -> Check:
    """Find out why the function says no: it is asked again with what the device may have meant."""
    for trial in _trials(case, contexts):
        answer = _invoke(case, trial.contexts)
        if not isinstance(answer, Refused) and answer.get("isAuthenticated"):
            return stopped(_NAME, case.finding(trial.rule, Certainty.CERTAIN, trial.evidence))
    denied = f"the function of authorizer {'' if case.authorizer is None else case.authorizer.name} answers " + (
        "isAuthenticated false to these very credentials"
    )
    ended = expiry(case)
    if ended is not None:
        certain = case.finding(ended.rule, Certainty.CERTAIN, f"{ended.evidence}, and the function says no")
        return stopped(_NAME, certain, case.finding("function-denies", Certainty.LIKELY, denied), detail=denied)
    return _explain_password(case, denied)


def _explain_password(case: Case, denied: str) -> Check:
    """Say whether the function may compare the base64 that it gets with the plain password (A19).

    Such a function lets in a password that is base64 itself once that is decoded, which has been tried. With any other
    it looks just like one that knows another password, unless it shows that it decodes, or what it compares with.
    """
    password = case.setup.password
    certain = case.finding("function-denies", Certainty.CERTAIN, denied)
    if not password or _decoded(password) is not None:
        return stopped(_NAME, certain)
    if password in case.known_to_function:
        evidence = (
            "the function says no to the very password that is in its environment: it compares it with the base64"
        )
        encoding = case.finding("password-encoding", Certainty.LIKELY, evidence)
        return stopped(_NAME, encoding, case.finding("function-denies", Certainty.LIKELY, denied))
    if case.runtime.startswith("python") and _stumbles(case):
        return stopped(_NAME, certain)
    evidence = "the function gets the password in base64; it may compare that with the plain text"
    return stopped(_NAME, certain, case.finding("password-encoding", Certainty.POSSIBLE, evidence))


def _stumbles(case: Case) -> bool:
    """Say whether the function fails with a password that is no text, as one does that decodes it into one."""
    answer = _invoke(case, _contexts(case, password=_NO_TEXT))
    return isinstance(answer, Refused) and answer.code == "InvalidResponseException"


def _trials(case: Case, contexts: Mapping[str, Any]) -> Iterator[_Trial]:
    """List at most three other ways to ask."""
    user, parameters = grammar.split_username(case.setup.username or "")
    if user and parameters is not None:
        yield _Trial(
            rule="function-reads-whole-username",
            evidence="the function lets in the user name without its ?…, and not the whole one, which is what it gets",
            contexts=_with_plain_username(case, user, contexts),
        )
    password = case.setup.password
    if not password:
        return
    decoded = _decoded(password)
    if decoded is not None:
        yield _Trial(
            rule="password-encoding",
            evidence="the function lets in the password decoded from base64 once: the device sends base64, or the "
            "function does not decode what AWS encodes",
            contexts=_contexts(case, password=decoded),
        )
    yield _Trial(
        rule="password-encoding",
        evidence="the function lets in the password encoded in base64 once more: it decodes twice",
        contexts=_contexts(case, password=base64.b64encode(password)),
    )


def _with_plain_username(case: Case, user: str, contexts: Mapping[str, Any]) -> dict[str, Any]:
    """Let the parameters travel in the URL's query in place of the user name (A28)."""
    changed = _contexts(case, username=user)
    authorizer = case.authorizer
    if authorizer is None or authorizer.signing_disabled or "queryString" in contexts.get("httpContext", {}):
        return changed
    names = (SIGNATURE, authorizer.token_key_name or "")
    pairs = [(name, case.value(name)) for name in names if name]
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs if value)
    if query and len(query) < _MOST_QUERY:
        changed["httpContext"] = changed.get("httpContext", {}) | {"queryString": f"?{query}"}
    return changed


def _decoded(password: bytes) -> bytes | None:
    """Return what a password is the base64 of, None where it is none."""
    if len(password) < _SHORTEST_ENCODED:
        return None
    try:
        decoded = base64.b64decode(password, validate=True)
    except binascii.Error:
        return None
    return decoded or None
