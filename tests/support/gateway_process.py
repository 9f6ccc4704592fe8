"""The gateway as people run it: `customauth gateway` in a process of its own."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def running_gateway(folder: Path, *words: str) -> Iterator[str]:
    """Run it in ``folder`` on a free port; yields its endpoint and ends it in the end."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "customauth", "gateway", "--port", "0", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.match(r"Gateway on (\S+),", first)
        assert found, f"the gateway did not start: {first!r}"
        yield found[1]
    finally:
        process.send_signal(signal.SIGINT)
        # Reading on, so that it never waits for a full pipe.
        process.communicate(timeout=30)
