"""The bundled scenarios: one file for each. What each measures, and at which end, stands in its description."""

from __future__ import annotations

from customauth.compare.scenario import Scenario
from customauth.compare.scenarios.authentication import login_scenarios
from customauth.compare.scenarios.connect import ConnectTime
from customauth.compare.scenarios.connect_rate import ConnectRate
from customauth.compare.scenarios.faults import fault_scenarios
from customauth.compare.scenarios.import_time import ImportTime
from customauth.compare.scenarios.memory import MemoryAndThreads
from customauth.compare.scenarios.publish_rate import AcknowledgedRate, UnacknowledgedRate
from customauth.compare.scenarios.reconnect import ReconnectTime
from customauth.compare.scenarios.refusal import RefusalTime
from customauth.compare.scenarios.revoked import RevokedTime
from customauth.compare.scenarios.round_trip import AcknowledgedRoundTrip, UnacknowledgedRoundTrip


def bundled() -> tuple[Scenario, ...]:
    """Return them in the order in which they run."""
    return (
        ConnectTime(),
        ConnectRate(),
        UnacknowledgedRate(),
        AcknowledgedRate(),
        UnacknowledgedRoundTrip(),
        AcknowledgedRoundTrip(),
        ReconnectTime(),
        RefusalTime(),
        RevokedTime(),
        MemoryAndThreads(),
        ImportTime(),
        *login_scenarios(),
        *fault_scenarios(),
    )
