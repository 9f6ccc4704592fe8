"""What happens to a test whose program is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# One test of those that need curl.
_TEST = Path(__file__).with_name("test_curl.py").resolve()
_NAME = "test_what_is_no_publish_gets_a_status_that_says_so"
_HANGS = 120.0


def run_without_programs(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    """Run tests that need curl where there is no program at all."""
    environment = {**os.environ, "PATH": str(folder), "CI": ci}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{_TEST}::{_NAME}"],
        cwd=_TEST.parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_HANGS,
        check=False,
    )


def test_it_is_skipped_with_the_command_that_installs_it_and_the_summary_counts_it(tmp_path: Path) -> None:
    run = run_without_programs(tmp_path, ci="")
    assert run.returncode == pytest.ExitCode.OK, run.stdout
    assert "\n6 tests skipped for a missing program: 6 for curl (apt-get install curl)\n" in run.stdout
    assert "curl is not installed; run: apt-get install curl\n" in run.stdout


def test_it_is_a_failure_with_ci_set(tmp_path: Path) -> None:
    run = run_without_programs(tmp_path, ci="true")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "curl is not installed; run: apt-get install curl (with CI=true nothing may be missing)" in run.stdout
