"""The account's quotas that a swarm must not exceed on AWS unless its user says so (E9, E28, E46)."""

from __future__ import annotations

import re

from attrs import frozen

from customauth.errors import EndpointError
from customauth.swarm.plan import Plan

_AWS = re.compile(r"\.iot(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$", re.IGNORECASE)


@frozen(kw_only=True)
class Quotas:
    """What an account may do in a region; all of them can be raised by AWS.

    :ivar connects: CONNECTs a second; 3000 in large regions, 100 in small ones (E46), so the smaller unless known.
    :ivar connections: at a time (E46).
    :ivar publishes: inbound publishes a second (E46).
    :ivar publishes_each: of one connection, a second (E28).
    """

    connects: float = 100.0
    connections: int = 500_000
    publishes: float = 20_000.0
    publishes_each: float = 100.0

    def told(self) -> str:
        """Return them in words."""
        return (
            f"{self.connects:g} connects/s in small regions (3000 in large ones), {self.connections} connections, "
            f"{self.publishes:g} publishes/s, {self.publishes_each:g} of one connection (E28, E46)"
        )


def is_aws(plan: Plan) -> bool:
    """Say whether the endpoint is AWS's by its name; behind a custom domain it may be all the same."""
    return _AWS.search(plan.endpoint.host) is not None


def check_quotas(plan: Plan, quotas: Quotas) -> None:
    """Refuse a plan that is above the quotas.

    :raises EndpointError: naming the quota and what to change.
    """
    each = 0.0 if plan.publishing is None else 1.0 / plan.publishing.every
    asked = [
        ("connects a second", plan.rate, quotas.connects, "--rate"),
        ("connects a second in the storm", plan.storm_rate(), quotas.connects, "a longer --storm-jitter"),
        (
            "connects a second to refresh",
            plan.refreshes_per_second(),
            quotas.connects,
            "a longer --refresh",
        ),
        ("connections", plan.clients, quotas.connections, "fewer --clients"),
        ("publishes a second", plan.publishes_per_second(), quotas.publishes, "a longer --publish-every"),
        ("publishes a second of one connection", each, quotas.publishes_each, "a longer --publish-every"),
    ]
    for what, number, quota, mend in asked:
        if number > quota:
            raise EndpointError(
                f"{number:g} {what} are above AWS's quota of {quota:g}; give {mend}"
                f"{f' {quota:g}/s' if mend == '--rate' else ''}, or --beyond-quotas if the account has a higher one "
                "(a region's quota of CONNECTs is 3000 or 100 a second, E46)"
            )
