"""The backend for gmqtt passes the conformance kit."""

from __future__ import annotations

import pytest

from customauth import Backend
from customauth.testing.conformance import BackendConformance
from customauth_gmqtt import GmqttBackend
from needs import needs

pytestmark = needs("gmqtt")


class TestGmqttBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return GmqttBackend()
