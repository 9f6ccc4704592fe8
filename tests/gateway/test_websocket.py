"""MQTT over WebSocket through real sockets: the opening, the credentials, the frames, the farewells."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import Any
from urllib.parse import quote

import pytest
import websockets
from websockets.asyncio.client import connect as ws_connect

from aloop import put_forward, run
from customauth.gateway import Grant, Reason, Refusal
from customauth.gateway.decision import Step
from customauth.gateway.records import DisconnectReason
from customauth.mqtt import (
    Connack,
    Disconnect,
    MqttVersion,
    Pingreq,
    Pingresp,
    encode,
)
from customauth.signing import sign
from gateways import TOKEN, Keys, Running, StartGateway, connect, named, signed
from httpclient import ask, reply
from wsclient import CLOSE, CONT, PING, PONG, TEXT, Frame, WsClient, close_frame, frame, opened, upgrade

NAME = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"
OPEN = (NAME, "open")
V311 = MqttVersion.V311


def signature(keys: Keys, token: str = TOKEN) -> str:
    return sign(token, keys.old.private_pem)


def credentials(keys: Keys) -> tuple[tuple[str, str], ...]:
    return ((NAME, "signed"), (SIGNATURE, signature(keys)), ("token", TOKEN))


def in_query(pairs: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)


async def enters(socket: WsClient, username: str | None = None, **more: Any) -> bool:
    """Return whether a CONNECT is accepted."""
    answer = await socket.connect(connect(username, **more))
    return answer is not None and answer.reason_code == 0


async def last_event(running: Running) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(running.events()[-1])
    return event


# The opening.


@pytest.mark.fact("A23", "A24", "J3")
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("mqtt", "mqtt"),
        ("mqttv3.1", "mqttv3.1"),
        ("mqttv3.1, mqtt", "mqttv3.1"),
        ("mqtt, mqttv3.1", "mqtt"),
        ("amqp,mqttv3.1", "mqttv3.1"),
    ],
)
def test_the_first_offered_subprotocol_that_is_served_is_answered(
    start_gateway: StartGateway, offered: str, chosen: str
) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running, subprotocol=offered) as socket:
            assert socket.answer.header("sec-websocket-protocol") == chosen
            assert socket.answer.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            assert await enters(socket, named("open"))

    run(main())


def test_permessage_deflate_is_not_negotiated(start_gateway: StartGateway) -> None:
    async def main() -> None:
        offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
        async with start_gateway() as running, opened(running, "/mqtt", offer) as socket:
            assert socket.answer.header("sec-websocket-extensions") is None
            assert await enters(socket, named("open"))

    run(main())


@pytest.mark.fact("A23", "F10")
@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(upgrade("/mqtt", subprotocol=None), 400, id="no subprotocol"),
        pytest.param(upgrade("/mqtt", subprotocol="amqp"), 400, id="another subprotocol"),
        pytest.param(upgrade("/mqtt/"), 404, id="a path below"),
        pytest.param(upgrade("/ws"), 404, id="another path"),
        pytest.param(upgrade("/", subprotocol=None), 400, id="the root without a subprotocol"),
        pytest.param(upgrade("/mqtt").replace(b"GET", b"PUT"), 400, id="another method"),
        pytest.param(upgrade("/mqtt", version="1.0"), 400, id="HTTP/1.0"),
        pytest.param(upgrade("/mqtt").replace(b"Version: 13", b"Version: 8"), 426, id="an old version"),
        pytest.param(upgrade("/mqtt").replace(b"Key: dGhl", b"Key: dG"), 400, id="a short key"),
        pytest.param(upgrade("/mqtt").replace(b"Key: dGhl", b"Key: !!!!"), 400, id="a key that is no base64"),
        pytest.param(upgrade("/mqtt").replace(b"Connection: Upgrade\r\n", b""), 400, id="no Connection: Upgrade"),
        pytest.param(upgrade("/mqtt").replace(b"Upgrade: websocket\r\n", b""), 426, id="no Upgrade"),
    ],
)
def test_what_opens_no_websocket_is_answered_with_its_status(
    start_gateway: StartGateway, request_bytes: bytes, status: int
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(request_bytes)
            answer = await reply(client)
            assert answer is not None
            assert answer.status == status
            if status == 426:
                assert answer.header("upgrade") == "websocket"
            assert any(f"HTTP {status} to" in note for note in running.notes())
            assert running.decisions == []

    run(main())


@pytest.mark.fact("J5")
def test_a_websocket_at_the_root_is_let_in_and_noted(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running, "/", OPEN) as socket:
            assert await enters(socket)
            assert any("opened a WebSocket at /; AWS documents /mqtt" in note for note in running.notes())

    run(main())


@pytest.mark.fact("A30", "A42", "H1", "J4")
@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("mqtt",), ("h2", "http/1.1")])
def test_a_websocket_is_opened_under_each_of_these_alpns(start_gateway: StartGateway, alpn: tuple[str, ...]) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running, alpn=alpn) as socket:
            assert await enters(socket, named("open"))
            assert running.decisions[-1].protocol == "MQTT 5 over WebSocket"

    run(main())


@pytest.mark.fact("F6")
@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0123", ()),
        ("/mqtt", (("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=0123"),)),
    ],
)
def test_an_upgrade_signed_with_an_aws_credential_is_forbidden(
    start_gateway: StartGateway, target: str, headers: tuple[tuple[str, str], ...]
) -> None:
    async def main() -> None:
        async with start_gateway(settings='default_authorizer = "open"') as running:
            async with running.client(alpn=()) as client:
                await client.send(upgrade(target, *headers) * 2)
                for _ in range(2):
                    answer = await reply(client)
                    assert answer is not None
                    assert answer.status == 403
                    assert answer.header("connection") == "keep-alive"
            outcome = running.decisions[0].outcome
            assert running.decisions[0].step is Step.UPGRADE
            assert isinstance(outcome, Refusal)
            assert outcome.reason is Reason.NOT_AUTHENTICATED
            assert running.events() == []
            assert "0123" not in "".join(running.lines())

    run(main())


# The credentials.


@pytest.mark.fact("A25", "A26", "A29", "C6", "C7", "C8", "C9")
def test_credentials_in_headers_are_verified_when_connect_has_come(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with opened(running, "/mqtt", *credentials(keys), ("X-More", "Yes")) as socket:
                assert running.events() == []
                assert await enters(socket, "alice", password=b"\x00pw", client_id="device")
            event = await last_event(running)
            assert event["protocols"] == ["tls", "http", "mqtt"]
            assert set(event["protocolData"]) == {"tls", "http", "mqtt"}
            assert event["protocolData"]["tls"] == {"serverName": "localhost"}
            assert event["protocolData"]["mqtt"] == {
                "username": "alice",
                "password": base64.b64encode(b"\x00pw").decode(),
                "clientId": "device",
            }
            http = event["protocolData"]["http"]
            assert set(http) == {"headers", "queryString"}
            assert http["queryString"] == ""
            assert http["headers"] == {
                "host": "localhost",
                "upgrade": "websocket",
                "connection": "Upgrade",
                "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
                "sec-websocket-version": "13",
                "sec-websocket-protocol": "mqtt",
                NAME: "signed",
                SIGNATURE: signature(keys),
                "token": TOKEN,
                "x-more": "Yes",
            }
            assert (event["token"], event["signatureVerified"]) == (TOKEN, True)
            assert event["connectionMetadata"] == {"id": running.decisions[0].connection_id}

    run(main())


@pytest.mark.fact("A25", "A27", "A29", "C8")
def test_credentials_in_the_query_are_verified_and_the_query_is_delivered_raw(
    start_gateway: StartGateway, keys: Keys
) -> None:
    async def main() -> None:
        query = in_query(credentials(keys))
        async with start_gateway() as running, opened(running, f"/mqtt?{query}&extra=a%2Fb") as socket:
            assert await enters(socket, client_id="device")
            event = await last_event(running)
            assert event["protocolData"]["http"]["queryString"] == f"{query}&extra=a%2Fb"
            assert event["protocolData"]["mqtt"] == {"clientId": "device"}
            assert event["token"] == TOKEN

    run(main())


@pytest.mark.fact("A25", "C9", "A18")
def test_credentials_in_connect_are_verified_and_the_user_name_is_delivered_whole(
    start_gateway: StartGateway, keys: Keys
) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running) as socket:
            username = signed(keys.new)
            assert await enters(socket, username)
            event = await last_event(running)
            assert event["protocolData"]["mqtt"]["username"] == username
            assert event["token"] == TOKEN

    run(main())


@pytest.mark.fact("A28", "C9")
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
@pytest.mark.parametrize(("target", "headers"), [(f"/mqtt?{NAME}=open", ()), ("/mqtt", (OPEN,))])
def test_the_name_in_the_upgrade_goes_with_user_and_password_in_connect(
    start_gateway: StartGateway, version: MqttVersion, target: str, headers: tuple[tuple[str, str], ...]
) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running, target, *headers) as socket:
            assert await enters(socket, "alice", password=b"secret", version=version)
            mqtt = (await last_event(running))["protocolData"]["mqtt"]
            assert (mqtt["username"], mqtt["password"]) == ("alice", base64.b64encode(b"secret").decode())

    run(main())


@pytest.mark.fact("A16", "I2", "J3")
def test_each_value_is_looked_up_on_its_own_across_the_sources(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> None:
        target = f"/mqtt?{SIGNATURE}={quote(signature(keys), safe='')}"
        async with start_gateway() as running, opened(running, target, (NAME, "signed")) as socket:
            assert await enters(socket, f"?SDK=JavaScript&Version=2&token={TOKEN}")

    run(main())


@pytest.mark.fact("A16", "I2")
@pytest.mark.parametrize(
    ("username", "query", "header", "taken"),
    [
        ("open", "asleep", "nobody", "open"),
        (None, "open", "asleep", "open"),
        (None, None, "open", "open"),
    ],
)
def test_the_user_name_is_before_the_query_and_the_query_before_the_headers(
    start_gateway: StartGateway, username: str | None, query: str | None, header: str, taken: str
) -> None:
    async def main() -> None:
        target = "/mqtt" if query is None else f"/mqtt?{NAME}={query}"
        async with start_gateway() as running, opened(running, target, (NAME, header)) as socket:
            await socket.connect(connect("u" if username is None else named(username)))
            assert running.decisions[0].authorizer == taken

    run(main())


@pytest.mark.fact("F5", "F7", "A29", "I13")
@pytest.mark.parametrize("where", ["header", "query", "connect", "nowhere"])
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
def test_wrong_credentials_are_refused_after_connect_wherever_they_are(
    start_gateway: StartGateway, keys: Keys, where: str, version: MqttVersion
) -> None:
    async def main() -> None:
        pairs = ((NAME, "signed"), (SIGNATURE, sign(TOKEN, keys.stranger.private_pem)), ("token", TOKEN))
        target = f"/mqtt?{in_query(pairs)}" if where == "query" else "/mqtt"
        headers = pairs if where == "header" else ()
        username = f"?{in_query(pairs)}" if where == "connect" else None
        async with start_gateway() as running, opened(running, target, *headers) as socket:
            await socket.send_packet(connect(username, version=version))
            if version is MqttVersion.V5:
                connack = await socket.packet()
                assert isinstance(connack, Connack)
                assert connack.reason_code == 0x87
                assert await socket.frame() == Frame(CLOSE, b"\x03\xe8")
            assert await socket.frame() is None
            assert running.events() == []
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Refusal)
            wanted = Reason.NOT_FOUND if where == "nowhere" else Reason.PARAMETER_INVALID
            assert outcome.reason is wanted

    run(main())


@pytest.mark.fact("F8")
@pytest.mark.parametrize("left_out", [1, 2])
def test_a_missing_token_or_signature_is_refused_without_asking_the_function(
    start_gateway: StartGateway, keys: Keys, left_out: int
) -> None:
    async def main() -> None:
        pairs = [pair for i, pair in enumerate(credentials(keys)) if i != left_out]
        async with start_gateway() as running, opened(running, "/mqtt", *pairs) as socket:
            assert not await enters(socket)
            assert running.events() == []

    run(main())


@pytest.mark.fact("A14", "I1", "A27")
def test_a_raw_plus_is_a_space_in_the_query_and_itself_in_a_header(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> None:
        token = next(text for text in map(str, range(1000)) if "+" in signature(keys, text))
        pairs = ((NAME, "signed"), (SIGNATURE, signature(keys, token)), ("token", token))
        async with start_gateway() as running:
            async with opened(running, "/mqtt", *pairs) as socket:
                assert await enters(socket)
            async with opened(running, "/mqtt?" + "&".join(f"{name}={value}" for name, value in pairs)) as socket:
                assert not await enters(socket)
            assert "percent-encode the signature" in running.lines()[1]

    run(main())


# The frames.


async def _answers(socket: WsClient) -> None:
    """Check that an accepted socket still answers."""
    await socket.send_packet(Pingreq())
    assert await socket.packet() == Pingresp()


@pytest.mark.parametrize("size", [1, 2, 7])
def test_packets_may_be_split_over_frames_and_frames_over_pieces(start_gateway: StartGateway, size: int) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running) as socket:
            data = socket.encode(connect(named("open")))
            frames = b"".join(frame(data[start : start + size]) for start in range(0, len(data), size))
            await socket.send(frames, chunk=5)
            answer = await socket.packet()
            assert isinstance(answer, Connack)
            assert answer.reason_code == 0
            await _answers(socket)

    run(main())


def test_several_packets_in_one_frame_are_each_answered(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running) as socket:
            await socket.send_packet(connect(named("open")), Pingreq(), Pingreq())
            assert isinstance(await socket.packet(), Connack)
            assert [await socket.packet() for _ in range(2)] == [Pingresp(), Pingresp()]

    run(main())


def test_a_fragmented_message_is_read_with_a_ping_between_its_frames(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running) as socket:
            data = socket.encode(connect(named("open")))
            await socket.send(
                frame(data[:3], fin=False),
                frame(b"are you there", opcode=PING),
                frame(b"", opcode=CONT, fin=False),
                frame(data[3:], opcode=CONT),
            )
            assert await socket.frame() == Frame(PONG, b"are you there")
            assert isinstance(await socket.packet(), Connack)
            await socket.send(frame(b"unasked", opcode=PONG))
            await _answers(socket)

    run(main())


def test_frames_in_the_same_piece_as_the_request_are_read(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(upgrade("/mqtt", OPEN) + frame(encode(connect(), MqttVersion.V5)))
            answer = await reply(client)
            assert answer is not None
            assert isinstance(await WsClient(client, answer).packet(), Connack)

    run(main())


HUGE = 400_000
BROKEN = {
    "unmasked": (frame(b"\xc0\x00", masked=False), 1002),
    "reserved bits": (frame(b"\xc0\x00", reserved=4), 1002),
    "reserved opcode": (frame(b"", opcode=3), 1002),
    "continuation of nothing": (frame(b"\xc0\x00", opcode=CONT), 1002),
    "a message within a message": (frame(b"\xc0", fin=False) + frame(b"\x00"), 1002),
    "a fragmented ping": (frame(b"", opcode=PING, fin=False), 1002),
    "a long ping": (frame(bytes(126), opcode=PING), 1002),
    "a close of one byte": (frame(b"\x03", opcode=CLOSE), 1002),
    "a close code that is none": (close_frame(1005), 1002),
    "text": (frame(b"\xc0\x00", opcode=TEXT), 1003),
    "fragmented text": (frame(b"\xc0", opcode=TEXT, fin=False) + frame(b"\x00", opcode=CONT), 1003),
    "a frame that claims too much": (frame(b"\xc0\x00", length=HUGE), 1009),
    "a message that is too large": (
        frame(bytes([0x30, 0x80, 0x80, 0x10]) + bytes(HUGE // 2), fin=False)
        + frame(b"", opcode=CONT, length=HUGE // 2),
        1009,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_websocket_is_closed_with_its_code_and_recorded(start_gateway: StartGateway, name: str) -> None:
    data, code = BROKEN[name]

    async def main() -> None:
        async with start_gateway() as running:
            async with opened(running, "/mqtt", OPEN) as socket:
                assert await enters(socket)
                await socket.send(data)
                got = await socket.frame()
                assert got is not None
                assert (got.opcode, int.from_bytes(got.data[:2], "big")) == (CLOSE, code)
                assert await socket.frame() is None
            await running.emptied()
            (ending,) = running.endings()
            assert ending.reason is DisconnectReason.CLIENT_ERROR

    run(main())


def test_a_broken_frame_before_connect_is_told_in_the_log(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running) as socket:
            await socket.send(frame(b"hello", opcode=TEXT))
            assert (await socket.frame()) is not None
            assert await socket.frame() is None
            assert any("MQTT goes in binary frames" in note for note in running.notes())
            assert running.decisions == []

    run(main())


# The ends.


@pytest.mark.fact("C38")
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
def test_a_close_from_the_client_is_its_own_wish_and_is_answered(
    start_gateway: StartGateway, version: MqttVersion
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with opened(running, "/mqtt", OPEN) as socket:
                assert await enters(socket, version=version)
                await socket.send(close_frame(1001, "leaving"))
                assert await socket.frame() == Frame(CLOSE, b"\x03\xe9leaving")
                assert await socket.frame() is None
            await running.emptied()
            (ending,) = running.endings()
            assert ending.reason is DisconnectReason.CLIENT_INITIATED

    run(main())


@pytest.mark.fact("C38")
def test_what_comes_before_a_close_in_the_same_piece_still_counts(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with opened(running, "/mqtt", OPEN) as socket:
                assert await enters(socket)
                # Not served after CONNECT: whoever reads it ends the connection as the client's error.
                await socket.send(frame(socket.encode(connect())), close_frame(1000))
                assert (await socket.frame()) == Frame(CLOSE, b"\x03\xe8")
            await running.emptied()
            (ending,) = running.endings()
            assert ending.reason is DisconnectReason.CLIENT_ERROR

    run(main())


def test_a_disconnect_with_a_close_behind_it_is_recorded_once(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with opened(running, "/mqtt", OPEN) as socket:
                assert await enters(socket)
                await socket.send(frame(socket.encode(Disconnect(reason_code=0))), close_frame(1000))
                assert await socket.frame() == Frame(CLOSE, b"\x03\xe8")
                assert await socket.frame() is None
            await running.emptied()
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CLIENT_INITIATED]

    run(main())


def test_a_client_that_closes_before_the_decision_is_told_in_the_log(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with opened(running, "/mqtt", OPEN) as socket:
                await socket.send(frame(socket.encode(connect())), close_frame(1000))
                assert await socket.frame() == Frame(CLOSE, b"\x03\xe8")
            await running.emptied()
            assert any("the client left before the decision" in note for note in running.notes())
            assert running.endings() == []

    run(main())


def test_a_client_that_vanishes_is_recorded_as_lost(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with opened(running, "/mqtt", OPEN) as socket:
                assert await enters(socket)
                socket.client.leave()
            await running.emptied()
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CONNECTION_LOST]

    run(main())


@pytest.mark.fact("A31", "F5", "I12")
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
def test_a_websocket_ends_after_a_day(start_gateway: StartGateway, version: MqttVersion) -> None:
    async def main() -> None:
        async with start_gateway(time_scale=100.0) as running:
            async with opened(running, "/mqtt", OPEN) as socket:
                assert await enters(socket, version=version)
                put_forward(863.0)
                # Within the keep alive, so that nothing but its age can end it; the function is asked again meanwhile.
                await _answers(socket)
                put_forward(2.0)
                if version is MqttVersion.V5:
                    assert await socket.packet() == Disconnect(reason_code=0x98)
                    assert await socket.frame() == Frame(CLOSE, b"\x03\xe8")
                assert await socket.frame() is None
            await running.emptied()
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.WEBSOCKET_TTL]

    run(main())


@pytest.mark.fact("F5", "I12")
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
def test_at_the_stop_of_the_gateway_an_mqtt_5_client_gets_disconnect_and_close(
    start_gateway: StartGateway, version: MqttVersion
) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running, "/mqtt", OPEN) as socket:
            assert await enters(socket, version=version)
            stopping = asyncio.create_task(running.gateway.aclose())
            if version is MqttVersion.V5:
                assert await socket.packet() == Disconnect(reason_code=0x8B)
                assert await socket.frame() == Frame(CLOSE, b"\x03\xe8")
            assert await socket.frame() is None
            socket.client.leave()
            await stopping

    run(main())


def test_a_client_that_sends_no_connect_is_cut_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, opened(running) as socket:
            put_forward(9.0)
            await socket.send(frame(b"", opcode=PING))
            assert await socket.frame() == Frame(PONG, b"")
            put_forward(2.0)
            assert await socket.frame() is None
            assert any("no CONNECT within 10 s" in note for note in running.notes())

    run(main())


# Somebody else's client.


def test_the_websockets_library_connects_and_is_refused(
    start_gateway: StartGateway, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Later versions of it go through the proxies of the environment.
    monkeypatch.setenv("no_proxy", "*")

    async def main() -> None:
        async with start_gateway() as running:
            context = ssl.create_default_context(cafile=str(running.gateway.ca_file))
            url = f"wss://localhost:{running.gateway.port}/mqtt"
            how: Any = {"ssl": context, "subprotocols": ["mqtt"]}
            async with ws_connect(f"{url}?{in_query(credentials(keys))}", **how) as socket:
                assert socket.subprotocol == "mqtt"
                await socket.send(encode(connect(), MqttVersion.V5))
                assert isinstance(await socket.recv(), bytes)
                await (await socket.ping())
            await running.emptied()
            assert isinstance(running.decisions[0].outcome, Grant)
            assert [ending.reason for ending in running.endings()] == [DisconnectReason.CLIENT_INITIATED]
            async with ws_connect(url, **how) as socket:
                await socket.send(encode(connect(version=V311), V311))
                with pytest.raises(websockets.ConnectionClosedError) as closed:
                    await socket.recv()
                assert closed.value.rcvd is None
            async with ws_connect(url, **how) as socket:
                await socket.send(encode(connect(), MqttVersion.V5))
                await socket.recv()
                with pytest.raises(websockets.ConnectionClosedOK) as ended:
                    await socket.recv()
                assert ended.value.rcvd is not None
                assert ended.value.rcvd.code == 1000

    run(main())


@pytest.mark.fact("A47", "A48", "F14")
@pytest.mark.parametrize(
    ("host", "served"), [("localhost", True), ("other.EXAMPLE:443", True), ("evil.example", False)]
)
def test_without_sni_the_host_header_tells_the_name(start_gateway: StartGateway, host: str, served: bool) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(sni=None, alpn=()) as client:
            await client.send(upgrade("/mqtt", OPEN, host=host))
            answer = await reply(client)
            assert answer is not None
            assert answer.status == (101 if served else 403)
            if served:
                assert await enters(WsClient(client, answer))
                assert (await last_event(running))["protocolData"]["tls"] == {}
            else:
                outcome = running.decisions[0].outcome
                assert isinstance(outcome, Refusal)
                assert outcome.reason is Reason.SNI

    run(main())


def test_an_answered_request_before_the_upgrade_is_no_obstacle(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(upgrade("/ws") + upgrade("/mqtt", OPEN))
            first, second = await reply(client), await reply(client)
            assert first is not None
            assert second is not None
            assert (first.status, second.status) == (404, 101)
            assert await enters(WsClient(client, second))
            assert await ask(running, "/mqtt") is not None

    run(main())
