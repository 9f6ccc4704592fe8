"""Processes of clients (``callers.py``, ``talkers.py``), driven from here."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from servers import Server

_CALLERS = Path(__file__).with_name("callers.py")
# Of the host's loopback; the name is the one in the server's certificate and in SNI.
_HOST, _NAME = "127.0.0.1", "localhost"


@frozen(kw_only=True)
class Outcome:
    """What all client processes together have done.

    :ivar wall: seconds from the first start to the last end.
    :ivar cpu: seconds of processor time that they have used.
    :ivar done: clients that did what they were told.
    :ivar failures: how often which reason was met.
    :ivar tls: TLS versions and ciphers that were seen.
    :ivar handshake: for each client, seconds from its start to the end of the TLS handshake.
    :ivar connack: for each client, seconds from the CONNECT to the CONNACK.
    """

    wall: float
    cpu: float
    done: int
    failures: Mapping[str, int]
    tls: Sequence[str]
    handshake: Sequence[float]
    connack: Sequence[float]


class Load:
    """Client processes that are aimed at one server."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    @property
    def process_count(self) -> int:
        """How many client processes there are."""
        return len(self._processes)

    def churn(self, packets: Sequence[bytes], in_flight: int) -> Outcome:
        """Connect a client for each packet, so many at the same time; each leaves once it is accepted."""
        return self._share("churn", packets, in_flight)

    def hold(self, packets: Sequence[bytes], in_flight: int) -> Outcome:
        """Connect a client for each packet, so many at the same time; they stay."""
        return self._share("hold", packets, in_flight)

    def ping(self, in_flight: int) -> Outcome:
        """Let each client that stays send a PINGREQ, and wait for the answer."""
        return self._ask([{"do": "ping", "in_flight": part} for part in self._parts(in_flight)])

    def leave(self) -> Outcome:
        """Let each client that stays leave."""
        return self._ask([{"do": "leave"} for _ in self._processes])

    def aim(self, server: Server) -> None:
        """Aim all clients at a server."""
        target = {"host": _HOST, "port": server.port, "name": _NAME, "ca_file": str(server.ca_file)}
        self.answers([{"do": "aim", **target} for _ in self._processes])

    def answers(self, orders: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give each process its order, and return what they answer when all are done."""
        for process, order in zip(self._processes, orders, strict=True):
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        answers = []
        for process in self._processes:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("a client process has ended; its traceback is above")
            answers.append(json.loads(line))
        return answers

    def _share(self, what: str, packets: Sequence[bytes], in_flight: int) -> Outcome:
        texts = [base64.b64encode(packet).decode() for packet in packets]
        return self._ask(
            [
                {"do": what, "packets": texts[number :: self.process_count], "in_flight": part}
                for number, part in enumerate(self._parts(in_flight))
            ]
        )

    def _parts(self, in_flight: int) -> list[int]:
        if in_flight < self.process_count:
            raise ValueError(f"{in_flight} in flight are too few for {self.process_count} client processes")
        return [len(range(number, in_flight, self.process_count)) for number in range(self.process_count)]

    def _ask(self, orders: Sequence[dict[str, Any]]) -> Outcome:
        answers = self.answers(orders)
        failures: Counter[str] = Counter()
        for answer in answers:
            failures.update(answer["failures"])
        return Outcome(
            wall=max(answer["ended"] for answer in answers) - min(answer["started"] for answer in answers),
            cpu=sum(answer["cpu"] for answer in answers),
            done=sum(answer["done"] for answer in answers),
            failures=failures,
            tls=sorted({seen for answer in answers for seen in answer.get("tls", [])}),
            handshake=[value for answer in answers for value in answer.get("handshake", [])],
            connack=[value for answer in answers for value in answer.get("connack", [])],
        )


@contextlib.contextmanager
def load(server: Server, process_count: int, program: Path = _CALLERS) -> Iterator[Load]:
    """Start client processes, aimed at a server.

    :param program: what they run.
    """
    with contextlib.ExitStack() as running:
        processes = []
        for _ in range(process_count):
            process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
                [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            # Closes its standard input, which ends it, and waits for that.
            running.enter_context(process)
            processes.append(process)
        clients = Load(processes)
        clients.aim(server)
        yield clients
