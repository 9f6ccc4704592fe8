"""Rules of the policy lint that look at all documents together (D9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from customauth._policy_findings import Finding, finding
from customauth._policy_model import Policy


def check_set(policies: Sequence[Policy]) -> Iterator[Finding]:
    """Yield what is missing beside what is allowed."""
    allows = [statement for policy in policies for statement in policy.statements if statement.effect == "Allow"]

    def is_allowed(action: str) -> bool:
        return any(statement.names_action(action) for statement in allows)

    if is_allowed("iot:subscribe") and not is_allowed("iot:receive"):
        why = "iot:Subscribe is allowed, iot:Receive is not: no message is delivered"
        yield finding("no-receive", 0, "", why)
    if is_allowed("iot:connect"):
        return
    if is_allowed("iot:subscribe") or is_allowed("iot:receive"):
        yield finding("no-connect", 0, "", "no statement allows iot:Connect, which has to come before these actions")
    else:
        yield finding("no-connect-for-mqtt", 0, "", "no statement allows iot:Connect: every CONNECT is refused")
