"""The benchmark of policy decisions runs, and names what it measures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "policy.py"


def test_every_median_is_given_in_nanoseconds() -> None:
    words = [sys.executable, str(PROGRAM), "--rounds", "5", "--json"]
    medians = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert {"parse", "cold, allowed", "cold, denied", "warm"} < medians.keys()
    assert all(isinstance(nanoseconds, int) and nanoseconds >= 0 for nanoseconds in medians.values())
