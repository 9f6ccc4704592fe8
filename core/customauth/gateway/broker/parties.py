"""Whom a conversation has to do with: the client's connection, and the broker of the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import Factory, frozen

from customauth.gateway.broker.contract import Router
from customauth.gateway.broker.presence import Presence
from customauth.gateway.broker.quotas import Quotas
from customauth.rules import RULES


@frozen(kw_only=True)
class Farewell:
    """Why a client is cut off.

    :ivar code: of the DISCONNECT that an MQTT 5 client gets; one of MQTT 3.1.1 gets none (D22).
    :ivar why: for the gateway's own log.
    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`.
    :ivar facts: what its cure wants to know of the case at hand.
    :ivar text: the reason string, where AWS sends one (E16).
    """

    code: int
    why: str
    rule: str
    facts: Mapping[str, str] = Factory(dict)
    text: str | None = None
    forbidden: bool = False

    @property
    def fix(self) -> str:
        """What to change."""
        return RULES[self.rule].advice(self.facts)


class Client(Protocol):
    """The connection, as far as the conversation needs it."""

    def send(self, data: bytes) -> None:
        """Send packets, with all others that this turn brings."""

    def cut_off(self, farewell: Farewell) -> None:
        """End the connection."""

    def taken_over(self) -> None:
        """End it because the same client id has connected anew."""


@frozen(kw_only=True)
class Broker:
    """The gateway's router, and AWS's own messages through it.

    :ivar quotas: returns the account's rates, None where they are not held.
    """

    router: Router
    presence: Presence
    quotas: Callable[[], Quotas | None] = lambda: None
