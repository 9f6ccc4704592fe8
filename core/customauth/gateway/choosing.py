"""Which authorizer decides, and whether the token's signature is one of its keys': pure (A58-A60, B9, B19-B21)."""

from __future__ import annotations

import re

from attrs import field, frozen

from customauth._parameters import SDK_NAMES, SIGNATURE
from customauth.gateway.config import Authorizer, DomainConfiguration, GatewayConfig
from customauth.gateway.decision import Reason, Refusal, refuse
from customauth.gateway.presented import Presented
from customauth.signing import public_key_verifies

MAX_TOKEN_LENGTH = 6144  # A21
MAX_SIGNATURE_LENGTH = 2560  # A21
_MAX_NAME = 128  # B1

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+=*")


@frozen(kw_only=True)
class Choice:
    """The authorizer that decides, and why it is this one."""

    authorizer: Authorizer
    because: str


@frozen(kw_only=True)
class Proof:
    """What the signature check gave.

    :ivar token: the verified token, None where signing is disabled (B21).
    :ivar how: for the decision's line.
    """

    token: str | None = field(repr=False)
    how: str


def choose_authorizer(
    config: GatewayConfig, domain: DomainConfiguration | None, presented: Presented
) -> Choice | Refusal:
    """Pick the authorizer that the client named, else the domain's default, else the account's (A22, A58, A60)."""
    named = presented.authorizer_name
    default = domain.default_authorizer if domain is not None else None
    if named is not None and default is not None and domain is not None and not domain.allow_authorizer_override:
        # A59, I4
        ignored = f", the name {_shown(named)} is ignored" if named != default else ""
        name, because = default, f"default of domain configuration {domain.name}, no override{ignored}"
    elif named is not None:
        name, because = named, "named by the client"
    elif default is not None and domain is not None:
        name, because = default, f"default of domain configuration {domain.name}"
    elif config.default_authorizer is not None:
        name, because = config.default_authorizer, "default of the account"
    else:
        why = "the client named no authorizer and there is no default one"
        return refuse(Reason.NOT_FOUND, "authorizer-not-named", why)
    authorizer = config.authorizers.get(name)
    if authorizer is None:
        why = f"there is no authorizer {_shown(name)}"
        return refuse(Reason.NOT_FOUND, "authorizer-not-found", why, authorizers=", ".join(config.authorizers))
    if not authorizer.active:
        return inactive(authorizer)
    return Choice(authorizer=authorizer, because=because)


def _shown(name: str) -> str:
    """Quote what a client sent as a name, but not what is too long for one (B1): it may be a signature."""
    return repr(name) if len(name) <= _MAX_NAME else f"of {len(name)} characters"


def inactive(authorizer: Authorizer) -> Refusal:
    """Refuse because of the authorizer's status (B9)."""
    why = f"authorizer {authorizer.name} is INACTIVE"
    return refuse(Reason.NOT_FOUND, "authorizer-inactive", why, authorizer=authorizer.name)


def check_signature(authorizer: Authorizer, presented: Presented) -> Proof | Refusal:
    """Verify the token's signature with any of the authorizer's keys (B19), before the function runs (B20)."""
    if authorizer.signing_disabled:
        return Proof(token=None, how="signing disabled")
    key_name = authorizer.token_key_name or ""
    token, signature = presented.token(key_name), presented.signature
    if not token or not signature:
        return _missing(key_name, token, presented)
    if len(token) > MAX_TOKEN_LENGTH or len(signature) > MAX_SIGNATURE_LENGTH:
        rule = "token-too-long" if len(token) > MAX_TOKEN_LENGTH else "signature-too-long"
        why = f"token or signature is too long: {len(token)} and {len(signature)} characters"
        return refuse(Reason.PARAMETER_INVALID, rule, why)
    for name, key in authorizer.public_keys.items():
        if public_key_verifies(key, token, signature):
            return Proof(token=token, how=f"signature verified with {name}")
    keys = " or ".join(authorizer.public_keys)
    why = f"the signature does not verify with {keys}"
    return refuse(Reason.PARAMETER_INVALID, _cause(signature, token, presented), why, keys=keys)


def _missing(key_name: str, token: str | None, presented: Presented) -> Refusal:
    missing = "x-amz-customauthorizer-signature" if token else f"the token ({key_name})"
    sent = presented.names()
    why = f"{missing} is missing or empty; the parameters sent are: {', '.join(sent) or 'none'}"
    other = next((name for name in sent if not name.lower().startswith("x-amz-") and name not in SDK_NAMES), None)
    rule, facts = "signature-missing" if token else "token-missing", {"token_key_name": key_name}
    if not token and presented.signature and other is not None:
        rule, facts = "token-key-name-mismatch", {**facts, "sent_key_name": other}
    return refuse(Reason.PARAMETER_INVALID, rule, why, **facts)


def _cause(signature: str, token: str, presented: Presented) -> str:
    """Name the cause that the form of a signature that does not verify gives away."""
    if "%" in signature:
        in_header = presented.headers.get(SIGNATURE) == signature
        return "signature-in-header-encoded" if in_header else "signature-double-encoded"
    if "\n" in signature or "\r" in signature:
        return "signature-line-breaks"
    if " " in signature:
        return "signature-spaces"
    if _BASE64URL.fullmatch(signature) and ("-" in signature or "_" in signature):
        return "signature-base64url"
    if len(signature) % 4:
        return "signature-truncated"
    return "token-newline" if token != token.strip() else "signature-mismatch"
