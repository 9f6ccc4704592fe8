"""How soon it is told that a token was revoked while its connection was open."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from customauth import Transport
from customauth.compare.bench import Bench
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import Scenario, Subject, Turn

if TYPE_CHECKING:
    from customauth.gateway import RunningGateway

# The shortest refreshAfterInSeconds, 300 (C25), is 0.15 s then.
_TIME_SCALE = 2000.0
_TOLD_WITHIN = 30.0

_FUNCTION = '''\
"""An authorizer that lets in whoever brings a verified token, until there is a file named revoked."""

import pathlib


def handler(event, context):
    region, account = context.invoked_function_arn.split(":")[3:5]
    return {
        "isAuthenticated": event["signatureVerified"] and not pathlib.Path(__file__).with_name("revoked").exists(),
        "principalId": "sample",
        "disconnectAfterInSeconds": 86400,
        "refreshAfterInSeconds": 300,
        "policyDocuments": [
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"arn:aws:iot:{region}:{account}:client/*"}
                ],
            }
        ],
    }
'''


class RevokedTime(Scenario):
    """Revoke the token under an open connection: the function is asked again, refuses, and the gateway disconnects."""

    name = "revoked"
    title = "Revoked token"
    description = (
        "From the gateway's decision to end the connection, when the function that is asked again (C25) no longer "
        "takes the token, until the backend has told it. The gateway's record gives the start; it is in the same "
        "process here, with its clock 2000 times as fast."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (Measure(name="revoked", title="revocation told", unit="ms"),)
    local = True
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        from customauth.gateway import Ending

        gateway = await bench.kept(self.name, _serving)
        revoked = gateway.folder / "revoked"
        revoked.unlink(missing_ok=True)
        connections = [
            await bench.connect(subject, gateway.endpoint, gateway.signed) for _ in range(bench.repetitions(3, 10))
        ]

        async def told(number: int) -> tuple[str, datetime]:
            await connections[number].wait_closed()
            return connections[number].request.client_id, datetime.now(UTC)

        revoked.touch()
        try:
            async with asyncio.timeout(_TOLD_WITHIN):
                ends = dict(await asyncio.gather(*map(told, range(len(connections)))))
        finally:
            for connection in connections:
                await connection.aclose()
        began = {each.client_id: each.time for each in gateway.records if isinstance(each, Ending)}
        times = tuple((end - began[client_id]).total_seconds() * 1000 for client_id, end in ends.items())
        return Turn(measurements={self.name: tuple(max(each, 0.0) for each in times)})


@contextlib.asynccontextmanager
async def _serving() -> AsyncIterator[RunningGateway]:
    """Run a gateway whose function lets in whoever brings a token, until there is a file ``revoked`` in its folder."""
    from customauth.gateway import running

    with tempfile.TemporaryDirectory(prefix="customauth-") as name:
        folder = Path(name)
        folder.joinpath("authorizer.py").write_text(_FUNCTION)
        async with running(folder=folder, time_scale=_TIME_SCALE) as gateway:
            yield gateway
