"""What the probe makes of the answers to a WebSocket's request, and the request itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import aloop
from customauth import Endpoint, Transport
from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.probe import Reached
from customauth.doctor.probe.upgrade_request import read_answer, upgrade_request
from customauth.doctor.setup import Setup
from customauth.errors import CredentialError
from customauth.gateway import running
from probing import https, on_443, probed, setup_for, tls

FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nx-amzn-ErrorType: ForbiddenException:\r\n"
    b'content-length: 23\r\n\r\n{"message":"Forbidden"}'
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"


def over_websocket(endpoint: Endpoint, path: str = "/mqtt", **more: object) -> Setup:
    return setup_for(evolve(endpoint, transport=Transport.WSS, path=path), alpn=(), **more)


@pytest.mark.fact("A23")
@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("mqtt",)], ids=["none", "http", "mqtt"])
@pytest.mark.fact("A30")
def test_a_websocket_that_opens_passes(alpn: tuple[str, ...]) -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(evolve(over_websocket(on_443(local.endpoint), username=None), alpn=alpn))
            assert seen.check("WebSocket").outcome is Outcome.PASSED
            assert seen.result.upgrade_status == 101
            assert seen.result.reached >= Reached.UPGRADE

    asyncio.run(main())


@pytest.mark.fact("A23")
def test_another_path_is_the_cause_where_mqtt_opens() -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(over_websocket(on_443(local.endpoint), "/ws"))
            assert seen.rules() == ["websocket-path"]
            assert seen.findings()[0].certainty is Certainty.CERTAIN
            assert (
                seen.findings()[0].evidence
                == "at /ws the server answers HTTP status 404, at /mqtt it opens a WebSocket"
            )
            assert seen.result.upgrade_status == 404
            assert seen.result.connected is None
            assert seen.result.reached is Reached.TLS

    asyncio.run(main())


@pytest.mark.fact("F6")
def test_a_403_is_told_with_what_the_answer_says() -> None:
    async def main() -> None:
        async with https({"/mqtt": FORBIDDEN}) as endpoint:
            seen = await probed(over_websocket(endpoint))
            assert seen.rules() == ["upgrade-forbidden"]
            said = 'HTTP status 403; x-amzn-errortype: ForbiddenException:; {"message":"Forbidden"}'
            assert seen.check("WebSocket").detail == said
            assert seen.result.upgrade_status == 403

    asyncio.run(main())


@pytest.mark.fact("F6")
def test_another_path_and_then_a_403_are_both_told() -> None:
    async def main() -> None:
        async with https({"/mqtt": FORBIDDEN, "/ws": NOT_FOUND}) as endpoint:
            seen = await probed(over_websocket(endpoint, "/ws"))
            assert seen.rules() == ["websocket-path", "upgrade-forbidden"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (NOT_FOUND, "HTTP status 404; server: nginx"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere/\r\n\r\n",
            "HTTP status 302; location: https://elsewhere/",
        ),
        (b"HTTP/1.1 502 Bad Gateway\r\nVia: 1.1 proxy\r\n\r\nupstream\n", "HTTP status 502; via: 1.1 proxy; upstream"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101, but not for this request"),
        (b"\x20\x02\x00\x05", "what came is no HTTP/1.1"),
        (b"", "the server closed without an answer"),
        (b"HTTP/1.1 4", "the server closed without an answer"),
    ],
    ids=["404", "302", "502", "101", "mqtt", "nothing", "half"],
)
def test_what_opens_no_websocket_is_told(answer: bytes, said: str) -> None:
    async def main() -> None:
        async with https({"/mqtt": answer}) as endpoint:
            seen = await probed(over_websocket(endpoint))
            assert seen.rules() == ["upgrade-rejected"]
            assert seen.check("WebSocket").detail.startswith(said)

    asyncio.run(main())


def test_a_websocket_for_something_else_than_mqtt_is_rejected() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        )
        await writer.drain()

    async def main() -> None:
        async with tls(talk) as endpoint:
            seen = await probed(over_websocket(endpoint))
            assert seen.rules() == ["upgrade-rejected"]
            assert "subprotocol chat, not mqtt" in seen.check("WebSocket").detail

    asyncio.run(main())


def test_a_server_that_is_silent_to_the_request_is_rejected() -> None:
    async def main() -> None:
        async with tls(lambda reader, writer: reader.read()) as endpoint:
            seen = await probed(over_websocket(endpoint, timeout=0.5))
            assert seen.rules() == ["upgrade-rejected"]
            assert seen.check("WebSocket").detail == "no answer within 0.5 s"

    aloop.run(main())


@pytest.mark.fact("A30")
def test_an_alpn_on_which_no_http_is_spoken_is_wrong() -> None:
    async def main() -> None:
        opens = {"/mqtt": FORBIDDEN}
        async with https(opens, "mqtt", deaf_to="mqtt") as endpoint:
            seen = await probed(evolve(over_websocket(endpoint), alpn=("mqtt",)))
            # Without the ALPN it is refused too, but by HTTP.
            assert seen.check("WebSocket without ALPN").detail.startswith("fails: HTTP status 403")

    asyncio.run(main())


def test_secrets_are_in_neither_trace_nor_checks_though_the_server_says_them_back() -> None:
    async def main() -> None:
        token, signature = "the token of the device", "c2lnbmF0dXJl+/=="
        headers = {
            "x-amz-customauthorizer-name": "signed",
            "token": token,
            "x-amz-customauthorizer-signature": signature,
        }
        said = f"no {signature} here"
        echo = f"HTTP/1.1 400 Bad Request\r\nServer: {token}\r\n\r\n{said}".encode()
        async with https({"/mqtt": echo}) as endpoint:
            seen = await probed(over_websocket(endpoint, headers=headers))
            assert seen.check("WebSocket").detail == "HTTP status 400; server: ***; no *** here"
            assert token not in seen.text()
            assert signature not in seen.text()
            assert [label for label, _ in seen.traced] == ["> GET", "< HTTP answer"]

    asyncio.run(main())


# The request


KEY = bytes(range(16))


def requested(**more: object) -> tuple[bytes, bytes]:
    made = upgrade_request(Setup(**more), "localhost", 443, "/mqtt", KEY)  # type: ignore[arg-type]  # its fields
    return made.data, made.masked


@pytest.mark.fact("A27")
def test_the_query_goes_out_as_it_stands() -> None:
    data, masked = requested(query="token=a+b/c%2Fd&x=ü")
    assert data.startswith("GET /mqtt?token=a+b/c%2Fd&x=ü HTTP/1.1\r\nHost: localhost\r\n".encode())
    assert b"token" not in masked


@pytest.mark.fact("A26")
def test_the_device_s_headers_replace_those_of_the_same_name() -> None:
    data, _ = requested(headers={"host": "other.example", "Token": "raw/+="})
    assert b"host: other.example\r\nToken: raw/+=\r\n\r\n" in data
    assert b"Host:" not in data


@pytest.mark.parametrize("more", [{"query": "a=b\r\nc"}, {"headers": {"token": "a\nb"}}], ids=["query", "header"])
def test_what_no_http_client_sends_is_not_sent(more: dict[str, object]) -> None:
    with pytest.raises(CredentialError):
        requested(**more)


def test_a_header_that_cannot_be_sent_stops_the_check() -> None:
    async def main() -> None:
        async with https({}) as endpoint:
            seen = await probed(over_websocket(endpoint, headers={"token": "wrapped\nby openssl"}))
            assert seen.rules() == ["upgrade-rejected"]
            assert "wrapped" not in seen.text()

    asyncio.run(main())


TEXTS = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]))


@given(st.none() | TEXTS, st.dictionaries(st.text("abcXYZ-", min_size=1), TEXTS))
def test_the_masked_request_has_the_same_length(query: str | None, headers: dict[str, str]) -> None:
    data, masked = requested(query=query, headers=headers)
    assert len(data) == len(masked)


@given(st.binary() | st.builds(lambda more: b"HTTP/1.1 403 Forbidden\r\n" + more, st.binary()))
def test_reading_any_answer_raises_nothing_but_valueerror(received: bytes) -> None:
    try:
        answer = read_answer(received)
    except ValueError:
        return
    assert answer is None or 0 <= answer.status <= 999
