"""The soak for some seconds: clients are cut off at random, and no acknowledged message is lost (E15, E37, E42)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from durable import durable_gateway
from soak import soak
from steady import Harm


@pytest.mark.fact("E15", "E29", "E37", "E38")
def test_no_acknowledged_message_is_lost_to_clients_that_are_cut_off_at_random(tmp_path: Path) -> None:
    with durable_gateway(tmp_path) as gateway:
        report = asyncio.run(soak(gateway, seconds=6, per_minute=1200, seed=1))
        assert gateway.complaints() == ""
    assert report.acknowledged > 0
    assert (report.missing, report.lost_sessions) == (0, 0)
    assert set(report.harmed) == set(Harm)
    assert report.lines()[-1].startswith("memory of the gateway: ")
