"""The authorizer's Lambda function: it exists, can run, and lets AWS IoT invoke it (B2, C24, F12, G2-G4)."""

from __future__ import annotations

from collections.abc import Iterator

from customauth.doctor.aws.case import Case, FunctionArn, passed, skipped, stopped, warned
from customauth.doctor.aws.clients import Refused
from customauth.doctor.aws.permission import judge_permission
from customauth.doctor.finding import Certainty, Check, Finding

_ALLOWED_SECONDS = 5  # C24


def check_function(case: Case) -> Iterator[Check]:
    """Look at the function, how much of it may run, and its resource policy."""
    function = case.function
    if case.authorizer is None:
        return
    if function is None:
        yield skipped("function", f"{case.authorizer.function_arn} is no ARN of a Lambda function")
        return
    case.log_group = f"/aws/lambda/{function.name}"
    yield _check_configuration(case, function)
    if case.not_run or case.over:
        return
    yield _check_concurrency(case, function)
    yield _check_permission(case, function)


def _check_configuration(case: Case, function: FunctionArn) -> Check:
    name = "function"
    found = case.ask("lambda", "get_function_configuration", region=function.region, **function.asked_for(case.account))
    if isinstance(found, Refused):
        if not found.is_not_found:
            case.over = found.ends_all
            return skipped(name, found.why)
        case.not_run = True
        evidence = f"there is no Lambda function {function.shown} in {function.region}"
        return stopped(name, _finding(case, function, "function-not-found", Certainty.CERTAIN, evidence))
    case.log_group = (found.get("LoggingConfig") or {}).get("LogGroup") or case.log_group
    case.runtime = found.get("Runtime") or ""
    variables = (found.get("Environment") or {}).get("Variables") or {}
    case.known_to_function = frozenset(value.encode() for value in variables.values())
    state = found.get("State", "Active")
    if state in ("Failed", "Pending"):
        case.not_run = state == "Failed"
        certainty = Certainty.CERTAIN if state == "Failed" else Certainty.LIKELY
        reason = case.masking.line(found.get("StateReason") or "")
        evidence = f"function {function.shown} is {state}{f': {reason}' if reason else ''}"
        return stopped(name, _finding(case, function, "function-inactive", certainty, evidence))
    limit = found.get("Timeout", 0)
    what = f"{function.shown} ({found.get('Runtime') or found.get('PackageType', 'function')}) is {state}"
    if state == "Inactive":
        # Lambda wakes it at the next invocation, which fails.
        evidence = f"{what}: it was idle for long, and its first invocation fails"
        return warned(name, evidence, _finding(case, function, "function-inactive", Certainty.POSSIBLE, evidence))
    if limit > _ALLOWED_SECONDS:
        evidence = f"its timeout of {limit} s lets it run on after AWS IoT has given up at {_ALLOWED_SECONDS} s"
        return warned(
            name, f"{what}; {evidence}", _finding(case, function, "function-slow", Certainty.POSSIBLE, evidence)
        )
    return passed(name, f"{what}, timeout {limit} s")


def _check_concurrency(case: Case, function: FunctionArn) -> Check:
    name = "function's concurrency"
    asked = function.asked_for(case.account)
    found = case.ask("lambda", "get_function_concurrency", region=function.region, FunctionName=asked["FunctionName"])
    if isinstance(found, Refused):
        return skipped(name, found.why)
    reserved = found.get("ReservedConcurrentExecutions")
    if reserved == 0:
        case.not_run = True
        evidence = f"the reserved concurrency of function {function.name} is 0: every invocation is throttled"
        return stopped(name, _finding(case, function, "function-inactive", Certainty.CERTAIN, evidence))
    return passed(name, "none is reserved" if reserved is None else f"{reserved} are reserved")


def _check_permission(case: Case, function: FunctionArn) -> Check:
    name = "permission to invoke"
    authorizer_arn = "" if case.authorizer is None else case.authorizer.arn
    found = case.ask("lambda", "get_policy", region=function.region, **function.asked_for(case.account))
    if isinstance(found, Refused):
        if not found.is_not_found:
            return skipped(name, found.why)
        case.not_run = True
        evidence = f"function {function.shown} has no resource policy: nobody's service may invoke it"
        if function.qualifier is not None and _whole_function_permits(case, function, authorizer_arn):
            evidence = f"the permission is on function {function.name}, and the authorizer invokes {function.shown}"
        return stopped(name, _finding(case, function, "function-not-permitted", Certainty.CERTAIN, evidence))
    permission = judge_permission(found.get("Policy", ""), authorizer_arn)
    if permission.allowed:
        return passed(name, permission.why)
    if permission.allowed is None:
        finding = _finding(case, function, "function-not-permitted", Certainty.POSSIBLE, permission.why)
        return warned(name, permission.why, finding)
    case.not_run = True
    return stopped(name, _finding(case, function, "function-not-permitted", Certainty.CERTAIN, permission.why))


def _finding(case: Case, function: FunctionArn, rule: str, certainty: Certainty, evidence: str) -> Finding:
    return case.finding(rule, certainty, evidence, region=function.region, account=function.account)


def _whole_function_permits(case: Case, function: FunctionArn, authorizer_arn: str) -> bool:
    asked = function.asked_for(case.account)["FunctionName"]
    found = case.ask("lambda", "get_policy", region=function.region, FunctionName=asked)
    if isinstance(found, Refused):
        return False
    return judge_permission(found.get("Policy", ""), authorizer_arn).allowed is True
