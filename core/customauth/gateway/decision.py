"""The record of one decision: what was asked, who decided, why, and what to change. Nothing in it is secret."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from customauth.gateway.printing import printable, shortened
from customauth.policy import Policy
from customauth.rules import RULES


class Reason(enum.Enum):
    """AWS's reason codes for a refused connection (C35, C36).

    ``ALPN_MISUSED`` and ``CLIENT_ERROR`` are ours: AWS has no code for what the client spoke wrong.
    """

    NOT_FOUND = "CUSTOM_AUTHORIZER_NOT_FOUND"
    PARAMETER_INVALID = "CUSTOM_AUTHORIZER_PARAMETER_INVALID"
    FUNCTION_FAILED = "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    POLICY = "AUTHORIZATION_FAILURE"
    SNI = "SNI_MISUSED"
    DOMAIN_DISABLED = "DOMAIN_CONFIGURATION_DISABLED"
    DOMAIN_INVALID = "DOMAIN_CONFIGURATION_INVALID"
    INTERNAL = "INTERNAL_SERVER_ERROR"
    ALPN = "ALPN_MISUSED"
    PROTOCOL = "CLIENT_ERROR"


class Step(enum.Enum):
    """What was decided over."""

    CONNECT = "connect"
    REFRESH = "refresh"
    PUBLISH = "publish"
    UPGRADE = "upgrade"


@frozen(kw_only=True)
class Grant:
    """What was let in.

    :ivar policies: what the client may do from here on.
    :ivar refresh_after: seconds until the function is asked again (C25).
    :ivar disconnect_after: seconds that the connection may live (C27).
    """

    authorizer: str
    signature: str
    principal_id: str
    refresh_after: int
    disconnect_after: int
    why: str
    policies: tuple[Policy, ...] = field(default=(), repr=False)


@frozen(kw_only=True)
class Refusal:
    """What was refused.

    :ivar why: what was wrong.
    :ivar fix: what to change.
    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`.
    :ivar principal_id: the one that the function answered, where its policies refused (C39).
    """

    reason: Reason
    why: str
    fix: str
    rule: str
    principal_id: str | None = None


def refuse(reason: Reason, rule: str, why: str, **facts: str) -> Refusal:
    """Refuse for a known cause; what to change is its cure for the case at hand.

    :param rule: the cause's key.
    :param facts: what the cure wants to know.
    """
    return Refusal(reason=reason, why=why, fix=RULES[rule].advice(facts), rule=rule)


@frozen(kw_only=True)
class Decision:
    """One attempt and its end.

    :ivar time: when it was decided, with its zone.
    :ivar protocol: ``MQTT 5``, ``MQTT 3.1.1 over WebSocket``, ``HTTPS``.
    :ivar peer: the client's address and port.
    :ivar account: the account's number.
    :ivar port: the port of AWS that the listener stands for.
    :ivar presented: the credentials' names by source, their values masked.
    :ivar authorizer: who was chosen, and ``chosen`` why.
    :ivar signature: what the check gave, None where there was none.
    :ivar event: what the function was asked, its secrets masked.
    :ivar answer: what it answered, its secrets masked.
    :ivar stages: seconds by stage: ``tls``, ``signature``, ``function``, ``policy``.
    :ivar duration: seconds from the request to the decision.
    """

    step: Step = Step.CONNECT
    time: datetime
    connection_id: str
    protocol: str
    peer: str
    account: str
    port: int
    server_name: str | None
    alpn: str | None
    client_id: str | None
    topic: str | None = None
    presented: tuple[tuple[str, str, str], ...] = ()
    authorizer: str | None = None
    chosen: str | None = None
    signature: str | None = None
    event: Mapping[str, Any] | None = None
    answer: str | None = None
    outcome: Grant | Refusal
    stages: Mapping[str, float]
    duration: float
    authentication: str = "CUSTOM_AUTH"

    def line(self) -> str:
        """Return the decision as one line for a person; that of a refusal ends with what to change."""
        who = "" if self.client_id is None else f" client {shortened(self.client_id)!r}"
        what = "" if self.topic is None else f" to {shortened(self.topic)!r}"
        head = f"{_VERBS[self.step]}{self.protocol}{who}{what} from {self.peer}"
        took = f"({self.duration * 1000:.0f} ms)"
        match self.outcome:
            case Grant() as grant:
                line = (
                    f"ALLOW {head}: authorizer {grant.authorizer}, {grant.signature}, "
                    f"principal {grant.principal_id}, {grant.why} {took}"
                )
            case Refusal() as refusal:
                line = f"DENY  {head}: {refusal.reason.value}: {refusal.why} {took}; fix: {refusal.fix}"
        return printable(line)

    def as_json(self) -> dict[str, Any]:
        """Return the whole record, fit for JSON."""
        granted = isinstance(self.outcome, Grant)
        record: dict[str, Any] = {
            "record": "decision",
            "step": self.step.value,
            "time": self.time.isoformat(timespec="milliseconds"),
            "connectionId": self.connection_id,
            "protocol": self.protocol,
            "peer": self.peer,
            "port": self.port,
            "serverName": self.server_name,
            "alpn": self.alpn,
            "clientId": self.client_id,
            "topic": self.topic,
            "presented": [{"source": s, "name": n, "value": v} for s, n, v in self.presented],
            "authorizer": self.authorizer,
            "authorizerChosenBy": self.chosen,
            "signature": self.signature,
            "event": self.event,
            "answer": self.answer,
            "outcome": "allow" if granted else "deny",
            "stages": {name: round(seconds, 6) for name, seconds in self.stages.items()},
            "seconds": round(self.duration, 6),
        }
        match self.outcome:
            case Grant() as grant:
                record |= {
                    "why": grant.why,
                    "principalId": grant.principal_id,
                    "refreshAfterInSeconds": grant.refresh_after,
                    "disconnectAfterInSeconds": grant.disconnect_after,
                }
            case Refusal() as refusal:
                record |= {
                    "reason": refusal.reason.value,
                    "why": refusal.why,
                    "fix": refusal.fix,
                    "rule": refusal.rule,
                    "principalId": refusal.principal_id,
                }
        return record


_VERBS = {Step.CONNECT: "", Step.REFRESH: "refresh of ", Step.PUBLISH: "publish over ", Step.UPGRADE: "upgrade over "}
