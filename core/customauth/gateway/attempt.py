"""One attempt to get in, and the trace of what was done to decide over it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from customauth.gateway.config import AuthenticationType
from customauth.gateway.decision import Decision, Grant, Refusal, Step
from customauth.gateway.origin import Origin
from customauth.gateway.presented import Presented
from customauth.gateway.redaction import masked_event, masked_parameters, redacted, secrets_of
from customauth.mqtt import Connect, MqttVersion


@frozen(kw_only=True)
class Attempt:
    """One CONNECT, or one publish over HTTPS, and the connection that it came on.

    :ivar client_id: the client's own, or the one assigned to it (E6); None over HTTPS (A37).
    :ivar connect: the packet, None over HTTPS.
    :ivar topic: where an HTTPS publish goes, and ``retain`` whether it stays there.
    """

    origin: Origin
    step: Step = Step.CONNECT
    client_id: str | None = None
    connect: Connect | None = field(default=None, repr=False)
    topic: str | None = None
    retain: bool = False

    @property
    def protocol(self) -> str:
        """What is spoken, for a person."""
        if self.connect is None:
            return "HTTPS" if self.step is Step.PUBLISH else "WebSocket"
        version = "MQTT 5" if self.connect.version is MqttVersion.V5 else "MQTT 3.1.1"
        return version if self.origin.http is None else f"{version} over WebSocket"


@define(kw_only=True, slots=True)
class Trace:
    """What was done to decide over one attempt; filled on the way, then made into a :class:`Decision`."""

    presented: Presented | None = field(default=None, repr=False)
    authorizer: str | None = None
    chosen: str | None = None
    signature: str | None = None
    event: dict[str, Any] | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)
    stages: dict[str, float] = field(factory=dict)
    started: float = field(factory=time.monotonic)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage, in seconds."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.stages[name] = time.monotonic() - begun

    def decision(self, attempt: Attempt, outcome: Grant | Refusal) -> Decision:
        """Make the record, with every secret of the attempt masked."""
        secrets = secrets_of(attempt.connect, attempt.origin.http)
        origin = attempt.origin
        return Decision(
            step=attempt.step,
            time=datetime.now(UTC),
            connection_id=origin.connection_id,
            protocol=attempt.protocol,
            peer=origin.peer,
            account=origin.account,
            port=origin.port,
            server_name=origin.server_name,
            alpn=origin.alpn,
            client_id=attempt.client_id,
            topic=attempt.topic,
            presented=() if self.presented is None else masked_parameters(self.presented),
            authorizer=self.authorizer,
            chosen=self.chosen,
            signature=self.signature,
            event=None if self.event is None else masked_event(self.event, secrets),
            answer=None if self.answer is None else redacted(self.answer, secrets),
            outcome=_without_secrets(outcome, secrets),
            stages={"tls": origin.handshake, **self.stages},
            duration=time.monotonic() - self.started,
            authentication=_authentication(origin),
        )


def _authentication(origin: Origin) -> str:
    """Name the authentication type in AWS's own log events (C34)."""
    asks_for_certificate = (
        origin.domain is not None and origin.domain.authentication_type is AuthenticationType.CUSTOM_AUTH_X509
    )
    return (AuthenticationType.CUSTOM_AUTH_X509 if asks_for_certificate else AuthenticationType.CUSTOM_AUTH).name


def _without_secrets(outcome: Grant | Refusal, secrets: list[str]) -> Grant | Refusal:
    if isinstance(outcome, Refusal):
        principal_id = outcome.principal_id
        return Refusal(
            reason=outcome.reason,
            why=redacted(outcome.why, secrets),
            fix=redacted(outcome.fix, secrets),
            rule=outcome.rule,
            principal_id=None if principal_id is None else redacted(principal_id, secrets),
        )
    return Grant(
        authorizer=outcome.authorizer,
        signature=outcome.signature,
        principal_id=redacted(outcome.principal_id, secrets),
        refresh_after=outcome.refresh_after,
        disconnect_after=outcome.disconnect_after,
        why=redacted(outcome.why, secrets),
    )
