"""What one client may do by the policies of its grant; a decision is kept, as clients ask the same again (C25, D9)."""

from __future__ import annotations

import time
from collections.abc import Callable

from customauth.policy import Context, Decision, Policy, PolicySet, Request

_MAX_KEPT = 4096
# A policy may ask for the time: what was decided holds for so many seconds.
_KEPT_FOR = 5.0


class Permissions:
    """The permissions of one connection.

    :param arn: makes the ARN of a resource.
    :param client_id: None over HTTPS (A37).
    :param context: makes what conditions and variables ask for (D10-D12).
    """

    __slots__ = ("_arn", "_client_id", "_context", "_decisions", "_policies", "_until")

    def __init__(
        self,
        policies: tuple[Policy, ...],
        *,
        arn: Callable[[str], str],
        client_id: str | None,
        context: Callable[[], Context],
    ) -> None:
        self._policies = PolicySet(policies)
        self._arn = arn
        self._client_id = client_id
        self._context = context
        self._decisions: dict[tuple[str, str], Decision] = {}
        self._until = 0.0

    def publish(self, topic: str, *, retain: bool) -> Decision:
        """Decide over a publish; a retained one needs iot:RetainPublish besides (D8)."""
        decision = self._decide("iot:Publish", f"topic/{topic}")
        if decision.allowed and retain:
            return self._decide("iot:RetainPublish", f"topic/{topic}")
        return decision

    def subscribe(self, text: str) -> Decision:
        """Decide over a subscription, by the filter as it was sent (D6, D24)."""
        return self._decide("iot:Subscribe", f"topicfilter/{text}")

    def receive(self, topic: str) -> bool:
        """Tell whether a message may be delivered (D7)."""
        return self._decide("iot:Receive", f"topic/{topic}").allowed

    def _decide(self, action: str, resource: str) -> Decision:
        now = time.monotonic()
        if now >= self._until or len(self._decisions) >= _MAX_KEPT:
            self._decisions.clear()
            self._until = now + _KEPT_FOR
        decision = self._decisions.get((action, resource))
        if decision is None:
            request = Request(
                action=action, resource=self._arn(resource), client_id=self._client_id, context=self._context()
            )
            decision = self._decisions[action, resource] = self._policies.decide(request)
        return decision
