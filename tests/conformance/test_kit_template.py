"""The template backend, which everybody copies, passes the whole kit."""

from __future__ import annotations

import pytest

from customauth import Backend
from customauth.testing.conformance import BackendConformance
from customauth_template import TemplateBackend


class TestTemplateBackend(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return TemplateBackend()
