"""What a router is: it knows who has subscribed to what, and brings messages to them.

The gateway knows nothing else of it, so that another router, a relay to a broker or a cluster say, can take the
place of the one in memory.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from attrs import define, frozen

from customauth.gateway.broker.messages import Message
from customauth.mqtt import MqttVersion


@frozen(kw_only=True)
class Subscription:
    """One filter of one client, and how it wants its messages (MQTT 5, 3.8.3.1)."""

    filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


# Not frozen: attrs needs twice as long to make what is.
@define(kw_only=True)
class Delivery:
    """A message for one client.

    :ivar qos: the lower one of the publication and the subscription.
    :ivar retain: the flag that the client is to see.
    :ivar stored: the number under which the router keeps it until it is settled; None when it does not.
    """

    message: Message
    qos: int
    retain: bool
    stored: int | None = None


class Receiver(Protocol):
    """A connected client, as a router sees it."""

    def deliver(self, delivery: Delivery) -> None:
        """Send a message to the client, or keep it until the client can take it."""

    def taken_over(self) -> None:
        """Learn that the same client id has connected anew (E15)."""


@frozen(kw_only=True)
class Opened:
    """What a client finds when it connects.

    :ivar waiting: the messages that came for it while it was away, the oldest first.
    """

    session_present: bool
    waiting: tuple[Delivery, ...] = ()


class Router(Protocol):
    """Brings messages from publishers to subscribers. Used in one event loop; nothing blocks for long."""

    def open(
        self, client_id: str, receiver: Receiver, *, version: MqttVersion, clean_start: bool, expiry: float
    ) -> Opened:
        """Connect a client; whoever was connected by that name is taken over.

        :param expiry: seconds that its session outlives the connection; 0 for none (E37).
        """

    def close(self, client_id: str, receiver: Receiver, *, expiry: float, unsettled: tuple[Delivery, ...]) -> None:
        """Disconnect a client, unless another has taken its place.

        :param unsettled: what was delivered with QoS 1 and not acknowledged, the oldest first.
        """

    def subscribe(self, client_id: str, subscription: Subscription) -> tuple[Delivery, ...]:
        """Add or replace a subscription; return the retained messages that it is owed (E41)."""

    def unsubscribe(self, client_id: str, text: str) -> None:
        """End a subscription."""

    def subscriptions(self, client_id: str) -> Collection[str]:
        """Return the filters that the client has subscribed to."""

    def publish(self, message: Message) -> None:
        """Bring a message to its subscribers, and retain it if it says so."""

    def settle(self, client_id: str, delivery: Delivery) -> None:
        """Forget a message that the client has acknowledged, or may not have."""

    def commit(self) -> None:
        """Make sure that what was published and settled so far outlives the gateway's process.

        :raises StoreFailed: when it will not; nobody may be told that it does.
        """

    def close_all(self) -> None:
        """End; what is kept is written."""
