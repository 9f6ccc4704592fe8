"""Which authorizer decides, and whether the token's signature is one of its keys': pure (A58-A60, B9, B19-B21)."""

from __future__ import annotations

import re

from attrs import field, frozen

from customauth._parameters import SDK_NAMES
from customauth.gateway.config import Authorizer, DomainConfiguration, GatewayConfig
from customauth.gateway.decision import Reason, Refusal
from customauth.gateway.presented import Presented
from customauth.signing import public_key_verifies

MAX_TOKEN_LENGTH = 6144  # A21
MAX_SIGNATURE_LENGTH = 2560  # A21

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
        ignored = f", the name {named[:128]!r} is ignored" if named != default else ""
        name, because = default, f"default of domain configuration {domain.name}, no override{ignored}"
    elif named is not None:
        name, because = named, "named by the client"
    elif default is not None and domain is not None:
        name, because = default, f"default of domain configuration {domain.name}"
    elif config.default_authorizer is not None:
        name, because = config.default_authorizer, "default of the account"
    else:
        return Refusal(
            reason=Reason.NOT_FOUND,
            why="the client named no authorizer and there is no default one",
            fix="send x-amz-customauthorizer-name after a ? in the user name, or configure default_authorizer",
        )
    authorizer = config.authorizers.get(name)
    if authorizer is None:
        return Refusal(
            reason=Reason.NOT_FOUND,
            why=f"there is no authorizer {name[:128]!r}",
            fix=f"name one of {', '.join(config.authorizers)}",
        )
    if not authorizer.active:
        return Refusal(
            reason=Reason.NOT_FOUND,
            why=f"authorizer {name} is INACTIVE",
            fix='set its status to "ACTIVE"',
        )
    return Choice(authorizer=authorizer, because=because)


def check_signature(authorizer: Authorizer, presented: Presented) -> Proof | Refusal:
    """Verify the token's signature with any of the authorizer's keys (B19), before the function runs (B20)."""
    if authorizer.signing_disabled:
        return Proof(token=None, how="signing disabled")
    key_name = authorizer.token_key_name or ""
    token, signature = presented.token(key_name), presented.signature
    if not token or not signature:
        return _missing(key_name, token, presented)
    if len(token) > MAX_TOKEN_LENGTH or len(signature) > MAX_SIGNATURE_LENGTH:
        return _invalid(
            f"token or signature is too long: {len(token)} and {len(signature)} characters",
            f"keep the token within {MAX_TOKEN_LENGTH} and the signature within {MAX_SIGNATURE_LENGTH}",
        )
    for name, key in authorizer.public_keys.items():
        if public_key_verifies(key, token, signature):
            return Proof(token=token, how=f"signature verified with {name}")
    keys = " or ".join(authorizer.public_keys)
    return _invalid(f"the signature does not verify with {keys}", _cure(signature, token))


def _missing(key_name: str, token: str | None, presented: Presented) -> Refusal:
    missing = "x-amz-customauthorizer-signature" if token else f"the token ({key_name})"
    sent = presented.names()
    why = f"{missing} is missing or empty; the parameters sent are: {', '.join(sent) or 'none'}"
    other = next((name for name in sent if not name.lower().startswith("x-amz-") and name not in SDK_NAMES), None)
    if not token and presented.signature and other is not None:
        return _invalid(why, f"the token key name sent is {other!r}, the authorizer expects {key_name!r}")
    where = "after the last ? of the user name"
    if presented.headers:
        where = f"{where}, or both as headers or in the URL query"
    return _invalid(why, f"send the token as {key_name}=… together with its signature, {where}")


def _cure(signature: str, token: str) -> str:
    """Say what the form of a signature that does not verify tells."""
    if "%" in signature:
        return "percent-encode the signature once, not twice (A8)"
    if " " in signature:
        return "percent-encode the signature: a raw + in a URL query is a space (A14)"
    if _BASE64URL.fullmatch(signature) and ("-" in signature or "_" in signature):
        return "encode the signature as standard base64, not base64url (B17)"
    if len(signature) % 4:
        return "send the whole signature, with its = at the end: its length is no multiple of 4 (B17)"
    if token != token.strip():
        return "sign and send the token without white space around it (B17)"
    return "sign exactly the token that is sent, without a line end, with the private key of one of these"


def _invalid(why: str, fix: str) -> Refusal:
    return Refusal(reason=Reason.PARAMETER_INVALID, why=why, fix=fix)
