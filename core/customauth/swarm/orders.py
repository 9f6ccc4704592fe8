"""What a process of a swarm is told; :mod:`customauth.swarm.worker` says how."""

from __future__ import annotations

from attrs import frozen

from customauth.swarm.plan import Plan

CUT = b"cut"
"""Cut all connections at once."""
FINISH = b"finish"
"""End in good order."""


@frozen(kw_only=True)
class Order:
    """Which clients are a process's: ``index``, ``index + plan.processes``, and so on."""

    plan: Plan
    index: int
