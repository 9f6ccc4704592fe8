"""Tables on terminals of every width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
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


_MATRIX = """
from customauth.cli.table import print_matrix
names = [f"backend-{number}" for number in range(6)]
print_matrix([{"measure": "Connect: from CONNECT to CONNACK, at the client's end", "MQTT": "3.1.1", "transport": "wss",
               **{name: f"{1000 + number} ms (1.05x) *" for number, name in enumerate(names)}}])
"""


def _shown(program: str, columns: int) -> str:
    """Return what a program prints on a terminal of a width."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment["TERM"] = "xterm"
    subprocess.run([sys.executable, "-c", program], stdout=end, env=environment, check=True, timeout=30)
    os.close(end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_no_cell_is_cut_off_on_a_terminal(columns: int) -> None:
    shown = _shown(_PROGRAM, columns)
    for cell in ("wrong-signature", "3.1.1", "awscrt", "ClosedBeforeConnack", "1054.9"):
        assert cell in shown


@pytest.mark.parametrize("columns", [20, 50, 70, 80, 120, 250])
def test_no_cell_of_a_matrix_is_cut_off_on_a_terminal(columns: int) -> None:
    shown = _shown(_MATRIX, columns)
    for number in range(6):
        assert f"backend-{number}" in shown
        assert f"{1000 + number} ms (1.05x) *" in shown


def test_a_narrow_terminal_gets_a_matrix_in_several_tables_that_fit() -> None:
    lines = _shown(_MATRIX, 100).splitlines()
    assert max(map(len, lines)) <= 100
    headings = [line.split() for line in lines if "transport" in line]
    assert len(headings) > 1
    assert all(heading[:3] == ["measure", "MQTT", "transport"] for heading in headings)
    assert [name for heading in headings for name in heading[3:]] == [f"backend-{number}" for number in range(6)]


def test_in_a_pipe_a_matrix_is_one_table() -> None:
    made = subprocess.run([sys.executable, "-c", _MATRIX], capture_output=True, text=True, check=True, timeout=30)
    assert len([line for line in made.stdout.splitlines() if "ms (1.05x)" in line]) == 1
