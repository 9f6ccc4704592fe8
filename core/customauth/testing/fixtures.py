"""The pytest fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from customauth.gateway import GatewayConfig
from customauth.gateway.embedded import RunningGateway
from customauth.testing.local_gateway import LocalGateway


@pytest.fixture(scope="session")
def customauth_gateway_config() -> GatewayConfig | Path | None:
    """Give what the gateway serves; override it in your ``conftest.py``. None is the sample."""
    return None


@pytest.fixture(scope="session")
def _customauth_gateway(customauth_gateway_config: GatewayConfig | Path | None) -> Iterator[RunningGateway]:
    with LocalGateway(customauth_gateway_config) as local:
        yield local


@pytest.fixture
def customauth_gateway(_customauth_gateway: RunningGateway) -> RunningGateway:
    """Give a gateway that runs for the whole session; its decisions and records are those of this test."""
    _customauth_gateway.decisions.clear()
    _customauth_gateway.records.clear()
    return _customauth_gateway
