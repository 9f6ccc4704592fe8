"""What the probe knows in the end: how far it came, and how each CONNECT ended."""

from __future__ import annotations

import enum

from attrs import Factory, define, frozen

from customauth.mqtt.protocol import MqttVersion


class Reached(enum.IntEnum):
    """The last step of the device's own way that went well."""

    NOTHING = enum.auto()
    NAME = enum.auto()
    TCP = enum.auto()
    PROXY = enum.auto()
    TLS = enum.auto()
    UPGRADE = enum.auto()
    CONNECTED = enum.auto()


class Ending(enum.Enum):
    """How a CONNECT ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The CONNACK has a code (F1)."""
    CLOSED = "closed"
    """The peer closed without a CONNACK, as AWS does to a refused MQTT 3.1.1 client (F3)."""
    SILENT = "silent"
    """No CONNACK within the time."""
    NOT_MQTT = "not MQTT"
    """What came is no CONNACK."""
    UNREACHED = "unreached"
    """The connection for it did not come about, though another one before had."""


@frozen(kw_only=True)
class Attempt:
    """One CONNECT and how it ended, always with the device's own user name and password.

    :ivar reason_code: of the CONNACK, by the numbers of ``version``; None without one.
    :ivar reason_string: of an MQTT 5 CONNACK, where there is one.
    :ivar differing: in what it was made in another way than the device's, such as ``ALPN mqtt``, or ``time``; empty
        for nothing but the MQTT version.
    """

    version: MqttVersion
    ending: Ending
    reason_code: int | None = None
    reason_string: str | None = None
    differing: str = ""


@frozen(kw_only=True)
class MendTried:
    """One CONNECT in which something that was suspected was mended, else just as the device sends it.

    :ivar rules: what was mended.
    :ivar how: in words, behind ``with``.
    :ivar accepted: whether the server took it and still refuses the device's own; None where how they ended tells
        neither.
    """

    rules: tuple[str, ...]
    how: str
    accepted: bool | None


@define(kw_only=True)
class ProbeResult:
    """Filled in by :func:`customauth.doctor.probe.probe` as it goes; complete when that has ended.

    :ivar version: the MQTT version that the device speaks.
    :ivar reached: the last step that went well.
    :ivar attempts: every CONNECT that was sent with the device's own credentials, in order.
    :ivar mends: every CONNECT that was sent with other credentials than the device's own, in order.
    :ivar upgrade_status: the HTTP status that answered the device's WebSocket request, None without one.
    :ivar subscribed: the reason code of each topic filter that was tried and answered.
    :ivar published: the reason code of each topic that was published to and answered.
    """

    version: MqttVersion = MqttVersion.V5
    reached: Reached = Reached.NOTHING
    attempts: list[Attempt] = Factory(list)
    mends: list[MendTried] = Factory(list)
    upgrade_status: int | None = None
    subscribed: dict[str, int] = Factory(dict)
    published: dict[str, int] = Factory(dict)

    def attempt(self, version: MqttVersion) -> Attempt | None:
        """Return the last CONNECT of a version that was made in the device's own way, None where none was."""
        own = (each for each in reversed(self.attempts) if each.version is version and not each.differing)
        return next(own, None)

    @property
    def connected(self) -> bool | None:
        """Whether the server accepted the CONNECT just as the device sends it; None where that was not tried."""
        own = self.attempt(self.version)
        return None if own is None else own.ending is Ending.ACCEPTED

    @property
    def accepted(self) -> bool:
        """Whether the server accepted these credentials in whatever way: then nothing is wrong with them."""
        return any(attempt.ending is Ending.ACCEPTED for attempt in self.attempts)
