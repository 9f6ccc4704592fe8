"""Records of the gateway with plain values. Import as ``record_samples``.

::

    decision(outcome=GRANT, **changes), ending(**changes), note(**changes), origin(**changes)
    GRANT, REFUSAL
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attrs import evolve

from customauth.gateway import Decision, Grant, Reason, Refusal
from customauth.gateway.config import DEFAULT_ENDPOINT, DomainConfiguration
from customauth.gateway.origin import Origin
from customauth.gateway.records import DisconnectReason, Ending, Note

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
GRANT = Grant(
    authorizer="auth",
    signature="signature verified with key1",
    principal_id="tester",
    refresh_after=300,
    disconnect_after=86400,
    why="statement 1 of document 1 allows it",
)
REFUSAL = Refusal(
    reason=Reason.POLICY, why="no statement allows it", fix="let the policy allow it", rule="policy-client-id"
)


def decision(outcome: Grant | Refusal = GRANT, **changes: Any) -> Decision:
    """Return the decision over a CONNECT."""
    made = Decision(
        time=TIME,
        connection_id="id",
        protocol="MQTT 5",
        peer="127.0.0.1:9",
        account="123456789012",
        port=443,
        server_name="localhost",
        alpn="mqtt",
        client_id="dev",
        outcome=outcome,
        stages={"tls": 0.001},
        duration=0.0124,
    )
    return evolve(made, **changes)


def ending(**changes: Any) -> Ending:
    """Return the end of a connection."""
    made = Ending(
        time=TIME,
        connection_id="id",
        protocol="MQTT 5",
        peer="127.0.0.1:9",
        account="123456789012",
        port=443,
        client_id="dev",
        principal_id="tester",
        reason=DisconnectReason.CLIENT_ERROR,
    )
    return evolve(made, **changes)


def note(**changes: Any) -> Note:
    """Return a note."""
    return evolve(Note(time=TIME, peer="127.0.0.1:9", text="something"), **changes)


def origin(**changes: Any) -> Origin:
    """Return the origin of a connection to the default endpoint that may speak MQTT."""
    made = Origin(
        connection_id="id",
        peer="127.0.0.1:9",
        account="123456789012",
        port=443,
        server_name="localhost",
        alpn="mqtt",
        domain=DomainConfiguration(name=DEFAULT_ENDPOINT, server_name="localhost"),
    )
    return evolve(made, **changes)
