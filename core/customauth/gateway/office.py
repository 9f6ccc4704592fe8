"""What the connections of one gateway share: who decides, who is told, and how fast time passes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime

from attrs import frozen

from customauth.gateway.attempt import Attempt
from customauth.gateway.authenticate import Authenticator
from customauth.gateway.broker.parties import Broker
from customauth.gateway.broker.permissions import Permissions
from customauth.gateway.config import DomainConfiguration
from customauth.gateway.decision import Decision, Grant
from customauth.gateway.policy_context import context_of
from customauth.gateway.records import Ending, Note, Record


@frozen(kw_only=True)
class Office:
    """The gateway, as its connections see it.

    :ivar record: told of everything that happens.
    :ivar domain: finds the domain configuration of a name, None where there is none.
    :ivar broker: brings messages from publishers to subscribers.
    :ivar arn: makes the ARN of a resource of the account.
    :ivar time_scale: how many times faster than the clock the seconds of authorizers and WebSockets pass.
    :ivar recheck_connect: tells whether iot:Connect is decided over again without the will (C31).
    """

    authenticator: Authenticator
    record: Callable[[Record], None]
    domain: Callable[[str], DomainConfiguration | None]
    broker: Broker
    arn: Callable[[str], str]
    time_scale: float = 1.0
    recheck_connect: Callable[[], bool] = lambda: False

    def decided(self, decision: Decision) -> None:
        """Record a decision."""
        self.record(decision)

    def ended(self, ending: Ending) -> None:
        """Record the end of an accepted connection."""
        self.record(ending)

    def note(
        self,
        peer: str | None,
        text: str,
        *,
        status: int | None = None,
        closed: bool = True,
        rule: str | None = None,
    ) -> None:
        """Record what is neither."""
        self.record(Note(time=datetime.now(UTC), peer=peer, text=text, status=status, closed=closed, rule=rule))

    def permissions(self, grant: Grant, attempt: Attempt) -> Permissions:
        """Return what a client may do by its grant."""
        return Permissions(
            grant.policies,
            arn=self.arn,
            client_id=attempt.client_id,
            context=functools.partial(context_of, attempt.origin),
        )
