"""``running()`` and ``LocalGateway``: gateways for as long as a block of a program runs."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from customauth.gateway import ConfigError, Decision, Ending, Record, running
from customauth.mqtt import Connect, Disconnect, MqttVersion
from customauth.testing import LocalGateway
from rawclient import connected

SAMPLE_USER = "alice?x-amz-customauthorizer-name=unsigned-sample"


async def log_in(port: int, ca_file: Path, username: str = SAMPLE_USER) -> int:
    """Return the reason code of the CONNACK."""
    packet = Connect(version=MqttVersion.V5, client_id="device", username=username, password=b"wonderland")
    async with connected(port, ca_file) as client:
        connack = await client.connect(packet)
        assert connack is not None
        await client.send_packet(Disconnect())
        await client.rest()
        return connack.reason_code


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def children() -> set[str]:
    """Return the processes that this one has started and that still run, where the system tells them."""
    found = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(found.read_text().split()) if found.exists() else set()


def test_the_block_has_a_gateway_with_the_sample_and_its_credentials() -> None:
    async def main() -> None:
        seen: list[Record] = []
        async with running(on_record=seen.append) as local:
            folder = local.folder
            assert local.endpoint.port == local.port
            assert local.endpoint.ca_pem == local.ca_file.read_bytes()
            assert (local.signed, local.unsigned) != (None, None)
            for auth in (local.signed, local.unsigned):
                assert auth is not None
                assert await log_in(local.port, local.ca_file, auth.mqtt_username()) == 0
            assert [decision.authorizer for decision in local.decisions] == ["signed-sample", "unsigned-sample"]
        assert [item for item in local.records if isinstance(item, Decision)] == local.decisions
        assert any(isinstance(item, Ending) for item in local.records)
        assert seen == local.records
        assert not folder.exists()

    asyncio.run(main())


def test_a_file_is_followed(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(folder=tmp_path) as local:
            file = tmp_path / "gateway.toml"
            file.write_text(file.read_text().replace("unsigned-sample", "renamed"))
            async with asyncio.timeout(60):
                while "renamed" not in local.gateway.config.authorizers:  # noqa: ASYNC110 - the watcher tells nobody
                    await asyncio.sleep(0.01)
            renamed = SAMPLE_USER.replace("unsigned-sample", "renamed")
            assert await log_in(local.port, local.ca_file, renamed) == 0
        assert file.exists()

    asyncio.run(main())


def test_a_thread_has_one_for_as_long_as_the_block_and_leaves_nothing() -> None:
    before = threads(), children()
    with LocalGateway() as local:
        assert asyncio.run(log_in(local.port, local.ca_file)) == 0
        assert local.decisions[-1].authorizer == "unsigned-sample"
        folder = local.folder
    assert (threads(), children()) == before
    assert not folder.exists()


def test_a_broken_configuration_is_raised_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[gateway")
    before = threads()
    with pytest.raises(ConfigError, match=r"gateway\.toml line 1: not TOML"), LocalGateway(file):
        pass
    assert threads() == before


def test_an_option_that_cannot_be_is_raised_as_it_is() -> None:
    before = threads()
    with pytest.raises(ValueError, match="a time scale is a positive number, not -1"), LocalGateway(time_scale=-1):
        pass
    assert threads() == before


def test_an_error_of_the_block_is_the_blocks() -> None:
    before = threads()
    with pytest.raises(ZeroDivisionError), LocalGateway():
        _ = 1 / 0
    assert threads() == before


def test_an_error_while_it_stops_is_raised() -> None:
    class Stubborn(Exception):
        pass

    def fail(record: Record) -> None:
        if isinstance(record, Ending):
            raise Stubborn

    async def main(port: int, ca_file: Path) -> None:
        packet = Connect(version=MqttVersion.V5, client_id="device", username=SAMPLE_USER, password=b"wonderland")
        async with connected(port, ca_file) as client:
            connack = await client.connect(packet)
            assert connack is not None
            stop()
            await client.rest()

    gateway = LocalGateway(on_record=fail)
    local = gateway.__enter__()
    ended: list[BaseException] = []

    def end() -> None:
        try:
            gateway.__exit__(None, None, None)
        except Stubborn as error:
            ended.append(error)

    ender = threading.Thread(target=end)

    def stop() -> None:
        ender.start()

    asyncio.run(main(local.port, local.ca_file))
    ender.join()
    assert [type(error) for error in ended] == [Stubborn]
