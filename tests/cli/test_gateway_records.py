"""`customauth gateway` as other programs use it: its log files, its ready file, its ports, and what it follows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from commands import RunningGateway, gateway, run, serving, start
from customauth.mqtt import Connack, Connect, Disconnect, MqttVersion
from rawclient import RawClient, connected
from servers import silent_server

ALICE = b"wonderland"
# A guard against hanging, not a measure.
_HANGS = 60.0


def login(authorizer: str = "unsigned-sample", *, client_id: str = "device", password: bytes = ALICE) -> Connect:
    username = f"alice?x-amz-customauthorizer-name={authorizer}&token=t0ken-of-alice"
    return Connect(version=MqttVersion.V5, client_id=client_id, username=username, password=password)


async def code_of(port: int, ca_file: Path, packet: Connect) -> int:
    """Return the reason code of the CONNACK."""
    async with connected(port, ca_file) as client:
        connack = await client.connect(packet)
        assert connack is not None
        await client.send_packet(Disconnect())
        await client.rest()
        return connack.reason_code


def tried(running: RunningGateway, packet: Connect) -> int:
    return asyncio.run(code_of(int(running.port), running.ca_file, packet))


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so; another process makes it so."""
    limit = time.monotonic() + _HANGS
    while not condition():
        assert time.monotonic() < limit, "it never became so"
        time.sleep(0.01)


def told(running: RunningGateway, words: str) -> Callable[[], bool]:
    return lambda: any(words in line for line in list(running.lines))


def records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# Log files.


def test_each_record_is_a_line_of_json_without_secrets_and_a_second_start_appends(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    for number in (1, 2):
        with gateway(tmp_path, "--log-json", file) as running:
            assert tried(running, login(client_id=f"pump-{number}")) == 0
            assert tried(running, login("nobody", client_id="m\u00fcller\u2028")) == 0x87
            # The end of an accepted connection is recorded when the client has left.
            until(lambda: len(file.read_text().splitlines()) >= 3 * number)  # noqa: B023 - called before the next
    found = records(file)
    assert [record["record"] for record in found].count("disconnect") == 2
    decisions = [record for record in found if record["record"] == "decision"]
    assert [(record["clientId"], record["outcome"]) for record in decisions] == [
        ("pump-1", "allow"),
        ("m\u00fcller\u2028", "deny"),
        ("pump-2", "allow"),
        ("m\u00fcller\u2028", "deny"),
    ]
    allowed, denied = decisions[:2]
    assert set(allowed["stages"]) == {"tls", "signature", "function", "policy"}
    assert allowed["principalId"] == "sample"
    assert allowed["event"]["protocolData"]["mqtt"]["password"] == "***"
    assert denied["reason"] == "CUSTOM_AUTHORIZER_NOT_FOUND"
    assert denied["fix"] == "name one of signed-sample, unsigned-sample"
    assert denied["rule"] == "authorizer-not-found"
    written = file.read_text()
    for secret in ("wonderland", "d29uZGVybGFuZA", "t0ken-of-alice"):
        assert secret not in written


@pytest.mark.fact("C34")
def test_awss_log_events_are_appended_as_lines_of_json(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for _ in range(2):
        with gateway(tmp_path, "--log-aws", file) as running:
            assert tried(running, login(password=b"looking-glass")) == 0x87
    events = records(file)
    assert [event["eventType"] for event in events] == ["Connection.AuthNError"] * 2
    assert events[0]["reason"] == "NOT_AUTHENTICATED"
    assert events[0]["traceId"] != events[1]["traceId"]
    assert "looking-glass" not in file.read_text()


@pytest.mark.parametrize("option", ["--log-json", "--log-aws"])
def test_a_log_that_cannot_be_opened_is_named(tmp_path: Path, option: str) -> None:
    result = run("gateway", "--port", "0", option, "missing/log", cwd=tmp_path)
    assert result.code == 2
    assert result.stderr.splitlines()[-2:] == [
        "error: missing/log: No such file or directory",
        "next: choose another file for the log",
    ]
    assert not (tmp_path / "customauth-gateway").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_does_not_end_the_gateway(tmp_path: Path) -> None:
    with gateway(tmp_path, "--log-json", "/dev/full", "--log-aws", "/dev/full") as running:
        assert tried(running, login()) == 0
        assert tried(running, login()) == 0
        assert running.stop() == 0
    assert told(running, "a record was not written: No space left on device")()
    assert "Traceback" not in running.output()
    assert running.lines[-2:] == ["2 accepted, 0 refused.", "Gateway stopped."]


def test_a_refresh_and_a_note_are_not_counted(tmp_path: Path) -> None:
    with gateway(tmp_path, "--time-scale", "100000") as running:

        async def main() -> None:
            async with connected(int(running.port), running.ca_file, alpn=()) as client:
                await client.send(b"\x20\x02\x00\x00")
                await client.rest()
            async with connected(int(running.port), running.ca_file) as client:
                await client.connect(login())
                await asyncio.to_thread(until, told(running, "ALLOW refresh of MQTT 5"))

        asyncio.run(main())
    assert running.lines[-2:] == ["1 accepted, 0 refused.", "Gateway stopped."]


# The ready file.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_waits_for_the_ready_file_can_connect(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "ready.json"
    with start("gateway", "--port", "0", "--ready-file", file, cwd=tmp_path) as process:
        until(file.exists)
        ready = json.loads(file.read_text())
        assert set(ready) == {"endpoint", "port", "ports", "caFile", "pid"}
        assert ready["endpoint"] == f"localhost:{ready['port']}"
        assert ready["ports"] == {"443": ready["port"]}
        assert ready["pid"] == process.pid
        ca_file = Path(ready["caFile"])
        assert ca_file.is_absolute()
        assert asyncio.run(code_of(ready["port"], ca_file, login())) == 0
        process.send_signal(number)
        assert process.wait(_HANGS) == 0
        assert not file.exists()


def test_a_ready_file_that_a_killed_gateway_left_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    file.write_text('{"port": 1}')
    with serving(silent_server()) as server:
        result = run("gateway", "--port", str(server.port), "--ready-file", file, cwd=tmp_path)
    assert result.code == 2
    assert not file.exists()


def test_a_ready_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    result = run("gateway", "--port", "0", "--ready-file", "missing/ready.json", cwd=tmp_path)
    assert result.code == 2
    assert result.stderr.splitlines()[-2:] == [
        "error: missing/ready.json: No such file or directory",
        "next: choose another --ready-file",
    ]


# Ports and time.


@pytest.mark.fact("A57")
def test_further_ports_listen_and_are_told(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    config = tmp_path / "gateway.toml"
    (tmp_path / "authorizer.py").write_text(LETS_IN)
    config.write_text(
        f"{AUTHORIZER}\n"
        '[domain_configurations.mqtt]\nserver_name = "mqtt.example"\nauthentication_type = "CUSTOM_AUTH"\n'
        'application_protocol = "SECURE_MQTT"\n'
    )
    options = ("--port-8883", "0", "--port-8443", "0", "--ready-file", file)
    with gateway(tmp_path, "--config", config, *options) as running:
        until(file.exists)
        ports = json.loads(file.read_text())["ports"]
        assert set(ports) == {"443", "8883", "8443"}
        assert len(set(ports.values())) == 3
        for role in ("8883", "8443"):
            assert f"For AWS's port {role} it listens on {ports[role]}." in running.lines

        async def code(role: str) -> int | None:
            async with connected(ports[role], running.ca_file, sni="mqtt.example", alpn=()) as client:
                connack = await client.connect(login("door"))
                return None if connack is None else connack.reason_code

        assert asyncio.run(code("8883")) == 0
        assert asyncio.run(code("443")) == 0
        # MQTT is not served there: nobody answers.
        assert asyncio.run(code("8443")) is None


@pytest.mark.parametrize("option", ["--port-8883", "--port-8443"])
def test_a_further_port_that_is_taken_is_named_with_its_option(tmp_path: Path, option: str) -> None:
    with serving(silent_server()) as server:
        result = run("gateway", "--port", "0", option, str(server.port), cwd=tmp_path)
    assert result.code == 2
    assert f"error: port {server.port} is taken" in result.stderr
    assert result.last == f"next: choose another with {option} N, or 0 for a free one"


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "fast"])
def test_a_time_scale_that_cannot_be_is_refused(tmp_path: Path, scale: str) -> None:
    result = run("gateway", "--port", "0", "--time-scale", scale, cwd=tmp_path)
    assert result.code == 2
    assert "--time-scale" in result.stderr
    assert result.last == "next: customauth gateway --help tells what it takes"
    assert not (tmp_path / "customauth-gateway").exists()


# A configuration that changes.

LETS_IN = """
def handler(event, context):
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"isAuthenticated": True, "principalId": "p", "policyDocuments": [policy]}
"""
AUTHORIZER = '[authorizers.door]\nstatus = "ACTIVE"\nsigning_disabled = true\nfunction = "authorizer.py:handler"\n'


@pytest.mark.fact("B22")
def test_a_changed_configuration_is_taken_and_a_broken_one_refused_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "authorizer.py").write_text(LETS_IN)
    config = tmp_path / "gateway.toml"
    config.write_text(AUTHORIZER)
    with gateway(tmp_path, "--config", "gateway.toml") as running:
        assert (tried(running, login("door")), tried(running, login("gate"))) == (0, 0x87)

        config.write_text(AUTHORIZER + AUTHORIZER.replace("door", "gate"))
        until(told(running, "configuration taken anew"))
        assert (tried(running, login("door")), tried(running, login("gate"))) == (0, 0)

        config.write_text(AUTHORIZER + "colour = 1\n")
        until(told(running, "configuration kept as it was: gateway.toml line 5: authorizers.door.colour: unknown"))
        assert (tried(running, login("door")), tried(running, login("gate"))) == (0, 0)

        config.write_text(AUTHORIZER.replace("door", "wicket"))
        until(lambda: sum("configuration taken anew" in line for line in list(running.lines)) == 2)
        assert (tried(running, login("wicket")), tried(running, login("gate"))) == (0, 0x87)
    assert running.stderr_file.read_text() == ""


# The end.


@contextlib.asynccontextmanager
async def clients(running: RunningGateway, count: int) -> AsyncIterator[list[RawClient]]:
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for number in range(count):
            client = await stack.enter_async_context(connected(int(running.port), running.ca_file))
            connack = await client.connect(login(client_id=f"device-{number}"))
            assert isinstance(connack, Connack)
            assert connack.reason_code == 0
            found.append(client)
        yield found


@pytest.mark.fact("C38")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_clients_are_told_that_it_stops(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "records.jsonl"

    async def main(running: RunningGateway) -> None:
        async with clients(running, 3) as found:
            running.process.send_signal(number)
            for client in found:
                assert await client.packet() == Disconnect(reason_code=0x8B)
                assert await client.rest() == b""

    with gateway(tmp_path, "--log-json", file) as running:
        asyncio.run(main(running))
        assert running.process.wait(_HANGS) == 0
    assert running.stderr_file.read_text() == ""
    ends = [record["reason"] for record in records(file) if record["record"] == "disconnect"]
    assert ends == ["SERVER_INITIATED_DISCONNECT"] * 3
