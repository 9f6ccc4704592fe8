"""The servers as targets: the gateway, where all are signed, and mosquitto beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from customauth.credentials import CustomAuth

from .. import servers
from .contract import Target

_HOST = "localhost"


@contextlib.contextmanager
def signed_gateway(folder: Path) -> Iterator[Target]:
    """Run ``customauth gateway`` with its sample."""
    with servers.gateway(folder) as gateway:
        yield _signed(gateway)


@contextlib.contextmanager
def both_servers(folder: Path) -> Iterator[dict[str, Target]]:
    """Run the gateway, and mosquitto if there is one, with the same certificate."""
    with contextlib.ExitStack() as running:
        gateway = running.enter_context(servers.gateway(folder))
        targets = {"gateway": _signed(gateway)}
        if servers.mosquitto_program() is not None:
            other = running.enter_context(servers.mosquitto(folder / "mosquitto", gateway))
            targets["mosquitto"] = Target(
                host=_HOST, port=other.port, ca_file=other.ca_file, username=other.username, password=other.password
            )
        yield targets


def _signed(gateway: servers.Server) -> Target:
    auth = CustomAuth.parse(gateway.username, gateway.password)
    assert auth.token is not None  # noqa: S101 - the sample's signed authorizer wants one
    return Target(
        host=_HOST,
        port=gateway.port,
        ca_file=gateway.ca_file,
        username=gateway.username,
        password=gateway.password,
        authorizer=auth.authorizer,
        token_key_name=auth.token.key_name,
        token=auth.token.value,
        signature=auth.token.signature,
    )
