"""What both arms of a comparison do: ``customauth`` with a library as its backend, and the library by itself.

Both are driven by coroutines. A library that works on threads of its own blocks in them, which is how it is used; no
event loop has anything else to do then.
"""

from __future__ import annotations

import abc
from pathlib import Path

from attrs import field, frozen

from customauth.mqtt import MqttVersion

KEEP_ALIVE = 1200
"""Seconds; longer than any measure, so that nobody pings while something else is measured."""

ROOM = 1000
"""Publishes at QoS 0 after which a library that runs on the event loop gives it a turn."""


@frozen(kw_only=True)
class Target:
    """The server, and how to come in. It is dialled by name, as everybody does.

    :ivar username: the user name as MQTT has it, finished; the libraries by themselves send it.
    :ivar authorizer: with ``token_key_name``, ``token`` and ``signature`` what ``customauth`` makes the same of, None
        where a user name and a password are all.
    """

    host: str
    port: int
    ca_file: Path = field(converter=Path)
    username: str = field(repr=False)
    password: bytes | None = field(default=None, repr=False)
    authorizer: str | None = None
    token_key_name: str | None = None
    token: str | None = field(default=None, repr=False)
    signature: str | None = field(default=None, repr=False)


class Client(abc.ABC):
    """One client, for one connection."""

    def __init__(self, target: Target, version: MqttVersion) -> None:
        self.target = target
        self.version = version

    @abc.abstractmethod
    async def open(self, client_id: str) -> None:
        """Connect, and return once the CONNACK has accepted."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Send DISCONNECT, and leave nothing behind."""

    @abc.abstractmethod
    async def publish_acknowledged(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        """Publish so many messages at QoS 1, and return when all are acknowledged.

        :param window: so many may be unacknowledged at a time.
        """

    async def publish_fastest(self, topic: str, payload: bytes, *, count: int, window: int) -> None:
        """Do the same in the way that is fastest with this library, where that is another.

        Such a way asks for another program: one that publishes from the library's callbacks, or that learns only when
        all is acknowledged.
        """
        raise NotImplementedError

    @abc.abstractmethod
    async def publish_unacknowledged(self, topic: str, payload: bytes, *, count: int) -> None:
        """Publish so many messages at QoS 0; some may still be on their way when it returns."""

    @abc.abstractmethod
    async def subscribe(self, topic: str) -> None:
        """Subscribe at QoS 1, for :meth:`round_trip`."""

    @abc.abstractmethod
    async def round_trip(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1 to the own subscription; return when the PUBACK and the message are here."""
