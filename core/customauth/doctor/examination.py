"""The stages in their order, as one stream of checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime

from attrs import Factory, field, frozen

from customauth.doctor.finding import Check, Finding, Outcome, Stage
from customauth.doctor.probe.result import ProbeResult
from customauth.doctor.setup import Setup


@frozen(kw_only=True)
class Asking:
    """How AWS is asked.

    :ivar region: None for the endpoint's, or else the profile's.
    :ivar profile: of the AWS configuration; None for the usual one.
    :ivar invoke: whether AWS is to run the authorizer's function, which may have effects of its own.
    """

    region: str | None = None
    profile: str | None = None
    invoke: bool = True


@frozen(kw_only=True)
class Plan:
    """What is to be looked at.

    :ivar result: where the probe writes down how far it came; None makes no probe.
    :ivar asking: None asks AWS nothing.
    :ivar not_probed: why there is no probe, for whoever reads the checks.
    :ivar not_asked: why AWS is not asked.
    :ivar publish: whether the probe is to publish to the topics, an empty message each, for real.
    :ivar trace: is given each packet as it is sent or has come, secrets masked.
    :ivar now: the time by which JWTs are judged; None for this moment.
    """

    result: ProbeResult | None = Factory(ProbeResult)
    asking: Asking | None = None
    not_probed: str = "it was not asked for"
    not_asked: str = "it was not asked for"
    publish: bool = False
    trace: Callable[[str, bytes], None] | None = field(default=None, repr=False)
    now: datetime | None = None


async def examine(setup: Setup, plan: Plan) -> AsyncIterator[Check]:
    """Look at a set-up stage by stage, and give each check as it has ended.

    The probe makes connections of its own with the device's client id, which end the device's own if it is online
    (E15); where the login is refused without a reason it sends the credentials again without the mistakes that lint
    suspects, three times at most. AWS is asked only for what can be read, but for the run of the authorizer's function.
    """
    from customauth.doctor.lint import lint

    suspected: list[Finding] = []
    for check in lint(setup, now=plan.now or datetime.now(UTC)):
        suspected += check.findings
        yield check
    if plan.result is None:
        yield _skipped(Stage.PROBE, "connection", plan.not_probed)
    else:
        async for check in _probed(setup, plan, plan.result, suspected):
            yield check
    if plan.asking is None:
        yield _skipped(Stage.AWS, "AWS", plan.not_asked)
    else:
        async for check in _asked(setup, plan.asking, plan.result):
            yield check


def _skipped(stage: Stage, name: str, why: str) -> Check:
    return Check(stage=stage, name=name, outcome=Outcome.SKIPPED, detail=why)


async def _probed(setup: Setup, plan: Plan, result: ProbeResult, suspected: Iterable[Finding]) -> AsyncIterator[Check]:
    if setup.endpoint is None:
        yield _skipped(Stage.PROBE, "connection", "there is no ENDPOINT; give it to have the connection tried")
        return
    from customauth.doctor.mending import mends
    from customauth.doctor.probe import probe

    known = mends(setup, suspected)
    async for check in probe(setup, trace=plan.trace, result=result, publish=plan.publish, mends=known):
        yield check


async def _asked(setup: Setup, asking: Asking, result: ProbeResult | None) -> AsyncIterator[Check]:
    from customauth.doctor.aws import ask_aws

    checks = ask_aws(
        setup,
        region=asking.region,
        profile=asking.profile,
        invoke=asking.invoke,
        probe_connected=None if result is None else result.connected,
    )
    # boto3 blocks, and loading it takes longer than any of the checks before.
    while (check := await asyncio.to_thread(_next, checks)) is not None:
        yield check


def _next(checks: Iterator[Check]) -> Check | None:
    return next(checks, None)
