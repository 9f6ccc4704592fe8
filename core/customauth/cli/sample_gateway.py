"""A gateway with the sample configuration, in a temporary folder, for as long as a command runs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from attrs import frozen

from customauth.credentials import CustomAuth
from customauth.endpoint import Endpoint


@frozen(kw_only=True)
class SampleGateway:
    """Where the gateway is, and signed credentials that it accepts."""

    endpoint: Endpoint
    signed: CustomAuth


@contextlib.asynccontextmanager
async def sample_gateway() -> AsyncIterator[SampleGateway]:
    """Start the gateway on a free port, sign the sample's token, and clean up in the end."""
    from customauth.gateway import Gateway, load_config, write_sample
    from customauth.gateway import sample as made
    from customauth.signing import signed_token

    with tempfile.TemporaryDirectory(prefix="customauth-") as name:
        folder = Path(name)
        sample = write_sample(folder)
        token = signed_token(made.TOKEN_KEY_NAME, made.SAMPLE_TOKEN, sample.private_key_file.read_bytes())
        async with Gateway(load_config(sample.config_file), folder=folder / "ca") as gateway:
            yield SampleGateway(
                endpoint=Endpoint.parse(gateway.endpoint, ca_pem=gateway.ca_file.read_bytes()),
                signed=CustomAuth(authorizer=made.SIGNED_AUTHORIZER, token=token),
            )
