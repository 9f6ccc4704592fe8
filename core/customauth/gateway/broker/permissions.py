"""What one client may do by the policies of its grant; a decision is kept, as clients ask the same again (C25, D9)."""

from __future__ import annotations

import time
from collections.abc import Callable

from customauth.policy import Context, Decision, Policy, PolicySet, Request, Verdict, connect_context

# Of each action, which is about a resource of a type (D4).
_MAX_KEPT = 4096
_RESOURCES = {
    "iot:Publish": "topic",
    "iot:RetainPublish": "topic",
    "iot:Receive": "topic",
    "iot:Subscribe": "topicfilter",
}
_ALLOWED = Verdict.ALLOWED
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
        self._decisions: dict[str, dict[str, Decision]] = {action: {} for action in _RESOURCES}
        self._until = 0.0

    def publish(self, topic: str, *, retain: bool) -> Decision:
        """Decide over a publish; a retained one needs iot:RetainPublish besides (D8)."""
        decision = self._decide("iot:Publish", topic)
        if retain and decision.verdict is _ALLOWED:
            return self._decide("iot:RetainPublish", topic)
        return decision

    def subscribe(self, text: str) -> Decision:
        """Decide over a subscription, by the filter as it was sent (D6, D24)."""
        return self._decide("iot:Subscribe", text)

    def receive(self, topic: str) -> bool:
        """Tell whether a message may be delivered (D7)."""
        return self._decide("iot:Receive", topic).verdict is _ALLOWED

    def connect_without_will(self, *, persistent: bool) -> Decision:
        """Decide over the connect again, as if it had had no will (C31)."""
        context = connect_context(self._context(), will=None, persistent=persistent)
        resource = self._arn(f"client/{self._client_id}")
        return self._policies.decide(
            Request(action="iot:Connect", resource=resource, client_id=self._client_id, context=context)
        )

    def _decide(self, action: str, text: str) -> Decision:
        now = time.monotonic()
        if now >= self._until:
            for kept in self._decisions.values():
                kept.clear()
            self._until = now + _KEPT_FOR
        known = self._decisions[action]
        decision = known.get(text)
        if decision is None:
            if len(known) >= _MAX_KEPT:
                known.clear()
            resource = self._arn(f"{_RESOURCES[action]}/{text}")
            request = Request(action=action, resource=resource, client_id=self._client_id, context=self._context())
            decision = known[text] = self._policies.decide(request)
        return decision
