"""The parts of the kit as one."""

from __future__ import annotations

import pytest

# Before the rooms are imported, so that a failed assertion in them says what it compared.
_ROOMS = (
    "cancelling",
    "connect",
    "data",
    "endings",
    "failures",
    "features",
    "flow",
    "kit",
    "lifecycle",
    "local",
)
pytest.register_assert_rewrite(*(f"{__package__}.{room}" for room in _ROOMS))

from customauth.testing.conformance.cancelling import CancellingConformance  # noqa: E402
from customauth.testing.conformance.connect import ConnectConformance  # noqa: E402
from customauth.testing.conformance.data import DataConformance  # noqa: E402
from customauth.testing.conformance.endings import EndingsConformance  # noqa: E402
from customauth.testing.conformance.failures import FailuresConformance  # noqa: E402
from customauth.testing.conformance.features import FeaturesConformance  # noqa: E402
from customauth.testing.conformance.flow import FlowConformance  # noqa: E402
from customauth.testing.conformance.lifecycle import LifecycleConformance  # noqa: E402
from customauth.testing.conformance.local import LocalConformance  # noqa: E402


class BackendConformance(
    FeaturesConformance,
    ConnectConformance,
    FailuresConformance,
    DataConformance,
    FlowConformance,
    EndingsConformance,
    LifecycleConformance,
    CancellingConformance,
    LocalConformance,
):
    """Everything that a backend owes. Override the fixture ``backend``."""
