"""A gateway for as long as a block of your program runs: for tests, examples and demonstrations."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from attrs import field, frozen

from customauth.credentials import CustomAuth
from customauth.endpoint import Endpoint
from customauth.gateway import sample as made
from customauth.gateway.config import GatewayConfig
from customauth.gateway.config_parse import load_config
from customauth.gateway.decision import Decision
from customauth.gateway.records import Record
from customauth.gateway.sample import write_sample
from customauth.gateway.server import Gateway
from customauth.signing import signed_token


@frozen(kw_only=True)
class RunningGateway:
    """A gateway that listens, and what a client of it needs.

    :ivar endpoint: for :func:`customauth.connect`; it trusts the gateway's CA.
    :ivar decisions: every decision so far, the last one last.
    :ivar records: every record so far: decisions, ends of connections, notes.
    :ivar folder: where its files are.
    :ivar signed: credentials that the sample accepts by their signature; None with a configuration of your own.
    :ivar unsigned: credentials that the sample accepts by their password; None with a configuration of your own.
    """

    gateway: Gateway
    endpoint: Endpoint
    folder: Path
    signed: CustomAuth | None = None
    unsigned: CustomAuth | None = None
    decisions: list[Decision] = field(factory=list)
    records: list[Record] = field(factory=list)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.gateway.port

    @property
    def ca_file(self) -> Path:
        """The CA that its clients must trust."""
        return self.gateway.ca_file


@contextlib.asynccontextmanager
async def running(
    config: GatewayConfig | Path | str | None = None, *, folder: Path | None = None, **options: Any
) -> AsyncIterator[RunningGateway]:
    """Run a gateway on a free port of this machine until the end of the block::

        async with customauth.gateway.running() as local:
            async with await customauth.connect(local.endpoint, local.signed): ...

    :param config: what it serves, or the file that says it, whose changes it follows; without one the sample.
    :param folder: where its CA is kept, and the sample; a temporary one by default.
    :param options: those of :class:`Gateway`.
    :raises ConfigError: when the file cannot be used.
    :raises ValueError: for what :class:`Gateway` refuses.
    :raises OSError: when it cannot listen, or the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="customauth-")))
        signed = unsigned = None
        if config is None:
            config, signed, unsigned = _sample(folder)
        if isinstance(config, Path | str):
            config = Path(config)
            options.setdefault("follow", config)
            config = load_config(config)
        decisions: list[Decision] = []
        records: list[Record] = []

        def record(item: Record) -> None:
            records.append(item)
            if isinstance(item, Decision):
                decisions.append(item)
            if on_record is not None:
                on_record(item)

        on_record = options.pop("on_record", None)
        async with Gateway(config, folder=folder / "ca", on_record=record, **options) as gateway:
            yield RunningGateway(
                gateway=gateway,
                endpoint=Endpoint.parse(gateway.endpoint, ca_pem=gateway.ca_file.read_bytes()),
                folder=folder,
                signed=signed,
                unsigned=unsigned,
                decisions=decisions,
                records=records,
            )


def _sample(folder: Path) -> tuple[Path, CustomAuth, CustomAuth]:
    sample = write_sample(folder)
    token = signed_token(made.TOKEN_KEY_NAME, made.SAMPLE_TOKEN, sample.private_key_file.read_bytes())
    unsigned = CustomAuth(
        authorizer=made.UNSIGNED_AUTHORIZER, username=made.SAMPLE_USERNAME, password=made.SAMPLE_PASSWORD.encode()
    )
    return sample.config_file, CustomAuth(authorizer=made.SIGNED_AUTHORIZER, token=token), unsigned
