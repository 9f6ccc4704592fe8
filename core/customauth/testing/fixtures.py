"""The pytest fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from customauth.testing.local_gateway import LocalGateway

if TYPE_CHECKING:
    from customauth.gateway import GatewayConfig, RunningGateway


@pytest.fixture(scope="session")
def customauth_gateway_config() -> GatewayConfig | Path | str | None:
    """Give what the gateway serves; override it in your ``conftest.py``. None is the sample."""
    return None


@pytest.fixture(scope="session")
def customauth_session_gateway(
    customauth_gateway_config: GatewayConfig | Path | str | None,
) -> Iterator[RunningGateway]:
    """Give the gateway of the whole session, to fixtures that live as long."""
    with LocalGateway(customauth_gateway_config) as local:
        yield local


@pytest.fixture
def customauth_gateway(customauth_session_gateway: RunningGateway) -> RunningGateway:
    """Give the gateway of the session without the decisions and records of earlier tests."""
    customauth_session_gateway.decisions.clear()
    customauth_session_gateway.records.clear()
    return customauth_session_gateway
