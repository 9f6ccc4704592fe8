"""One attempt of a client to connect."""

from __future__ import annotations

from customauth.connecting import connect
from customauth.connection import Connection
from customauth.plugins import PluginManager
from customauth.swarm.identities import Identity
from customauth.swarm.plan import Plan

SETTLES = 0.5
"""A connection accepted although the storm cut its attempt has been spared when it is up for so long, in seconds."""


async def connect_as(plan: Plan, who: Identity, plugins: PluginManager) -> Connection:
    """Connect as the plan says.

    :raises CustomAuthError: as :func:`customauth.connect`.
    """
    return await connect(
        plan.endpoint,
        who.credentials,
        backend=plan.backend,
        client_id=who.client_id,
        credentials_in=plan.credentials_in,
        version=plan.version,
        keep_alive=plan.keep_alive,
        timeout=plan.timeout,
        plugins=plugins,
    )
