"""docs/testing.md: its test suites pass, in pytest, in a shell and in Node.js."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from needs import needs, needs_backend
from programs import npm_packages, program

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests" / "clients" / "node"
_FENCE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(_FENCE.findall((ROOT / "docs" / "testing.md").read_text()))

# A guard against hanging, not a measure.
_HANGS = 120.0

FUNCTION = """
def handler(event, context):
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"isAuthenticated": True, "principalId": "pump", "policyDocuments": [policy]}
"""
OWN_TEST = """
def test_it_serves_the_configuration(customauth_gateway):
    assert set(customauth_gateway.gateway.config.authorizers) == {"pumps"}
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Write the files of the page."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the page; ``customauth`` is on its PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NODE_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        words, cwd=cwd, env=kept | {"PATH": path}, capture_output=True, text=True, timeout=_HANGS, check=False
    )


def passed(folder: Path) -> str:
    """Run pytest in a folder, and return its last line without the time."""
    words = ["-W", "error", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder)]
    made = run(sys.executable, "-m", "pytest", *words, str(folder), cwd=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout.splitlines()[-1].strip("= ").partition(" in ")[0]


@needs("paho-mqtt")
def test_the_suite_on_the_sample_passes(page: Path) -> None:
    assert passed(page / "sample") == "3 passed"


def test_the_suite_with_a_configuration_of_its_own_passes(page: Path) -> None:
    (page / "own" / "authorizer.py").write_text(FUNCTION)
    (page / "own" / "test_own.py").write_text(OWN_TEST)
    assert passed(page / "own") == "1 passed"


def test_the_suite_in_which_time_passes_faster_passes(page: Path) -> None:
    assert passed(page / "fast") == "1 passed"


@needs_backend
def test_the_shell_script_connects_and_ends_the_gateway(page: Path) -> None:
    made = run("/bin/sh", "-e", "try.sh", cwd=page)
    assert made.returncode == 0, made.stdout + made.stderr + (page / "gateway.log").read_text()
    assert (page / "gateway.log").read_text().endswith("1 accepted, 0 refused.\nGateway stopped.\n")
    assert not (page / "ready.json").exists()


def test_the_shell_script_tells_why_the_gateway_did_not_start(page: Path) -> None:
    (page / "customauth-gateway").write_text("a file is in the way")
    made = run("/bin/sh", "-e", "try.sh", cwd=page)
    assert made.returncode == 1
    assert "error: customauth-gateway: File exists" in made.stdout


@program("node", package="nodejs")
@npm_packages(NODE)
def test_the_suite_in_nodejs_passes(page: Path) -> None:
    (page / "node_modules").symlink_to(NODE / "node_modules")
    made = run("node", "--test", "gateway.test.mjs", cwd=page)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "pass 2" in made.stdout
