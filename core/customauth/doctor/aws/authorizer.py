"""Which authorizer decides, and what AWS says of it (A58-A60, B1, B9)."""

from __future__ import annotations

import re

from customauth.doctor.aws.case import Authorizer, Case, passed, skipped, stopped
from customauth.doctor.aws.clients import Refused
from customauth.doctor.finding import Certainty, Check

_NAME = re.compile(r"[\w=,@-]{1,128}")


def check_authorizer(case: Case) -> Check:
    """Find the authorizer that decides, and say whether it can."""
    name = "authorizer"
    named, default = case.named, case.default_authorizer
    chosen = default if default is not None and (named is None or not case.may_override) else named
    if chosen is None:
        found, because = _account_default(case), "the account's default"
        if found is None:
            evidence = f"no authorizer is named, and there is no default in {case.region}"
            return stopped(name, case.finding("authorizer-not-named", Certainty.CERTAIN, evidence))
    else:
        because = "named by the device" if chosen is named else f"the default of domain configuration {case.domain}"
        found = describe(case, chosen)
        if found is None:
            return _not_found(case, chosen)
    if isinstance(found, Refused):
        case.over = found.ends_all
        return skipped(name, found.why)
    case.authorizer = found
    if not found.active:
        evidence = f"authorizer {found.name} is INACTIVE, as one is that was created without --status ACTIVE"
        return stopped(name, case.finding("authorizer-inactive", Certainty.CERTAIN, evidence))
    signing = "signing disabled" if found.signing_disabled else f"signed, token key name {found.token_key_name}"
    return passed(name, f"{found.name} is ACTIVE ({because}), {signing}")


def describe(case: Case, name: str, *, region: str | None = None) -> Authorizer | Refused | None:
    """Return what AWS says of an authorizer; None where there is none.

    :param region: another one than that of the endpoint.
    """
    if not _NAME.fullmatch(name):
        return None
    answer = case.ask("iot", "describe_authorizer", region=region, authorizerName=name)
    if isinstance(answer, Refused):
        return None if answer.is_not_found else answer
    return Authorizer.read(answer.get("authorizerDescription") or {})


def _account_default(case: Case) -> Authorizer | Refused | None:
    answer = case.ask("iot", "describe_default_authorizer")
    if isinstance(answer, Refused):
        return None if answer.is_not_found else answer
    return Authorizer.read(answer.get("authorizerDescription") or {})


def _not_found(case: Case, name: str) -> Check:
    shown = case.masking.name(name)
    evidence = f"there is no authorizer {shown} in {case.region}"
    elsewhere = case.clients.home
    if elsewhere and elsewhere != case.region and isinstance(describe(case, name, region=elsewhere), Authorizer):
        evidence += f"; there is one in {elsewhere}, the region of the AWS profile"
    return stopped("authorizer", case.finding("authorizer-not-found", Certainty.CERTAIN, evidence, authorizer=shown))
