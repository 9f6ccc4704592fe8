"""What carries the packets of a session."""

from __future__ import annotations

from typing import Protocol


class Link(Protocol):
    """What carries the packets: TLS, or a WebSocket in it."""

    @property
    def closing(self) -> bool:
        """Whether nothing more can be written."""

    def write(self, data: bytes) -> None:
        """Send packets."""

    def close(self) -> None:
        """Close with the farewell of what carries the packets, when all is sent."""

    def hang_up(self) -> None:
        """Close without that farewell, when all is sent (I12)."""

    def abort(self) -> None:
        """Close at once."""

    def pause_reading(self) -> None:
        """Take nothing more from the client for now."""

    def resume_reading(self) -> None:
        """Take what the client sends again."""
