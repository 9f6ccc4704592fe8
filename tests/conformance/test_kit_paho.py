"""The backend for paho-mqtt passes the conformance kit."""

from __future__ import annotations

import pytest

from customauth import Backend
from customauth.testing.conformance import BackendConformance
from customauth_paho import PahoBackend
from needs import needs

pytestmark = needs("paho-mqtt")


class TestPahoBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return PahoBackend()
