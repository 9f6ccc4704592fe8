"""``customauth sub`` in a process of its own, and servers that it and ``pub`` talk to. Import as ``subscribers``.

::

    with subscriber(*words, filters=1) as sub:        it has subscribed
        sub.process, sub.wait() -> Heard              .code, .stdout (bytes), .stderr (text)
    with answering(answers) as server:                an mqtt_server for processes
        server.words -> list[str]                     --cafile FILE ENDPOINT
        server.peer() -> MqttPeer                     its last connection, as it stands
        server.left() -> MqttPeer                     the same when it is over, with every packet that came
    server.send(*packets)                         to the client that came last
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from attrs import define, frozen

from commands import COMMAND, serving
from customauth import mqtt
from customauth.testing.mqtt_server import Answers, MqttPeer, MqttServer, mqtt_server, usual

# A guard against hanging, not a measure.
HANGS = 240.0


@frozen(kw_only=True)
class Heard:
    """What a subscriber left behind."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def lines(self) -> list[bytes]:
        """What it printed."""
        return self.stdout.splitlines()

    @property
    def last(self) -> str:
        """The last line on standard error."""
        return (self.stderr.splitlines() or [""])[-1]


@define(eq=False)
class Subscriber:
    """A subscriber that runs.

    :ivar said: what it has said on standard error before it had subscribed.
    """

    process: subprocess.Popen[bytes]
    said: str = ""

    def wait(self) -> Heard:
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=HANGS)
        return Heard(code=self.process.returncode, stdout=stdout, stderr=self.said + stderr.decode())

    def until_subscribed(self, filters: int) -> None:
        """Read what it says until it has subscribed to so many filters."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line.decode()
            filters -= line.startswith(b"subscribed to ")
            if not filters:
                return
        raise AssertionError(f"it did not subscribe: {self.said}")


@contextlib.contextmanager
def subscriber(*words: str | Path, filters: int = 1) -> Iterator[Subscriber]:
    """Run ``customauth sub``; its words need ``-v`` or ``--debug``, which tell when it has subscribed."""
    with subprocess.Popen(
        [*COMMAND, "sub", *words],
        # A buffer would keep lines that came with the one waited for from communicate().
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            running = Subscriber(process)
            running.until_subscribed(filters)
            yield running
        finally:
            process.kill()


@frozen(kw_only=True)
class Answering:
    """A server that runs in a thread of this process."""

    server: MqttServer
    loop: asyncio.AbstractEventLoop
    ca_file: Path

    @property
    def words(self) -> list[str]:
        """The last words of a command that connects to it."""
        return ["--cafile", str(self.ca_file), str(self.server.endpoint)]

    def send(self, *packets: mqtt.Packet) -> None:
        """Send packets to the client that came last."""
        self.loop.call_soon_threadsafe(self.peer().send, *packets)

    def peer(self) -> MqttPeer:
        """Return its last connection."""
        return self.server.peers[-1]

    def left(self) -> MqttPeer:
        """Return its last connection when that is over: the client may have ended before the server has read it all."""
        peer = self.peer()
        asyncio.run_coroutine_threadsafe(peer.ended.wait(), self.loop).result(HANGS)
        return peer


@contextlib.contextmanager
def answering(folder: Path, answers: Answers = usual, *, client_ca_pem: bytes | None = None) -> Iterator[Answering]:
    """Run an MQTT server that answers as it is told."""
    with serving(_answering(folder / "server-ca.pem", answers, client_ca_pem)) as running:
        yield running


@contextlib.asynccontextmanager
async def _answering(ca_file: Path, answers: Answers, client_ca_pem: bytes | None) -> AsyncIterator[Answering]:
    async with mqtt_server(answers, client_ca_pem=client_ca_pem) as server:
        ca_file.write_bytes(server.endpoint.ca_pem or b"")  # noqa: ASYNC240 - a small file, and nobody waits
        yield Answering(server=server, loop=asyncio.get_running_loop(), ca_file=ca_file)
