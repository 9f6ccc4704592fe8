"""What CloudWatch knows of the last quarter of an hour: the function's errors, and AWS IoT's own reasons (C34-C36)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from customauth.doctor.aws.case import Case, passed, skipped, warned
from customauth.doctor.aws.clients import Refused
from customauth.doctor.finding import Certainty, Check, Finding

_BACK = timedelta(minutes=15)
_MOST = 20
_SHOWN = 3
# A page may be empty though another has something.
_MOST_PAGES = 5
_OF_FUNCTION = '?ERROR ?Error ?Exception ?"Task timed out"'
_IOT_GROUP = "AWSIotLogsV2"
_OF_IOT = '{ ($.eventType = "Connection.AuthNError") || ($.eventType = "Connect" && $.status = "Failure") }'
# AWS documents the codes, not when it uses which.
_RULES = {
    "AUTHORIZATION_FAILURE": "policy-client-id",
    "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR": "function-error",
    "CUSTOM_AUTHORIZER_NOT_FOUND": "authorizer-not-found",
    "DOMAIN_CONFIGURATION_DISABLED": "domain-disabled",
    "DOMAIN_CONFIGURATION_INVALID": "domain-wrong-type",
    "NOT_AUTHENTICATED": "function-denies",
    "SECURITY_TOKEN_EXPIRED": "jwt-expired",
    "SECURITY_TOKEN_SIGNATURE_MISMATCH": "signature-mismatch",
    "SNI_MISUSED": "sni-refused",
}


def check_function_log(case: Case) -> Check | None:
    """Look for errors of the function before this examination began, which runs it too."""
    function = case.function
    if function is None or not case.log_group:
        return None
    name = "function's log"
    found = _events(case, case.log_group, _OF_FUNCTION, region=function.region)
    if isinstance(found, Refused):
        if found.is_not_found:
            return passed(name, f"there is no {case.log_group}: it has not run yet, or may not write a log")
        return skipped(name, found.why)
    if not found:
        return passed(name, f"no errors in {case.log_group} in the last 15 minutes")
    lines = list(dict.fromkeys(case.masking.line(str(event.get("message", ""))) for event in reversed(found)))[:_SHOWN]
    detail = f"the last of {case.log_group}: {' | '.join(lines)}"
    certainty = Certainty.POSSIBLE
    findings: list[Finding] = []
    if "timed out" in lines[0]:
        findings.append(case.finding("function-timeout", certainty, f"the function's log has: {lines[0]}"))
    elif lines[0]:
        findings.append(case.finding("function-error", certainty, f"the function's log has: {lines[0]}"))
    return warned(name, detail, *findings)


def check_iot_log(case: Case) -> Check:
    """Look for AWS IoT's own word about this client's attempts, where it logs them."""
    name = "AWS IoT's log"
    found = _events(case, _IOT_GROUP, _OF_IOT)
    if isinstance(found, Refused):
        if found.is_not_found:
            return passed(name, f"there is no {_IOT_GROUP}: the account logs no refusals (docs/aws-setup.md says how)")
        return skipped(name, found.why)
    events = [event for event in map(_read, found) if _is_of(case, event)]
    if not events:
        return passed(name, "no refusal of this client in the last 15 minutes")
    last = events[-1]
    reason = case.masking.line(str(last.get("reason", "")))
    details = case.masking.line(str(last.get("details", "")))
    evidence = f"AWS IoT logged {reason or 'a refusal'}{f': {details}' if details else ''}"
    rule = _RULES.get(str(last.get("reason", "")))
    if rule is None:
        return warned(name, evidence)
    sure = case.probe_connected is False and case.setup.client_id_given
    return warned(name, evidence, case.finding(rule, Certainty.LIKELY if sure else Certainty.POSSIBLE, evidence))


def _is_of(case: Case, event: dict[str, Any]) -> bool:
    client_id = event.get("clientId")
    return bool(event) and (client_id is None or not case.setup.client_id or client_id == case.setup.client_id)


def _read(event: dict[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(event.get("message", ""))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _events(case: Case, group: str, pattern: str, **asked: Any) -> list[dict[str, Any]] | Refused:
    """Return the last events of a log group, the oldest first."""
    end = int(case.began.timestamp() * 1000)
    page: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    for _ in range(_MOST_PAGES):
        answer = case.ask(
            "logs",
            "filter_log_events",
            logGroupName=group,
            startTime=end - int(_BACK.total_seconds() * 1000),
            endTime=end,
            filterPattern=pattern,
            limit=_MOST,
            **page,
            **asked,
        )
        if isinstance(answer, Refused):
            return answer
        events += answer.get("events", [])
        if not answer.get("nextToken"):
            break
        page = {"nextToken": answer["nextToken"]}
    return sorted(events, key=lambda event: event.get("timestamp", 0))
