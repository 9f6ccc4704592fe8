"""The gateway that a comparison starts for itself, in a process of its own: it shall not take the clients' time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from attrs import define, field

from customauth import CustomAuth, Endpoint

_STARTS_WITHIN = 30.0
_STOPS_WITHIN = 10.0
# How long a record may take to be written after the client was told, in seconds.
_RECORD_WITHIN = 5.0
_LOOK = 0.01


@define(eq=False)
class OwnGateway:
    """A gateway that runs, with its sample.

    :ivar folder: where its files are; :func:`customauth.gateway.running` there has the same CA and the same keys.
    :ivar signed: credentials that it accepts.
    """

    endpoint: Endpoint
    folder: Path
    signed: CustomAuth
    _log: Path
    _read: int = field(default=0, init=False)
    _decisions: dict[str, dict[str, Any]] = field(factory=dict, init=False)

    async def decision(self, client_id: str) -> dict[str, Any]:
        """Return the gateway's record of how it let a client in, as ``customauth gateway --log-json`` writes it.

        :raises TimeoutError: there is none.
        """
        async with asyncio.timeout(_RECORD_WITHIN):
            while client_id not in self._decisions:
                if not self._read_on():
                    await asyncio.sleep(_LOOK)
        return self._decisions.pop(client_id)

    async def is_listening(self) -> bool:
        """Say whether it takes connections, which it does until its process ends."""
        try:
            _, writer = await asyncio.open_connection(self.endpoint.host, self.endpoint.port)
        except OSError:
            return False
        writer.close()
        return True

    def _read_on(self) -> bool:
        with self._log.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            record = json.loads(line)
            if record["record"] == "decision" and record["step"] == "connect" and record["clientId"]:
                self._decisions[record["clientId"]] = record
        return bool(whole)


@contextlib.asynccontextmanager
async def own_gateway(folder: Path, ended: asyncio.Future[str] | None = None) -> AsyncIterator[OwnGateway]:
    """Run a gateway until the end of the block.

    :param folder: where its CA and its sample are, or are made.
    :param ended: is told how the gateway has ended, when it does so before the block.
    :raises RuntimeError: when it does not start; the text is the last that it said.
    """
    from customauth.compare.gateway_program import READY, RECORDS
    from customauth.gateway import sample as made
    from customauth.gateway import write_sample
    from customauth.signing import signed_token

    sample = write_sample(folder)
    private_key = sample.private_key_file.read_bytes()
    token = signed_token(made.TOKEN_KEY_NAME, made.SAMPLE_TOKEN, private_key)
    said = folder / "gateway.log"
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "customauth.compare.gateway_program",
            str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            # Ctrl-C reaches all processes of a terminal; it and its functions end when this one says so.
            start_new_session=True,
        )
    watching = None
    try:
        place = await _place(process, folder / READY, said)
        if ended is not None:
            watching = asyncio.create_task(_watch(process, said, ended))
        yield OwnGateway(
            endpoint=place,
            folder=folder,
            signed=CustomAuth(authorizer=made.SIGNED_AUTHORIZER, token=token),
            log=folder / RECORDS,
        )
    finally:
        if watching is not None:
            watching.cancel()
        await _stop(process)


async def _watch(process: asyncio.subprocess.Process, said: Path, ended: asyncio.Future[str]) -> None:
    code = await process.wait()
    if not ended.done():
        ended.set_result(f"the end of its gateway, with {code}: {_last_line(said) or 'it said nothing'}")


async def _place(process: asyncio.subprocess.Process, ready: Path, said: Path) -> Endpoint:
    async with asyncio.timeout(_STARTS_WITHIN):
        while process.returncode is None:
            with contextlib.suppress(FileNotFoundError):
                return _endpoint(ready)
            await asyncio.sleep(_LOOK)
    raise RuntimeError(f"the gateway did not start: {_last_line(said)}; try customauth gateway by itself")


def _endpoint(ready: Path) -> Endpoint:
    place = json.loads(ready.read_bytes())
    return Endpoint.parse(place["endpoint"], ca_pem=Path(place["caFile"]).read_bytes())


def _last_line(said: Path) -> str:
    return "".join(said.read_text(errors="replace").strip().splitlines()[-1:])


async def _stop(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.close()
    try:
        async with asyncio.timeout(_STOPS_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
