"""docs/doctor.md: its program runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()


def test_the_program_of_the_page_prints_what_the_page_says() -> None:
    ((_, program),) = re.findall(r"^```python file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    made = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert f"It prints `{made.stdout.strip()}`" in PAGE
