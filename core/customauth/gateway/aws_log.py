"""The gateway's records in the shape of AWS IoT's own log events and metrics (C33-C36, C38)."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from customauth.gateway.decision import Decision, Grant, Reason, Refusal, Step
from customauth.gateway.records import Ending, Record

_OWN_REASONS = {Reason.ALPN: Reason.DOMAIN_INVALID, Reason.PROTOCOL: Reason.PARAMETER_INVALID}
"""What AWS would say for the two reasons that are ours: the nearest of its codes (C35)."""

_FAILURE = {"logLevel": "ERROR", "status": "Failure"}


def log_event(record: Record) -> dict[str, Any] | None:
    """Return the log event of a record, None for what AWS does not log.

    A refresh is no attempt to connect; when it is refused, the end of the connection is logged (C29, C38).
    """
    match record:
        case Decision(step=Step.REFRESH):
            return None
        case Decision():
            return _of_decision(record)
        case Ending():
            return _of_ending(record)
        case _:
            return None


def metric(record: Record) -> tuple[str, str] | None:
    """Return the name and the Protocol dimension of the metric that a record counts for, None where there is none.

    ``Connection.AuthNError`` counts an attempt only when its SNI is one of the account's (C33).
    """
    if not isinstance(record, Decision) or record.step is Step.REFRESH:
        return None
    action = "PublishIn" if record.step is Step.PUBLISH else "Connect"
    protocol = _protocol(record.protocol)
    match record.outcome:
        case Grant():
            return f"{action}.Success", protocol
        case Refusal(reason=Reason.POLICY):
            return f"{action}.AuthError", protocol  # C36
        case _:
            return ("Connection.AuthNError", protocol) if record.server_name is not None else None


def _of_decision(decision: Decision) -> dict[str, Any]:
    action = "Publish-In" if decision.step is Step.PUBLISH else "Connect"
    principal_id = decision.outcome.principal_id
    match decision.outcome:
        case Grant():
            return _event(decision, action, principal_id) | _topic(decision)
        case Refusal(reason=Reason.POLICY):
            failure = {"reason": Reason.POLICY.value, "details": "Authorization Failure"}  # C36
            return _event(decision, action, principal_id) | _FAILURE | _topic(decision) | failure
        case Refusal() as refusal:
            failure = {
                "authenticationType": decision.authentication,
                "reason": _OWN_REASONS.get(refusal.reason, refusal.reason).value,
                "details": refusal.why,
            }
            if decision.server_name is not None:
                failure["serverNameIndication"] = decision.server_name
            return _event(decision, "Connection.AuthNError", principal_id) | _FAILURE | failure


def _of_ending(ending: Ending) -> dict[str, Any]:
    return _event(ending, "Disconnect", ending.principal_id) | {"disconnectReason": ending.reason.value}


def _event(record: Decision | Ending, event_type: str, principal_id: str | None) -> dict[str, Any]:
    """Return what all events have in common; a client or principal that is not known is left out (C34, C39)."""
    host, _, port = record.peer.rpartition(":")
    event = {
        "timestamp": record.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "logLevel": "INFO",
        "traceId": record.connection_id,
        "accountId": record.account,
        "status": "Success",
        "eventType": event_type,
        "protocol": _protocol(record.protocol),
        "clientId": record.client_id,
        "principalId": principal_id,
        "sourceIp": host.strip("[]"),
        "sourcePort": int(port),
        "targetPort": record.port,
    }
    return {name: value for name, value in event.items() if value is not None}


def _topic(decision: Decision) -> dict[str, str]:
    return {} if decision.topic is None else {"topicName": decision.topic}


def _protocol(protocol: str) -> str:
    return "MQTT" if protocol.startswith("MQTT") else "HTTP"
