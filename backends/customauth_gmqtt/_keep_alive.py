"""Keep-alive: a PINGREQ in time, and an end when nothing comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from gmqtt.mqtt.connection import MQTTConnection

# The part of the interval after which a PINGREQ is sent, so that it arrives before the interval is over.
_PART = 0.75
# How long a server may take for a PINGRESP at most, in seconds.
_LONGEST_WAIT = 30.0


class KeptAlive(MQTTConnection):  # type: ignore[misc]  # gmqtt ships no types
    """gmqtt's connection, with its timer and its clocks but not its times.

    gmqtt's own sends its PINGREQ up to 1.3 times the interval after the last packet, and takes a server whose PINGRESP
    is not read because reading is paused for a dead one.

    :param on_silence: called with the seconds for which nothing was heard after a PINGREQ.
    """

    def __init__(self, *positional: Any, on_silence: Callable[[float], None], **named: Any) -> None:
        self._on_silence = on_silence
        self._accepted = False
        self._pinged: float | None = None
        self._paused = False
        super().__init__(*positional, **named)

    def accept(self) -> None:
        """Learn that the server has accepted; before that, no PINGREQ is due."""
        self._accepted = True

    def pause(self) -> None:
        """Read nothing more for now, and so expect no PINGRESP."""
        self._paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, and expect a PINGRESP from now on."""
        self._paused = False
        if self._pinged is not None:
            self._pinged = time.monotonic()
        self._transport.resume_reading()

    def stop(self) -> None:
        """Send no PINGREQ any more."""
        self._keep_connection_callback.cancel()

    def heard(self) -> None:
        """Learn that something arrived."""
        self._last_data_in = time.monotonic()

    def spoken(self) -> None:
        """Learn that something was sent past gmqtt's own write."""
        self._last_data_out = time.monotonic()

    def _keep_connection(self) -> None:
        """Look at the clocks; gmqtt sets the timer for the first time and when the server sets the interval."""
        interval = self._keepalive
        if not interval or self.is_closing():
            return
        now, quiet, wait = time.monotonic(), interval * _PART, min(float(interval), _LONGEST_WAIT)
        if self._pinged is not None and self._last_data_in >= self._pinged:
            # Whatever came is a sign of life; the PINGRESP may stand behind a long message.
            self._pinged = None
        lost_at = None if self._pinged is None or self._paused else self._pinged + wait
        if lost_at is not None and now >= lost_at:
            self._on_silence(wait)
            return
        # A server that is only spoken to is asked too, or its end would not be noticed.
        asks = self._pinged is None and not self._paused
        ping_at = quiet + (min(self._last_data_out, self._last_data_in) if asks else self._last_data_out)
        if now >= ping_at:
            if self._accepted:
                self._send_ping_request()
                if self._pinged is None:
                    self._pinged = now
                lost_at = now + wait
            ping_at = now + quiet
        next_at = ping_at if lost_at is None else min(ping_at, lost_at)
        self._keep_connection_callback = asyncio.get_running_loop().call_later(next_at - now, self._keep_connection)
