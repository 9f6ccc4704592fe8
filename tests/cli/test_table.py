"""Tables on terminals of every width."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

_PROGRAM = """
from customauth.cli.table import print_table
print_table([{"scenario": "wrong-signature", "MQTT": "3.1.1", "backend": "awscrt", "ended": "ClosedBeforeConnack",
              "ms": "1054.9", "reason": "closed by the peer before a CONNACK, " * 3}])
"""


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_no_cell_is_cut_off_on_a_terminal(columns: int) -> None:
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment["TERM"] = "xterm"
    subprocess.run([sys.executable, "-c", _PROGRAM], stdout=end, env=environment, check=True, timeout=30)
    os.close(end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    for cell in ("wrong-signature", "3.1.1", "awscrt", "ClosedBeforeConnack", "1054.9"):
        assert cell in shown
