"""Does the signature verify with the authorizer's own public keys (B17-B21, F8)?"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from attrs import evolve

from customauth.doctor.aws.case import Authorizer, Case, passed, skipped, stopped, warned
from customauth.doctor.finding import Certainty, Check
from customauth.doctor.lint.sight import Sight
from customauth.doctor.lint.signature import signature as form_of
from customauth.doctor.lint.verification import verification
from customauth.doctor.parameters import SIGNATURE, candidates, parts_of, showable
from customauth.errors import CredentialError
from customauth.request import CredentialsIn
from customauth.signing import load_public_key, verify

_NAME = "signature"
_MISMATCH = "signature-mismatch"


def check_signature(case: Case) -> Check | None:
    """Check token and signature as AWS does before it calls the function (B20)."""
    authorizer = case.authorizer
    if authorizer is None:
        return None
    signature = case.value(SIGNATURE)
    if authorizer.signing_disabled:
        return _unsigned(case, authorizer, signature)
    key_name = authorizer.token_key_name or ""
    token = case.value(key_name)
    if token is None or signature is None:
        case.unverified = True
        return _incomplete(case, authorizer, token, signature)
    keys = _keys(authorizer)
    for name, pem in keys.items():
        if verify(token, signature, pem):
            return passed(_NAME, f"it verifies with key {name} of authorizer {authorizer.name}")
    if not keys:
        return skipped(_NAME, f"the keys of authorizer {authorizer.name} cannot be read here")
    case.unverified = True
    rule, why = _explain(case, key_name, keys)
    evidence = f"it does not verify with {' or '.join(keys)} of authorizer {authorizer.name}{f': {why}' if why else ''}"
    return stopped(_NAME, case.finding(rule, Certainty.CERTAIN, evidence, keys=", ".join(keys)))


def _explain(case: Case, key_name: str, keys: Mapping[str, bytes]) -> tuple[str, str]:
    """Say why, by what lint finds once it knows the keys and the name of the token."""
    parts = parts_of(case.parameters, key_name)
    sight = Sight.of(evolve(case.setup, public_keys=keys, parts=parts), case.began)
    fits, form = verification(sight).findings, form_of(sight).findings
    # What would verify says more than what a signature looks like, and that more than that nothing does.
    telling = [each for each in fits if each.rule != _MISMATCH] or [*form, *fits]
    return (telling[0].rule, telling[0].evidence) if telling else (_MISMATCH, "")


def _unsigned(case: Case, authorizer: Authorizer, signature: str | None) -> Check:
    if signature is None:
        return passed(_NAME, f"authorizer {authorizer.name} has signing disabled, and none is sent")
    evidence = f"authorizer {authorizer.name} has signing disabled: nobody verifies the signature that is sent"
    return warned(_NAME, evidence, case.finding("signing-disabled", Certainty.POSSIBLE, evidence))


def _incomplete(case: Case, authorizer: Authorizer, token: str | None, signature: str | None) -> Check:
    """Say what is missing; a token under another name is worth more than a missing one."""
    key_name = authorizer.token_key_name
    wants = f"authorizer {authorizer.name} wants the token as {key_name}"
    travelling = [each for each in case.parameters if each.place is not CredentialsIn.HEADERS]
    others = candidates(travelling)
    if token is None and others:
        other = next((name for name in showable(travelling) if any(each.name == name for each in others)), None)
        shown = "another name" if other is None else repr(other)
        evidence = f"{wants}, and it is sent under {shown}"
        finding = case.finding("token-key-name-mismatch", Certainty.CERTAIN, evidence, sent_key_name=other)
        if signature is not None:
            return stopped(_NAME, finding)
        lacks = case.finding("signature-missing", Certainty.CERTAIN, f"authorizer {authorizer.name} wants a signature")
        return stopped(_NAME, finding, lacks)
    if token is None:
        what = "neither it nor a signature is sent" if signature is None else "only a signature is sent"
        return stopped(_NAME, case.finding("token-missing", Certainty.CERTAIN, f"{wants}, signed; {what}"))
    evidence = f"{wants} with its signature, and no {SIGNATURE} is sent"
    return stopped(_NAME, case.finding("signature-missing", Certainty.CERTAIN, evidence))


def _keys(authorizer: Authorizer) -> dict[str, bytes]:
    """Return the keys that can be verified with."""
    found = {}
    for name, pem in authorizer.keys.items():
        with contextlib.suppress(CredentialError):
            load_public_key(pem.encode())
            found[name] = pem.encode()
    return found
