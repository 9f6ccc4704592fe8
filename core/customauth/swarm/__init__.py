"""A fleet of signed clients: many at once, against the local gateway or a real endpoint."""

from __future__ import annotations

from customauth.swarm.crew import Moment, SwarmBroken, run
from customauth.swarm.identities import Identities, Identity, Table, Template
from customauth.swarm.limits import limiting
from customauth.swarm.plan import Plan, Publishing, Storm
from customauth.swarm.quotas import Quotas, check_quotas, is_aws
from customauth.swarm.result import Series, document, report
from customauth.swarm.scenario_file import read_scenario
from customauth.swarm.settings import Settings
from customauth.swarm.tally import Count, Distribution, Tally, Timed

__all__ = [
    "Count",
    "Distribution",
    "Identities",
    "Identity",
    "Moment",
    "Plan",
    "Publishing",
    "Quotas",
    "Series",
    "Settings",
    "Storm",
    "SwarmBroken",
    "Table",
    "Tally",
    "Template",
    "Timed",
    "check_quotas",
    "document",
    "is_aws",
    "limiting",
    "read_scenario",
    "report",
    "run",
]
