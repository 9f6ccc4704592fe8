"""The processes of a swarm: when they end, and what is seen of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import commands
from customauth import BackendError, CustomAuth, Endpoint
from customauth.swarm import Count, Plan, Storm, SwarmBroken, Template, run
from customauth.swarm.orders import FINISH, Order
from customauth.swarm.pipes import sized
from customauth.testing import LocalGateway

pytestmark = pytest.mark.skipif(not commands.installed_backends(), reason="a swarm needs an MQTT library")

# A guard against hanging, not a measure.
_HANGS = 60.0


def _template(signed: CustomAuth | None) -> Template:
    assert signed is not None
    assert signed.token is not None
    token = signed.token
    return Template(
        authorizer=signed.authorizer, token_key_name=token.key_name, token=token.value, signature=token.signature
    )


def plan(here: LocalGateway, **changes: Any) -> Plan:
    """Make a plan for a gateway that runs."""
    said = {"clients": 4, "rate": 100.0, "duration": 1000.0, "processes": 2, "timeout": 1000.0}
    return Plan(**{"endpoint": here.endpoint, "identities": _template(here.signed), **said, **changes})


@contextlib.contextmanager
def child(module: str, order: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of a swarm by itself."""
    command = [sys.executable, "-m", f"customauth.swarm.{module}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        process.stdin.write(sized(order))
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


def _until_connected(process: subprocess.Popen[bytes], number: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["connected"] == number:
            return
    raise AssertionError("it has ended")


def test_a_worker_ends_at_once_and_quietly_when_its_parent_has_gone() -> None:
    with LocalGateway() as here, child("worker", Order(plan=plan(here), index=0)) as process:
        _until_connected(process, 2)
        assert process.stdout is not None
        assert process.stderr is not None
        # As it is when the parent is killed: nobody gives orders, and nobody reads.
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(_HANGS) == 0
        assert process.stderr.read() == b""


def test_a_worker_that_cannot_connect_ends_with_its_parent_too(silent_port: int) -> None:
    endpoint = Endpoint.parse(f"localhost:{silent_port}")
    order = Order(plan=Plan(endpoint=endpoint, identities=Template(), clients=3, timeout=1000.0), index=0)
    with child("worker", order) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["connected"] == 0
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(_HANGS) == 0


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give the port of a server that takes connections and says nothing."""
    import socket

    with socket.create_server(("localhost", 0)) as server:
        yield server.getsockname()[1]


def test_a_worker_that_is_told_to_finish_says_its_last_tally() -> None:
    with LocalGateway() as here, child("worker", Order(plan=plan(here), index=1)) as process:
        _until_connected(process, 2)
        output, said = process.communicate(FINISH + b"\n", timeout=_HANGS)
    last = json.loads(output.splitlines()[-1])
    assert (last["connected"], last["counts"]["accepted"], last["counts"].get("lost", 0)) == (0, 2, 0)
    assert said == b""


def test_a_worker_that_is_killed_ends_the_run_with_an_error_of_ours() -> None:
    async def work(whole: Plan) -> None:
        killed = False
        async for moment in run(whole):
            if moment.tally.connected == 4 and not killed:
                killed = True
                os.kill(_children()[0], signal.SIGKILL)

    with LocalGateway() as here, pytest.raises(SwarmBroken, match="exit code -9"):
        asyncio.run(asyncio.wait_for(work(plan(here)), _HANGS))
    assert not _children()


def _children() -> list[int]:
    """Return the workers of this process (proc(5))."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # Others end meanwhile.
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            mine = int(parent) == os.getpid() and state != "Z"
            if mine and b"customauth.swarm.worker" in (stat.parent / "cmdline").read_bytes():
                found.append(int(stat.parent.name))
    return found


def test_clients_that_do_not_finish_in_time_are_told_of_in_the_report(
    monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    # The server never answers, so their attempts take as long as they may, and the time to finish is over at once.
    timeout = 1000.0
    monkeypatch.setattr("customauth.swarm.crew._FINISHES_WITHIN", -timeout)

    async def work(whole: Plan) -> None:
        stop = asyncio.Event()
        last = None
        async for last in run(whole, stop):
            if last.tally.counts[Count.ATTEMPTS] == 4:
                stop.set()
        assert last is not None
        assert last.phase == "over"
        assert [kind for kind in last.tally.errors if kind.startswith("finish: not in time")]

    endpoint = Endpoint.parse(f"localhost:{silent_port}")
    whole = Plan(endpoint=endpoint, identities=Template(), clients=4, processes=2, timeout=timeout)
    asyncio.run(asyncio.wait_for(work(whole), _HANGS))


def test_a_storm_heals_where_there_are_more_processes_than_clients() -> None:
    async def work(whole: Plan) -> None:
        stop = asyncio.Event()
        last = None
        async for last in run(whole, stop):
            if last.healed_after is not None:
                stop.set()
        assert last is not None
        assert last.left_behind == 0

    with LocalGateway() as here:
        whole = plan(here, clients=1, processes=3, storm=Storm(after=0.2, jitter=0.2))
        asyncio.run(asyncio.wait_for(work(whole), _HANGS))


def test_a_backend_that_is_not_there_is_refused_before_anything_is_started() -> None:
    async def work() -> None:
        async for _ in run(Plan(endpoint=Endpoint.parse("localhost"), identities=Template(), clients=1, backend="no")):
            raise AssertionError

    with pytest.raises(BackendError):
        asyncio.run(work())


class _Talk:
    """Orders to a driver, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._asked = 0
        self.unasked: list[dict[str, Any]] = []

    def said(self) -> dict[str, Any]:
        """Return what is said next, but for how the driver itself is doing."""
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return self.said() if "late" in found else found

    def ask(self, **order: Any) -> str | None:
        assert self._process.stdin is not None
        self._asked += 1
        self._process.stdin.write(json.dumps({"id": self._asked, **order}).encode() + b"\n")
        self._process.stdin.flush()
        while (said := self.said()).get("id") != self._asked:
            self.unasked.append(said)
        assert said["ms"] >= 0
        error: str | None = said["error"]
        return error


def test_a_driver_does_what_it_is_told_and_says_what_happens_unasked() -> None:
    with LocalGateway() as here, child("driver", plan(here, timeout=30.0)) as process:
        talk = _Talk(process)
        assert talk.said() == {"ready": True}
        topic = "sample/device-5"
        publish = {"do": "publish", "number": 5, "topic": topic, "payload": "aGVsbG8=", "qos": 1}
        assert talk.ask(**publish) == "NotConnected"
        assert talk.ask(do="connect", number=5) is None
        assert talk.ask(do="connect", number=5) is None, "anew, and the first one is ended"
        assert talk.ask(do="subscribe", number=5, topic=topic, qos=1) is None
        assert talk.ask(**publish) is None
        if not talk.unasked:
            talk.unasked.append(talk.said())
        assert talk.unasked == [{"number": 5, "topic": topic, "payload": "aGVsbG8="}]
        talk.unasked.clear()
        assert talk.ask(do="cut") is None
        lost = talk.unasked[0] if talk.unasked else talk.said()
        assert (lost["number"], lost["cut"]) == (5, True)
        assert talk.ask(**publish) == "NotConnected"
        assert talk.ask(do="connect", number=5) is None
        assert talk.ask(do="close", number=5) is None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(_HANGS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
