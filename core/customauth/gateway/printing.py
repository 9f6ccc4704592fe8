"""Text that a client or a function chose, made fit for one line of a log."""

from __future__ import annotations

import re

# Longer than any client id that is let in (E8).
_MAX_SHOWN = 128
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """Escape every control character of a line: what a client or a function chose must not move the cursor."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


def shortened(text: str) -> str:
    """Cut off what no name that is let in is long enough for."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
