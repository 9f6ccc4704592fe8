"""Where a swarm goes: to an endpoint, or to a local gateway that is started for it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from customauth.cli.misuse import Misuse

if TYPE_CHECKING:
    from customauth.swarm import Plan, Settings

# With the local gateway these are its sample's. Settings, and the options that make them.
_OF_AN_ENDPOINT = {
    "port": "--port",
    "address": "--address",
    "ca_pem": "--cafile",
    "authorizer": "--authorizer",
    "username": "--username",
    "password": "--password",
    "token_key_name": "--token-key-name",
    "token": "--token",
    "signature": "--token-signature",
    "private_pem": "--sign-with",
    "jwt": "--jwt",
    "table": "--csv",
}


@contextlib.asynccontextmanager
async def placed(settings: Settings) -> AsyncIterator[Plan]:
    """Give the plan, with its endpoint there until the end of the block.

    :raises Misuse: options that an endpoint needs, and none is given.
    """
    if settings.endpoint is not None:
        yield settings.plan()
        return
    needless = [option for name, option in _OF_AN_ENDPOINT.items() if getattr(settings, name) is not None]
    if needless:
        raise Misuse(
            f"{needless[0]} is for an ENDPOINT, and none is given",
            "give the ENDPOINT (HOST[:PORT]), or leave the option out to use the local gateway",
        )
    import tempfile
    from pathlib import Path

    from attrs import evolve

    from customauth.compare.own_gateway import own_gateway
    from customauth.endpoint import Transport
    from customauth.swarm import Template

    with tempfile.TemporaryDirectory(prefix="customauth-swarm-") as folder:
        async with own_gateway(Path(folder)) as gateway:
            token = gateway.signed.token
            assert token is not None  # noqa: S101 - the sample is signed
            template = Template(
                authorizer=gateway.signed.authorizer,
                token_key_name=token.key_name,
                token=token.value,
                signature=token.signature,
            )
            if settings.client_id is not None:
                template = evolve(template, client_id=settings.client_id)
            transport = Transport(settings.transport or Transport.MQTT.value)
            yield settings.plan_for(evolve(gateway.endpoint, transport=transport), template)
