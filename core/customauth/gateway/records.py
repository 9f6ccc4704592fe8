"""What else the gateway records beside its decisions: how connections end, and what never became an attempt."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, TypeAlias

from attrs import frozen

from customauth.gateway.decision import Decision
from customauth.gateway.printing import printable, shortened


class DisconnectReason(enum.Enum):
    """AWS's words for how a connection ended (C38)."""

    AUTH_ERROR = "AUTH_ERROR"
    CLIENT_INITIATED = "CLIENT_INITIATED_DISCONNECT"
    CLIENT_ERROR = "CLIENT_ERROR"
    CONNECTION_LOST = "CONNECTION_LOST"
    DUPLICATE_CLIENT_ID = "DUPLICATE_CLIENTID"
    KEEP_ALIVE_TIMEOUT = "MQTT_KEEP_ALIVE_TIMEOUT"
    SERVER_ERROR = "SERVER_ERROR"
    SERVER_INITIATED = "SERVER_INITIATED_DISCONNECT"
    WEBSOCKET_TTL = "WEBSOCKET_TTL_EXPIRATION"
    CUSTOMAUTH_TTL = "CUSTOMAUTH_TTL_EXPIRATION"


@frozen(kw_only=True)
class Ending:
    """The end of an accepted connection.

    :ivar why: what a person wants to know beside the reason; may be empty.
    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`, None where there is nothing to mend.
    :ivar fix: what to change, empty where there is nothing to mend.
    """

    time: datetime
    connection_id: str
    protocol: str
    peer: str
    account: str
    port: int
    client_id: str
    principal_id: str
    reason: DisconnectReason
    why: str = ""
    rule: str | None = None
    fix: str = ""

    def line(self) -> str:
        """Return it as one line for a person."""
        more = f": {self.why}" if self.why else ""
        more += f"; fix: {self.fix}" if self.fix else ""
        return printable(
            f"END   {self.protocol} client {shortened(self.client_id)!r} from {self.peer}: {self.reason.value}{more}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {
            "record": "disconnect",
            "time": self.time.isoformat(timespec="milliseconds"),
            "connectionId": self.connection_id,
            "protocol": self.protocol,
            "peer": self.peer,
            "port": self.port,
            "clientId": self.client_id,
            "principalId": self.principal_id,
            "reason": self.reason.value,
            "why": self.why,
            "rule": self.rule,
            "fix": self.fix or None,
        }


@frozen(kw_only=True)
class Note:
    """A connection that ended before anything was asked, or a thing that the gateway did on its own.

    :ivar peer: the client's address and port, None where no client is meant.
    :ivar status: of the HTTP answer, where the connection was not closed but answered.
    :ivar closed: whether the connection was closed.
    :ivar rule: the key of the known cause in :data:`customauth.rules.RULES`, None where there is none.
    """

    time: datetime
    peer: str | None
    text: str
    status: int | None = None
    closed: bool = True
    rule: str | None = None

    def line(self) -> str:
        """Return it as one line for a person."""
        verb = "CLOSE" if self.closed else "NOTE "
        if self.status is not None:
            verb = f"HTTP {self.status} to"
        return printable(self.text if self.peer is None else f"{verb} {self.peer}: {self.text}")

    def as_json(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return {
            "record": "note",
            "time": self.time.isoformat(timespec="milliseconds"),
            "peer": self.peer,
            "status": self.status,
            "closed": self.closed,
            "text": self.text,
            "rule": self.rule,
        }


Record: TypeAlias = Decision | Ending | Note
