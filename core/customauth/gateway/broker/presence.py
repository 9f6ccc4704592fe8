"""AWS IoT's own messages about its clients: who came, who left, who subscribed to what (E45, C37, C38)."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from customauth.gateway.broker.contract import Router
from customauth.gateway.broker.messages import Message

_BASE = "$aws/events/"
# Versions of clients that have left are forgotten beyond this many.
_MAX_VERSIONS = 100_000


@frozen(kw_only=True)
class Visit:
    """One connection of a client, as its events name it.

    :ivar version: greater than that of the client's last connection; its two events have the same.
    """

    session: str
    version: int


class Presence:
    """Publish the events; a client id with ``#`` or ``+`` has none."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._versions: dict[str, int] = {}

    def connected(self, client_id: str, *, principal_id: str, address: str) -> Visit:
        """Say that a client has connected; return what its further events need."""
        visit = self._visit(client_id)
        more = {"ipAddress": address, "versionNumber": visit.version}
        self._say("presence", "connected", client_id, visit.session, principal_id, **more)
        return visit

    def disconnected(self, client_id: str, *, visit: Visit, principal_id: str, reason: str, by_client: bool) -> None:
        """Say that a client has disconnected, and why (C38)."""
        more = {
            "clientInitiatedDisconnect": by_client,
            "disconnectReason": reason,
            "versionNumber": visit.version,
        }
        self._say("presence", "disconnected", client_id, visit.session, principal_id, **more)

    def connect_failed(self, client_id: str, *, principal_id: str) -> None:
        """Say that a client was authenticated, and not allowed to connect (C37)."""
        visit = self._visit(client_id)
        more = {"connectFailureReason": "AUTHORIZATION_FAILED", "versionNumber": visit.version}
        self._say("presence", "connect_failed", client_id, visit.session, principal_id, **more)

    def subscribed(self, client_id: str, *, visit: Visit, principal_id: str, topics: Sequence[str]) -> None:
        """Say which filters a client has subscribed to."""
        self._say("subscriptions", "subscribed", client_id, visit.session, principal_id, topics=list(topics))

    def unsubscribed(self, client_id: str, *, visit: Visit, principal_id: str, topics: Sequence[str]) -> None:
        """Say which filters a client has unsubscribed from."""
        self._say("subscriptions", "unsubscribed", client_id, visit.session, principal_id, topics=list(topics))

    def _say(self, family: str, kind: str, client_id: str, session: str, principal_id: str, **more: Any) -> None:
        if "#" in client_id or "+" in client_id:
            return
        event = {
            "clientId": client_id,
            "timestamp": int(time.time() * 1000),
            "eventType": kind,
            "sessionIdentifier": session,
            "principalIdentifier": principal_id,
            **more,
        }
        payload = json.dumps(event, separators=(",", ":")).encode()
        self._router.publish(Message(topic=f"{_BASE}{family}/{kind}/{client_id}", payload=payload, qos=1))

    def _visit(self, client_id: str) -> Visit:
        version = self._versions.pop(client_id, -1) + 1
        if len(self._versions) >= _MAX_VERSIONS:
            del self._versions[next(iter(self._versions))]
        # At the end: the client that was heard of longest ago is forgotten first.
        self._versions[client_id] = version
        return Visit(session=str(uuid.uuid4()), version=version)
