"""What every test shares: the hypothesis profile, and the backends that are installed here."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from customauth import BackendInfo, PluginManager

# Deadlines measure the machine, and the first draw of a text strategy is slow on a cold cache.
settings.register_profile("customauth", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("customauth")

BUNDLED = ("awscrt", "gmqtt", "paho")


def _usable() -> list[BackendInfo]:
    return [info for info in PluginManager().describe() if info.problem is None and info.name in BUNDLED]


def pytest_report_header() -> str:
    found = ", ".join(f"{info.name} ({info.library} {info.library_version})" for info in _usable())
    return f"customauth backends: {found or 'none'}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``backend_name`` on every bundled backend whose library is installed."""
    if "backend_name" in metafunc.fixturenames:
        metafunc.parametrize("backend_name", [info.name for info in _usable()])
