"""The gateway's records in the shape of AWS IoT's own log events and metrics (C33-C36, C38)."""

from __future__ import annotations

from typing import Any

from customauth.gateway.decision import Decision, Grant, Reason, Refusal, Step
from customauth.gateway.records import Ending, Record

_OWN_REASONS = {Reason.ALPN: Reason.DOMAIN_INVALID, Reason.PROTOCOL: Reason.PARAMETER_INVALID}
"""What AWS would say for the two reasons that are ours: the nearest of its codes (C35)."""


def log_event(record: Record) -> dict[str, Any] | None:
    """Return the log event of a record, None for what AWS does not log."""
    match record:
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
    if not isinstance(record, Decision) or record.step in (Step.REFRESH, Step.UPGRADE):
        return None
    action = "PublishIn" if record.step is Step.PUBLISH else "Connect"
    protocol = _protocol(record.protocol)
    match record.outcome:
        case Grant():
            return f"{action}.Success", protocol
        case Refusal(reason=Reason.POLICY):
            return f"{action}.AuthError", protocol
        case _:
            return ("Connection.AuthNError", protocol) if record.server_name is not None else None


def _of_decision(decision: Decision) -> dict[str, Any]:
    event = {
        "timestamp": _timestamp(decision),
        "logLevel": "INFO",
        "traceId": decision.connection_id,
        "accountId": decision.account,
        "status": "Success",
        "eventType": "Publish-In" if decision.step is Step.PUBLISH else "Connect",
        "protocol": _protocol(decision.protocol),
        **_client(decision.client_id),
    }
    if decision.topic is not None:
        event["topicName"] = decision.topic
    match decision.outcome:
        case Grant() as grant:
            event["principalId"] = grant.principal_id
        case Refusal(reason=Reason.POLICY):
            event |= {"logLevel": "ERROR", "status": "Failure"}
            event |= {"reason": Reason.POLICY.value, "details": "Authorization Failure"}  # C36
        case Refusal() as refusal:
            event |= {
                "logLevel": "ERROR",
                "status": "Failure",
                "eventType": "Connection.AuthNError",
                "authenticationType": decision.authentication,
                "reason": _OWN_REASONS.get(refusal.reason, refusal.reason).value,
                "details": refusal.why,
            }
            if decision.server_name is not None:
                event["serverNameIndication"] = decision.server_name
    return event | _addresses(decision)


def _of_ending(ending: Ending) -> dict[str, Any]:
    return {
        "timestamp": _timestamp(ending),
        "logLevel": "INFO",
        "traceId": ending.connection_id,
        "accountId": ending.account,
        "status": "Success",
        "eventType": "Disconnect",
        "protocol": _protocol(ending.protocol),
        **_client(ending.client_id),
        "principalId": ending.principal_id,
        **_addresses(ending),
        "disconnectReason": ending.reason.value,
    }


def _timestamp(record: Decision | Ending) -> str:
    return record.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _protocol(protocol: str) -> str:
    return "MQTT" if protocol.startswith("MQTT") else "HTTP"


def _client(client_id: str | None) -> dict[str, str]:
    return {} if client_id is None else {"clientId": client_id}


def _addresses(record: Decision | Ending) -> dict[str, Any]:
    host, _, port = record.peer.rpartition(":")
    return {"sourceIp": host.strip("[]"), "sourcePort": int(port), "targetPort": record.port}
