"""Real MQTT clients that exchange messages, behind one interface. Import as ``messengers``.

::

    with open_room(folder, keys) as room:             in `rooms`: a gateway, and what opens clients
        listener = room.open(KINDS[...], "listener")
        listener.subscribe("a/+", 1) -> 1             what the SUBACK said; None where the client does not show it
        listener.hear() -> Heard                      the next message
        speaker.publish("a/b", b"x", qos=1) -> 0      what the PUBACK said; None at QoS 0, or where it is not shown
        speaker.cut()                                 the connection is gone, without DISCONNECT

What ends a connection from the other side raises :class:`Ended` in whichever of them waits, or comes next.
"""

from __future__ import annotations

import queue
import ssl
from pathlib import Path
from typing import Any

from attrs import frozen

from customauth import CustomAuth, MqttVersion

HANGS = 30.0
"""Seconds that a client may take for anything. A guard against hanging, not a measure."""


class Ended(Exception):
    """The gateway has ended the connection.

    :ivar code: of its DISCONNECT, None where there was none or the client does not show it.
    :ivar reason: its reason string.
    """

    def __init__(self, code: int | None = None, reason: str | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@frozen(kw_only=True)
class Extras:
    """The properties of MQTT 5 that travel from publisher to subscriber."""

    user_properties: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None


@frozen(kw_only=True)
class Heard:
    """A message as the client shows it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool = False
    extras: Extras = Extras()


@frozen(kw_only=True)
class Where:
    """A gateway."""

    port: int
    ca_file: Path

    def tls_context(self, *alpn: str) -> ssl.SSLContext:
        """Return what a client of Python needs to trust it."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


@frozen(kw_only=True)
class Wish:
    """How to connect.

    :ivar role: the authorizer, which says what the client may do.
    :ivar kept: whether the session is persistent.
    :ivar will: topic and payload; it has QoS 1.
    """

    role: str
    client_id: str
    version: MqttVersion = MqttVersion.V5
    websocket: bool = False
    kept: bool = False
    will: tuple[str, bytes] | None = None

    @property
    def username(self) -> str:
        """The user name that names the authorizer."""
        return CustomAuth(authorizer=self.role).mqtt_username() or ""


class Messenger:
    """One client that is connected.

    :ivar shown: what the client shows of errors in its own words, the last one at the end.
    """

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._heard: queue.SimpleQueue[Heard | Ended] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        """Subscribe, and wait for the SUBACK."""
        raise NotImplementedError

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, extras: Extras | None = None
    ) -> int | None:
        """Publish, and wait for the PUBACK."""
        raise NotImplementedError

    def cut(self) -> None:
        """Lose the connection."""
        raise NotImplementedError

    def close(self) -> None:
        """Disconnect, and let go of everything."""
        raise NotImplementedError

    def hear(self) -> Heard:
        """Return the next message."""
        heard = self._heard.get(timeout=HANGS)
        if isinstance(heard, Ended):
            raise heard
        return heard

    def has_heard(self) -> bool:
        """Tell whether a message, or the end, waits to be heard."""
        return not self._heard.empty()

    def answer(self) -> Any:
        """Return the next answer to what was asked."""
        answer = self._answers.get(timeout=HANGS)
        if isinstance(answer, Ended):
            raise answer
        return answer

    def over(self, ended: Ended) -> None:
        """Let everybody who waits learn of the end."""
        self._heard.put(ended)
        self._answers.put(ended)


@frozen(kw_only=True)
class Kind:
    """A kind of client: a library with a version of MQTT and a transport.

    :ivar language: two clients of different languages have little in common.
    """

    name: str
    language: str
    version: MqttVersion
    websocket: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version.label}{' WebSocket' if self.websocket else ''}"


def _kinds(name: str, language: str, *, websocket: bool) -> list[Kind]:
    return [
        Kind(name=name, language=language, version=version, websocket=carried)
        for carried in ((False, True) if websocket else (False,))
        for version in MqttVersion
    ]


KINDS: tuple[Kind, ...] = (
    *_kinds("paho", "Python", websocket=True),
    *_kinds("mqttjs", "JavaScript", websocket=True),
    *_kinds("awsiotsdk", "C with Python", websocket=True),
    *_kinds("gmqtt", "Python", websocket=False),
    *_kinds("mosquitto", "C", websocket=False),
)
"""Every client, with every version and transport that it has."""
