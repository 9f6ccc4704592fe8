"""Ask AWS itself, read-only, with boto3 (extra ``aws``): what it knows of endpoint, authorizer and function.

Nothing is changed in the account. The one thing that does more than read is TestInvokeAuthorizer, which runs the
function with the device's credentials; it can be left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from customauth.doctor.finding import Check, Outcome, Stage
from customauth.doctor.setup import Setup
from customauth.errors import AwsError

if TYPE_CHECKING:
    from customauth.doctor.aws.case import Case
    from customauth.doctor.aws.clients import AwsClients

__all__ = ["ask_aws"]

_Step = Callable[["Case"], "Check | Iterable[Check] | None"]


def ask_aws(
    setup: Setup,
    *,
    clients: AwsClients | None = None,
    region: str | None = None,
    profile: str | None = None,
    invoke: bool = True,
    probe_connected: bool | None = None,
    now: datetime | None = None,
) -> Iterator[Check]:
    """Ask AWS about a set-up, and give each check as it has ended. It blocks.

    What AWS does not permit is skipped with the name of the permission. Without boto3, credentials or a region there
    is one check, skipped, that says what to do.

    :param clients: of AWS's services; they are made unless given.
    :param region: None for the one in the endpoint's name, or else that of the profile or of the environment.
    :param profile: of AWS's configuration; None for the one that boto3 would take.
    :param invoke: whether AWS is to run the authorizer's function: once, and at most three times more when it says no.
    :param probe_connected: whether the probe's CONNECT was accepted, None where there was none.
    :param now: the time by which logs and JWTs are judged, aware; None for this moment.
    """
    from customauth.doctor.aws.case import Case
    from customauth.doctor.aws.clients import AwsClients

    began = time.monotonic()
    try:
        opened = clients or AwsClients.open(setup, region=region, profile=profile)
    except AwsError as error:
        detail = f"nothing was asked: {error}; {error.hint}"
        yield Check(stage=Stage.AWS, name="AWS", outcome=Outcome.SKIPPED, detail=detail)
        return
    case = Case(setup=setup, clients=opened, began=now or datetime.now(UTC), probe_connected=probe_connected)
    for step in _steps(invoke):
        for check in _several(step(case)):
            ended = time.monotonic()
            yield attrs.evolve(check, seconds=ended - began)
            began = time.monotonic()
        if case.over:
            return


def _steps(invoke: bool) -> Iterator[_Step]:
    from customauth.doctor.aws.authorizer import check_authorizer
    from customauth.doctor.aws.endpoint import check_endpoint, check_identity
    from customauth.doctor.aws.function import check_function
    from customauth.doctor.aws.invocation import check_invocation
    from customauth.doctor.aws.logs import check_function_log, check_iot_log
    from customauth.doctor.aws.policies import check_policies
    from customauth.doctor.aws.signature import check_signature

    yield check_identity
    yield check_endpoint
    yield check_authorizer
    yield check_signature
    yield check_function
    yield check_function_log
    yield check_iot_log
    yield lambda case: check_invocation(case, invoke=invoke)
    yield check_policies


def _several(found: Check | Iterable[Check] | None) -> Iterable[Check]:
    if found is None:
        return ()
    return (found,) if isinstance(found, Check) else found
