"""Where the bytes of TLS connections arrive."""

from __future__ import annotations

import threading


class _Arrivals(threading.local):
    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(65_536))


arrivals = _Arrivals()
"""One buffer for each thread: every connection of its event loop takes its own bytes out before another gets any."""
