"""The backend for mqttium passes the conformance kit."""

from __future__ import annotations

import pytest

from customauth import Backend
from customauth.testing.conformance import BackendConformance
from customauth_mqttium import MqttiumBackend
from needs import needs

pytestmark = needs("mqttium")


class TestMqttiumBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return MqttiumBackend()
