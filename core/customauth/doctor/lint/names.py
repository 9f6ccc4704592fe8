"""The names of the parameters: AWS's own two, the authorizer's, the token's (A1, A17, B1, B3)."""

from __future__ import annotations

import re

from customauth import _parameters as grammar
from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.sight import Sight, reported, skipped, warned
from customauth.doctor.parameters import SIGV4, TOKEN, candidates, first, meant, showable
from customauth.doctor.setup import Origin
from customauth.endpoint import Transport
from customauth.request import CredentialsIn

MISREAD = "the parameters are not read as they were meant"

_AUTHORIZER = re.compile(r"[\w=,@-]+", re.ASCII)  # B1
_KEY_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")  # B3
_MAX_NAME = 128


def refused(sight: Sight) -> Check | None:
    """Tell why customauth itself would not send the credentials."""
    setup = sight.setup
    if setup.broken is None or setup.origin is not Origin.FLAGS:
        return None
    lost = setup.credentials_in is not CredentialsIn.USERNAME
    if lost and setup.endpoint is not None and setup.endpoint.transport is Transport.MQTT:
        return reported("credentials", sight.likely("credentials-missing", setup.broken), otherwise="")
    return warned("credentials", f"customauth itself would not send them: {setup.broken}")


def parameter_names(sight: Sight) -> Check:
    """Look for a name that is nearly one of AWS's."""
    if not sight.parameters:
        return skipped("parameter names", "there are no parameters")
    if sight.garbled:
        return skipped("parameter names", MISREAD)
    expected = sight.setup.expected_token_key_name
    findings = []
    for parameter in sight.parameters:
        wanted = None if parameter.name == expected else meant(parameter.name)
        if wanted is None or (wanted != TOKEN and first(sight.parameters, wanted) is not None):
            continue
        shown = repr(parameter.name) if len(parameter.name) <= _MAX_NAME and parameter.value else "a parameter's name"
        if wanted == TOKEN:
            if expected is not None and first(sight.parameters, expected) is not None:
                continue
            evidence = f"{shown} is no parameter of AWS; the token travels under the authorizer's token key name"
            told = {} if expected is None else {"meant": expected}
        else:
            evidence = f"{shown} is not {wanted}"
            told = {"meant": wanted}
        told["parameter"] = parameter.name
        findings.append(sight.likely("parameter-name-misspelt", evidence, told))
    findings += _about_sigv4(sight)
    names = ", ".join(_in_order(showable(sight.parameters)))
    return reported("parameter names", *findings, otherwise=names or "none that can be shown")


def authorizer(sight: Sight) -> Check:
    """Look at the authorizer's name (A60, B1, J9)."""
    name = sight.setup.parts.authorizer
    if sight.setup.broken_rule is not None:
        return skipped("authorizer", "there is no CONNECT to read it from")
    if sight.garbled:
        return skipped("authorizer", MISREAD)
    if not name:
        how = "none is named" if name is None else "its name is empty"
        evidence = f"{how}: the endpoint needs a default authorizer"
        return reported("authorizer", sight.possible("authorizer-not-named", evidence), otherwise="")
    if len(name) > _MAX_NAME:
        evidence = f"the authorizer's name has {len(name)} characters, and no authorizer has more than {_MAX_NAME}"
        return reported("authorizer", sight.likely("authorizer-name-invalid", evidence), otherwise="")
    if not _AUTHORIZER.fullmatch(name):
        odd = "a blank or a line end" if re.search(r"\s", name) else "a character"
        evidence = f"the authorizer's name holds {odd} that no authorizer has in its name"
        return reported("authorizer", sight.likely("authorizer-name-invalid", evidence), otherwise="")
    return reported("authorizer", otherwise=sight.facts().get("authorizer", "named"))


def token_key_name(sight: Sight) -> Check:
    """Look at the name under which the token travels (B3, F8)."""
    setup = sight.setup
    expected, sent = setup.expected_token_key_name, setup.parts.token_key_name
    if sight.garbled:
        return skipped("token key name", MISREAD)
    if sent is None:
        return skipped("token key name", "no token is sent")
    if expected is not None and first(sight.parameters, expected) is None:
        others = [parameter.name for parameter in candidates(sight.parameters)]
        evidence = f"the token travels under {sight.shown(sent)}, and the authorizer expects {expected!r}"
        if sent.lower() == expected.lower():
            evidence += "; upper and lower case count"
        told = {"token_key_name": expected, "sent_key_name": sent} if sent in showable(sight.parameters) else None
        find = sight.certain if len(others) == 1 or setup.parts.signature is not None else sight.likely
        return reported("token key name", find("token-key-name-mismatch", evidence, told), otherwise="")
    if not _KEY_NAME.fullmatch(sent):
        evidence = "the name under which the token travels has characters that no token key name has"
        return reported("token key name", sight.likely("token-key-name-mismatch", evidence), otherwise="")
    return reported("token key name", otherwise=sight.shown(sent))


def _about_sigv4(sight: Sight) -> list[Finding]:
    signed = any(parameter.name.lower() in SIGV4 for parameter in sight.parameters)
    if not signed or first(sight.parameters, grammar.AUTHORIZER_NAME) is not None:
        return []
    return [sight.likely("sigv4-request", "the parameters are those of SigV4, X-Amz-Signature and its like")]


def _in_order(names: list[str]) -> list[str]:
    own = {grammar.AUTHORIZER_NAME, grammar.SIGNATURE}
    return sorted(names, key=lambda name: name.lower() not in own)
