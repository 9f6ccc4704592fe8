"""``customauth.testing`` in a stranger's test suite: pytest in a process of its own, with warnings as errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTEST = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-c", os.devnull]
CONFTEST = 'pytest_plugins = ["customauth.testing"]\n'

# What a stranger knows: MQTT's bytes, and a TLS socket.
CLIENT = '''
import socket
import ssl


def log_in(local, user, password):
    """Return what the gateway answers to a CONNECT of MQTT 5."""
    def text(value):
        return len(value).to_bytes(2, "big") + value

    context = ssl.create_default_context(cafile=local.ca_file)
    context.set_alpn_protocols(["mqtt"])
    body = text(b"MQTT") + b"\\x05\\xc2\\x00\\x3c\\x00" + text(b"device") + text(user) + text(password)
    with socket.create_connection(("localhost", local.port), timeout=60) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(bytes([0x10, len(body)]) + body)
            return tls.recv(4096)
'''

LOGS_IN = """
from client import log_in

ALICE = b"alice?x-amz-customauthorizer-name=unsigned-sample"


def test_the_right_password(customauth_gateway):
    assert log_in(customauth_gateway, ALICE, b"wonderland")[3] == 0
    (decision,) = customauth_gateway.decisions
    assert decision.outcome.principal_id == "sample"
    assert customauth_gateway.gateway.metrics == {("Connect.Success", "MQTT"): 1}


def test_the_wrong_password(customauth_gateway):
    assert log_in(customauth_gateway, ALICE, b"looking-glass")[3] == 0x87
    (decision,) = customauth_gateway.decisions
    assert decision.outcome.reason.value == "NOT_AUTHENTICATED"


def test_the_gateway_is_the_sessions(customauth_gateway, customauth_session_gateway):
    assert customauth_gateway is customauth_session_gateway
    assert customauth_gateway.decisions == []
"""

# Fails the session where a thread or a child of this process is left when everything is torn down.
LEAK_CHECK = """
import multiprocessing
import pathlib
import threading


def pytest_unconfigure(config):
    if hasattr(config, "workerinput") or config.getoption("-n", None):
        return
    left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    children = pathlib.Path("/proc/self/task/%d/children" % threading.get_native_id())
    left += children.read_text().split() if children.exists() else []
    pathlib.Path("left").write_text(" ".join(left))
"""


def run_pytest(folder: Path, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on files in a folder, each named by its stem."""
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [*PYTEST, *options, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=kept | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def outcomes(run: subprocess.CompletedProcess[str]) -> str:
    """Return pytest's last line without its time."""
    return run.stdout.splitlines()[-1].strip("= ").partition(" in ")[0]


def test_a_strangers_test_logs_in_and_sees_the_decision(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, conftest=CONFTEST, client=CLIENT, test_login=LOGS_IN)
    assert outcomes(run) == "3 passed", run.stdout + run.stderr


def test_it_works_under_xdist(tmp_path: Path) -> None:
    copies = {f"test_login_{number}": LOGS_IN for number in range(2)}
    run = run_pytest(tmp_path, "-n", "2", "--dist", "loadfile", conftest=CONFTEST, client=CLIENT, **copies)
    assert outcomes(run) == "6 passed", run.stdout + run.stderr


def test_no_thread_and_no_process_is_left(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "-p", "no:xdist", conftest=CONFTEST + LEAK_CHECK, client=CLIENT, test_login=LOGS_IN)
    assert outcomes(run) == "3 passed", run.stdout + run.stderr
    assert (tmp_path / "left").read_text() == ""


def test_without_a_test_that_asks_for_it_no_gateway_is_started(tmp_path: Path) -> None:
    nothing = "import sys\ndef test_nothing():\n    assert 'customauth.gateway.server' not in sys.modules\n"
    run = run_pytest(tmp_path, conftest=CONFTEST, test_nothing=nothing)
    assert outcomes(run) == "1 passed", run.stdout + run.stderr


def test_the_names_can_be_imported_beside_the_plugin(tmp_path: Path) -> None:
    run = run_pytest(
        tmp_path,
        conftest="from customauth.testing import LocalGateway\n" + CONFTEST,
        test_it="def test_it(customauth_gateway): assert customauth_gateway.port\n",
    )
    assert outcomes(run) == "1 passed", run.stdout + run.stderr


OWN = """
import pathlib

import pytest

pytest_plugins = ["customauth.testing"]


@pytest.fixture(scope="session")
def customauth_gateway_config():
    return {}(pathlib.Path(__file__).with_name("gateway.toml"))
"""

OWN_CONFIG = """
[authorizers.door]
status = "ACTIVE"
function = "function.py:handler"
signing_disabled = true
"""

OWN_FUNCTION = """
def handler(event, context):
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"isAuthenticated": True, "principalId": "own", "policyDocuments": [policy]}
"""

OWN_TEST = """
from client import log_in


def test_it(customauth_gateway):
    assert log_in(customauth_gateway, b"?x-amz-customauthorizer-name=door", b"any")[3] == 0
    assert customauth_gateway.decisions[-1].outcome.principal_id == "own"
    assert customauth_gateway.signed is None
"""


@pytest.mark.parametrize("given", ["", "str", "__import__('customauth.gateway').gateway.load_config"])
def test_a_configuration_of_ones_own_is_served(tmp_path: Path, given: str) -> None:
    (tmp_path / "gateway.toml").write_text(OWN_CONFIG)
    run = run_pytest(tmp_path, conftest=OWN.format(given), client=CLIENT, function=OWN_FUNCTION, test_own=OWN_TEST)
    assert outcomes(run) == "1 passed", run.stdout + run.stderr


def test_a_broken_configuration_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(OWN_CONFIG + "colour = 1\n")
    run = run_pytest(tmp_path, conftest=OWN.format(""), client=CLIENT, function=OWN_FUNCTION, test_own=OWN_TEST)
    assert outcomes(run) == "1 error", run.stdout + run.stderr
    assert "gateway.toml line 6: authorizers.door.colour: unknown" in run.stdout
    assert "customauth.gateway.config.ConfigError" in run.stdout
