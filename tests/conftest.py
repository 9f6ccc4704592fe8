"""What every test shares: the hypothesis profile, which backends are installed here, and which programs are not."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

import programs
from customauth import BackendInfo, PluginManager

# Deadlines measure the machine, and the first draw of a text strategy is slow on a cold cache.
settings.register_profile("customauth", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("customauth")

BUNDLED = ("awscrt", "gmqtt", "mqttium", "paho")

# Beyond so many characters a text is no name for a test.
_LONGEST_ID = 60


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let Ctrl-C reach what tests start: a process inherits that SIGINT is ignored, as in a job in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _usable() -> list[BackendInfo]:
    return [info for info in PluginManager().describe() if info.problem is None and info.name in BUNDLED]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", programs.REGISTRATION)


def pytest_report_header() -> str:
    found = ", ".join(f"{info.name} ({info.library} {info.library_version})" for info in _usable())
    return f"customauth backends: {found or 'none'}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``backend_name`` on every bundled backend whose library is installed."""
    if "backend_name" in metafunc.fixturenames:
        metafunc.parametrize("backend_name", [info.name for info in _usable()])


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Number long texts, as pytest does since 9.2: in some are signatures, which each worker of a run makes anew."""
    return argname if isinstance(val, str | bytes) and len(val) > _LONGEST_ID else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    programs.check(item)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = programs.summary(terminalreporter.stats.get("skipped", []))
    if line is not None:
        terminalreporter.write_line(line, yellow=True)
