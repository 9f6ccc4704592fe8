"""The commands that connect to a gateway, ready to be copied into another terminal."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from customauth.cli.program import program

if TYPE_CHECKING:
    from customauth.gateway import Authorizer, Gateway, GatewayConfig, Sample

# Where a client on this machine reaches a gateway that listens here, the name "localhost" leads to already.
_LOCAL = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on


def invitation(gateway: Gateway, config: GatewayConfig, sample: Sample | None, host: str) -> list[str]:
    """Return the lines that say how to connect to the gateway.

    :param host: the address that it listens on.
    """
    where = ["--cafile", str(gateway.ca_file.absolute()), *_address(gateway, config, host), gateway.endpoint]
    if sample is None:
        active = [authorizer for authorizer in config.authorizers.values() if authorizer.active]
        if not active:
            return ['No authorizer is ACTIVE, so nobody gets in: set the status of one to "ACTIVE".']
        return ["Connect to it with:", *(_template(authorizer, where) for authorizer in active)]
    return _of_sample(sample, where)


def _of_sample(sample: Sample, where: list[str]) -> list[str]:
    from customauth.gateway import sample as made
    from customauth.plugins import default_manager

    names = [info.name for info in default_manager().describe() if info.problem is None]
    signed = ["--authorizer", made.SIGNED_AUTHORIZER, "--token-key-name", made.TOKEN_KEY_NAME]
    signed += ["--token", made.SAMPLE_TOKEN, "--sign-with", str(sample.private_key_file.absolute())]
    unsigned = ["--authorizer", made.UNSIGNED_AUTHORIZER, "--username", made.SAMPLE_USERNAME]
    unsigned += ["--password", made.SAMPLE_PASSWORD]
    lines = [
        f"The sample is in {sample.config_file.parent}: change it, and the gateway takes the change.",
        "Signed, with each backend:",
    ]
    lines += ["  " + _connect("--backend", name, *signed, *where) for name in names]
    lines += ["Unsigned:", "  " + _connect(*unsigned, *where)]
    if not names:
        lines.append('No MQTT library is installed here; run: pip install "customauth[paho]"')
    return lines


def _template(authorizer: Authorizer, where: list[str]) -> str:
    """Write the command for an authorizer of the user's own; what only the user knows stays in capitals."""
    words = ["--authorizer", authorizer.name]
    if authorizer.signing_disabled:
        words += ["--username", "USER", "--password-file", "PASSWORD"]
    else:
        words += ["--token-key-name", str(authorizer.token_key_name)]
        words += ["--token-file", "TOKEN", "--sign-with", "PRIVATE.pem"]
    return "  " + _connect(*words, *where)


def _address(gateway: Gateway, config: GatewayConfig, host: str) -> list[str]:
    """Say what to dial where the name that is served does not lead to the gateway by itself."""
    if config.names[0] == "localhost" and host in (*_LOCAL, *_EVERYWHERE):
        return []
    reached = "localhost" if host in _EVERYWHERE else host
    return ["--address", f"[{reached}]:{gateway.port}" if ":" in reached else f"{reached}:{gateway.port}"]


def _connect(*words: str) -> str:
    return shlex.join([*program(), "connect", *words])
