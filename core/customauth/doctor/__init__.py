"""The doctor: why a connection through a custom authorizer fails, and what to change.

A :class:`~customauth.doctor.setup.Setup` is what a device sends, and whereto.
:func:`~customauth.doctor.examination.examine` looks at it in stages, and
:func:`~customauth.doctor.verdict.judge` says what all of them mean together::

    result = ProbeResult()
    checks = [check async for check in examine(setup, Plan(result=result, asking=Asking()))]
    verdict = judge(setup, checks, result)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from customauth._lazy import lazy_dir, lazy_names

if TYPE_CHECKING:
    from customauth.doctor.examination import Asking as Asking
    from customauth.doctor.examination import Plan as Plan
    from customauth.doctor.examination import examine as examine
    from customauth.doctor.finding import Certainty as Certainty
    from customauth.doctor.finding import Check as Check
    from customauth.doctor.finding import Finding as Finding
    from customauth.doctor.finding import Outcome as Outcome
    from customauth.doctor.finding import Stage as Stage
    from customauth.doctor.probe.result import ProbeResult as ProbeResult
    from customauth.doctor.setup import Setup as Setup
    from customauth.doctor.verdict import Judgement as Judgement
    from customauth.doctor.verdict import Verdict as Verdict
    from customauth.doctor.verdict import judge as judge

# Imported at first use: what is called, and not asyncio, TLS or boto3 for whoever asks for --help.
_HOMES = {
    "examination": ("Asking", "Plan", "examine"),
    "finding": ("Certainty", "Check", "Finding", "Outcome", "Stage"),
    "probe.result": ("ProbeResult",),
    "setup": ("Setup",),
    "verdict": ("Judgement", "Verdict", "judge"),
}

__all__ = [
    "Asking",
    "Certainty",
    "Check",
    "Finding",
    "Judgement",
    "Outcome",
    "Plan",
    "ProbeResult",
    "Setup",
    "Stage",
    "Verdict",
    "examine",
    "judge",
]

__getattr__: Callable[[str], object] = lazy_names(__name__, _HOMES)
__dir__: Callable[[], list[str]] = lazy_dir(__name__)
