"""The publish over HTTPS through real sockets: answers, caching, limits, and what never becomes a publish."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import ssl
from typing import Any
from urllib.parse import quote

import pytest

from aloop import put_forward, run
from customauth.gateway import Grant, Reason, Refusal
from customauth.gateway.decision import Step
from customauth.signing import sign
from gateways import ALLOW, ARN, TOKEN, Keys, Running, StartGateway, allow
from httpclient import Header, Reply, ask, reply, request
from rawclient import connected

NAME = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"
OPEN = (NAME, "open")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MAX_PAYLOAD = 131_072
POST = request("POST", "/topics/a", OPEN, body=b"1")
SLEEPING = """
import time

def handler(event, context):
    open("asked", "w").close()
    time.sleep(60)
"""
CACHING = """
[authorizers.caching]
status = "ACTIVE"
function = "authorizer.py:handler"
token_key_name = "token"
token_signing_public_keys = { old = "old.pem" }
enable_caching_for_http = true
"""


def credentials(keys: Keys, token: str = TOKEN, authorizer: str = "signed") -> tuple[Header, ...]:
    return ((NAME, authorizer), (SIGNATURE, sign(token, keys.old.private_pem)), ("token", token))


def in_query(pairs: tuple[Header, ...]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)


def answering(policy: dict[str, Any]) -> dict[str, Any]:
    return ALLOW | {"policyDocuments": [policy]}


def statuses(replies: list[Reply | None]) -> list[int | None]:
    return [None if found is None else found.status for found in replies]


async def _asked(running: Running) -> None:
    """Wait until the function :data:`SLEEPING` is at it."""
    # Nobody is told of it.
    while not (running.folder / "asked").exists():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def exchange(running: Running, data: bytes, count: int, **how: Any) -> list[Reply | None]:
    """Send bytes on one connection and return so many answers."""
    async with running.client(alpn=()) as client:
        await client.send(data, **how)
        return [await reply(client) for _ in range(count)]


# The answers.


@pytest.mark.fact("A32", "A33", "A36")
@pytest.mark.parametrize("where", ["headers", "query"])
def test_a_publish_is_answered_with_ok_and_a_trace_id(start_gateway: StartGateway, keys: Keys, where: str) -> None:
    async def main() -> None:
        pairs = credentials(keys)
        target, headers = (f"/topics/a/b?qos=1&{in_query(pairs)}", ()) if where == "query" else ("/topics/a/b", pairs)
        async with start_gateway() as running:
            answer = await ask(running, target, *headers, body=b"1")
            assert answer is not None
            assert answer.status == 200
            assert re.fullmatch(rb'\{"message":"OK","traceId":"' + UUID.encode() + rb'"\}', answer.body)
            assert answer.header("content-type") == "application/json"
            assert answer.header("connection") == "keep-alive"
            assert answer.header("x-amzn-ErrorType") is None
            (decision,) = running.decisions
            assert (decision.step, decision.topic, decision.client_id) == (Step.PUBLISH, "a/b", None)
            assert isinstance(decision.outcome, Grant)

    run(main())


@pytest.mark.fact("C10", "C11", "C14", "I5", "A38", "A20", "J7")
def test_the_function_sees_the_request_but_not_its_body_and_path(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> None:
        query = "qos=1&actionToken=allow&x=%41"
        async with start_gateway() as running:
            await ask(running, f"/topics/secret-topic?{query}", *credentials(keys), ("X-More", "Yes"), body=b"payload")
            event = json.loads(running.events()[0])
            assert event == {
                "protocolData": {
                    "tls": {"serverName": "localhost"},
                    "http": {
                        "headers": {
                            "host": "localhost",
                            NAME: "signed",
                            SIGNATURE: sign(TOKEN, keys.old.private_pem),
                            "token": TOKEN,
                            "x-more": "Yes",
                            "content-length": "7",
                        },
                        "queryString": query,
                    },
                },
                "protocols": ["tls", "http"],
                "token": TOKEN,
                "signatureVerified": True,
                "connectionMetadata": {"id": running.decisions[0].connection_id},
            }

    run(main())


FORBIDDEN: dict[str, tuple[dict[str, Any], tuple[Header, ...], Reason]] = {
    "no credentials": ({}, (), Reason.NOT_FOUND),
    "an unknown authorizer": ({}, ((NAME, "nobody"),), Reason.NOT_FOUND),
    "an inactive authorizer": ({}, ((NAME, "asleep"),), Reason.NOT_FOUND),
    "no signature": ({}, ((NAME, "signed"), ("token", "t")), Reason.PARAMETER_INVALID),
    "a wrong signature": (
        {},
        ((NAME, "signed"), (SIGNATURE, "AAAA"), ("token", "t")),
        Reason.PARAMETER_INVALID,
    ),
    "a refusal": ({"answer": ALLOW | {"isAuthenticated": False}}, (OPEN,), Reason.NOT_AUTHENTICATED),
    "an answer that is none": ({"answer": None}, (OPEN,), Reason.FUNCTION_FAILED),
    "a function that raises": (
        {"function": "def handler(event, context):\n    raise ValueError"},
        (OPEN,),
        Reason.FUNCTION_FAILED,
    ),
    "another topic": ({"answer": answering(allow("topic/b"))}, (OPEN,), Reason.POLICY),
    "no iot:Publish": ({"answer": answering(allow("*", action="iot:Connect"))}, (OPEN,), Reason.POLICY),
    "SigV4": (
        {"settings": 'default_authorizer = "open"'},
        (("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=0123"),),
        Reason.NOT_AUTHENTICATED,
    ),
}


@pytest.mark.fact("F9", "F6", "F8", "D26", "I13", "A22", "A60")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_every_refusal_is_the_same_403(start_gateway: StartGateway, name: str) -> None:
    how, headers, reason = FORBIDDEN[name]

    async def main() -> None:
        async with start_gateway(**how) as running:
            answer = await ask(running, "/topics/a", *headers, body=b"1")
            assert answer is not None
            assert answer.status == 403
            assert re.fullmatch(rb'\{"message":"Forbidden","traceId":"' + UUID.encode() + rb'"\}', answer.body)
            names = [key for key, _ in answer.headers]
            assert names == [
                "content-type",
                "content-length",
                "date",
                "x-amzn-RequestId",
                "connection",
                "x-amzn-ErrorType",
                "access-control-allow-origin",
                *["access-control-expose-headers"] * 4,
            ]
            values = [value for _, value in answer.headers]
            assert values[0] == "application/json"
            assert values[1] == str(len(answer.body))
            assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", values[2])
            assert re.fullmatch(UUID, values[3])
            assert values[4:] == [
                "keep-alive",
                "ForbiddenException:",
                "*",
                "x-amzn-ErrorMessage",
                "x-amzn-RequestId",
                "x-amzn-ErrorType",
                "Date",
            ]
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is reason

    run(main())


@pytest.mark.fact("F11")
def test_a_function_that_never_answers_is_a_403(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running, running.client(alpn=()) as client:
            await client.send(POST)
            await _asked(running)
            put_forward(5.1)
            answer = await reply(client)
            assert answer is not None
            assert answer.status == 403

    run(main())


@pytest.mark.fact("F10", "A32", "A34")
@pytest.mark.parametrize(
    ("data", "status", "error_type"),
    [
        pytest.param(request("POST", "/topics/a?qos=2", OPEN), 400, "InvalidRequestException", id="QoS 2"),
        pytest.param(request("POST", "/topics/", OPEN), 400, "InvalidRequestException", id="no topic"),
        pytest.param(request("POST", "/topics/a%23", OPEN), 400, "InvalidRequestException", id="a wildcard"),
        pytest.param(request("POST", "/", OPEN), 426, "InvalidRequestException", id="the root"),
        pytest.param(request("GET", "/mqtt", OPEN), 426, "InvalidRequestException", id="no upgrade"),
        pytest.param(request("POST", "/topic/a", OPEN), 404, "ResourceNotFoundException", id="another path"),
        pytest.param(request("GET", "/things/a/shadow", OPEN), 404, "ResourceNotFoundException", id="a shadow"),
        pytest.param(request("GET", "/topics/a", OPEN), 405, "MethodNotAllowedException", id="GET"),
        pytest.param(request("DELETE", "/topics/a", OPEN), 405, "MethodNotAllowedException", id="DELETE"),
        pytest.param(request("CONNECT", "localhost:443", OPEN), 404, "ResourceNotFoundException", id="CONNECT"),
        pytest.param(
            request("POST", "/topics/a", OPEN, body=bytes(MAX_PAYLOAD + 1)),
            413,
            "RequestEntityTooLargeException",
            id="a payload of one byte too many",
        ),
    ],
)
def test_what_is_no_publish_is_answered_with_its_status_and_the_connection_kept(
    start_gateway: StartGateway, data: bytes, status: int, error_type: str
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            replies = await exchange(running, data + POST, 2)
            assert statuses(replies) == [status, 200]
            assert replies[0] is not None
            assert replies[0].header("x-amzn-ErrorType") == f"{error_type}:"
            assert set(replies[0].json()) == {"message", "traceId"}
            assert len(running.decisions) == 1
            if status == 405:
                assert replies[0].header("allow") == "POST"
            assert any(f"HTTP {status} to" in note for note in running.notes())

    run(main())


def test_head_is_answered_without_a_body(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(request("HEAD", "/topics/a") + POST)
            answer, second = await reply(client, head=True), await reply(client)
            assert answer is not None
            assert answer.status == 405
            assert second is not None
            assert second.status == 200

    run(main())


# What is published.


@pytest.mark.fact("A32")
@pytest.mark.parametrize("path", ["a/b%20c", "a%2Fb%20c", "%61%2fb%20c"])
def test_slashes_of_the_topic_may_be_raw_or_encoded(start_gateway: StartGateway, path: str) -> None:
    async def main() -> None:
        async with start_gateway(answer=answering(allow("topic/a/b c"))) as running:
            answer = await ask(running, f"/topics/{path}?qos=1", OPEN, body=b"1")
            assert answer is not None
            assert answer.status == 200
            assert running.decisions[0].topic == "a/b c"

    run(main())


@pytest.mark.fact("A35", "D8")
@pytest.mark.parametrize(
    ("actions", "retain", "status"),
    [
        (["iot:Publish"], "false", 200),
        (["iot:Publish"], "true", 403),
        (["iot:RetainPublish"], "true", 403),
        (["iot:Publish", "iot:RetainPublish"], "true", 200),
    ],
)
def test_a_retained_publish_needs_both_permissions(
    start_gateway: StartGateway, actions: list[str], retain: str, status: int
) -> None:
    async def main() -> None:
        async with start_gateway(answer=answering(allow("topic/a", action=actions))) as running:
            answer = await ask(running, f"/topics/a?retain={retain}", OPEN, body=b"1")
            assert answer is not None
            assert answer.status == status

    run(main())


@pytest.mark.fact("A37")
def test_a_policy_with_the_client_id_does_not_match_over_https(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(answer=answering(allow("topic/of/${iot:ClientId}"))) as running:
            for name in ("%24%7Biot:ClientId%7D", "", "None", "null", "a"):
                answer = await ask(running, f"/topics/of/{name}", OPEN, body=b"1")
                assert answer is not None
                assert answer.status == 403, name

    run(main())


@pytest.mark.fact("A38", "J7")
def test_a_function_may_decide_by_an_extra_query_parameter(start_gateway: StartGateway) -> None:
    async def main() -> None:
        function = f"""
from urllib.parse import parse_qs
def handler(event, context):
    query = parse_qs(event["protocolData"]["http"]["queryString"])
    return {{
        "isAuthenticated": query.get("actionToken") == ["allow"],
        "principalId": "p",
        "policyDocuments": [{{
            "Version": "2012-10-17",
            "Statement": [{{"Effect": "Allow", "Action": "iot:Publish", "Resource": "{ARN}:topic/*"}}],
        }}],
    }}
"""
        async with start_gateway(function=function) as running:
            found = [
                await ask(running, f"/topics/a?qos=1&actionToken={word}", OPEN, body=b"1") for word in ("allow", "deny")
            ]
            assert statuses(found) == [200, 403]

    run(main())


def test_the_largest_payload_is_accepted(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            answer = await ask(running, "/topics/a", OPEN, body=bytes(MAX_PAYLOAD))
            assert answer is not None
            assert answer.status == 200

    run(main())


# The connection.


@pytest.mark.fact("C4", "A32")
def test_pipelined_requests_are_answered_in_order_with_one_connection_id(start_gateway: StartGateway) -> None:
    async def main() -> None:
        topics = ["a", "b?qos=7", "c", "d"]
        data = b"".join(request("POST", f"/topics/{topic}", OPEN, body=b"1") for topic in topics)
        async with start_gateway() as running:
            assert statuses(await exchange(running, data, 4)) == [200, 400, 200, 200]
            assert [decision.topic for decision in running.decisions] == ["a", "c", "d"]
            assert len({decision.connection_id for decision in running.decisions}) == 1

    run(main())


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_request_may_come_in_pieces_of_any_size(start_gateway: StartGateway, chunk: int) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            assert statuses(await exchange(running, POST * 2, 2, chunk=chunk)) == [200, 200]

    run(main())


@pytest.mark.fact("A32")
def test_http_1_0_is_answered_and_closed(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            data = request("POST", "/topics/a", OPEN, body=b"1", version="1.0", host=None)
            first, second = await exchange(running, data, 2)
            assert first is not None
            assert (first.status, first.header("connection")) == (200, "close")
            assert second is None

    run(main())


def test_connection_close_is_honoured(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            data = request("POST", "/topics/a", OPEN, ("Connection", "close"), body=b"1")
            first, second = await exchange(running, data, 2)
            assert first is not None
            assert (first.status, first.header("connection")) == (200, "close")
            assert second is None

    run(main())


def test_chunked_bodies_are_read(start_gateway: StartGateway) -> None:
    async def main() -> None:
        head = request("POST", "/topics/a", OPEN, ("Transfer-Encoding", "chunked"))
        async with start_gateway() as running:
            data = head + b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nTrailer: 1\r\n\r\n"
            assert statuses(await exchange(running, data + POST, 2)) == [200, 200]

    run(main())


def test_the_body_is_asked_for_where_the_client_waits_for_that(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(request("POST", "/topics/a", OPEN, ("Expect", "100-continue"), ("Content-Length", "1")))
            going_on = await reply(client)
            assert going_on is not None
            assert going_on.status == 100
            assert running.decisions == []
            await client.send(b"1")
            answer = await reply(client)
            assert answer is not None
            assert answer.status == 200

    run(main())


@pytest.mark.parametrize(
    "headers",
    [
        (("Expect", "100-continue"), ("Content-Length", str(MAX_PAYLOAD + 1))),
        (("Content-Length", str(10**15)),),
    ],
)
def test_a_body_that_is_announced_too_large_is_not_waited_for(
    start_gateway: StartGateway, headers: tuple[Header, ...]
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            first, second = await exchange(running, request("POST", "/topics/a", OPEN, *headers), 2)
            assert first is not None
            assert (first.status, first.header("connection")) == (413, "close")
            assert second is None

    run(main())


def test_an_endless_body_is_cut_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(request("POST", "/topics/a", OPEN, ("Transfer-Encoding", "chunked")))
            answer = asyncio.create_task(reply(client))
            while not answer.done():
                try:
                    await client.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                except ConnectionError:
                    break
            found = await answer
            assert found is None or found.status == 413
            assert any("HTTP 413 to" in note for note in running.notes())
            assert running.decisions == []

    run(main())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"POST /topics/a HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(b"POST /topics/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two Hosts"),
        pytest.param(b"POST /topics/a\r\n\r\n", 400, id="no version"),
        pytest.param(b"Hello\r\n\r\n", 400, id="a word"),
        pytest.param(request("POST", "/topics/a", ("Content-Length", "x")), 400, id="a length that is none"),
        pytest.param(request("POST", "/topics/a", ("Transfer-Encoding", "gzip")), 501, id="another encoding"),
        pytest.param(request("POST", "/topics/a", ("A", "b" * 70_000)), 431, id="a huge head"),
        pytest.param(request("POST", "/topics/a", *[("A", "b")] * 20_000), 431, id="a head of many headers"),
    ],
)
def test_what_is_no_request_is_answered_and_closed(start_gateway: StartGateway, data: bytes, status: int) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            first, second = await exchange(running, data, 2)
            assert first is not None
            assert (first.status, first.header("connection")) == (status, "close")
            assert second is None

    run(main())


def test_a_chunk_that_is_none_is_answered_and_closed(start_gateway: StartGateway) -> None:
    async def main() -> None:
        data = request("POST", "/topics/a", OPEN, ("Transfer-Encoding", "chunked")) + b"zz\r\n"
        async with start_gateway() as running:
            assert statuses(await exchange(running, data, 2)) == [400, None]

    run(main())


@pytest.mark.fact("A50")
@pytest.mark.parametrize("data", [b"\x00", b"\xc0\x00", b"\r\n", b" POST / HTTP/1.1\r\n\r\n", b"\xff" * 100])
def test_what_begins_as_neither_http_nor_mqtt_is_closed_without_an_answer(
    start_gateway: StartGateway, data: bytes
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(data)
            assert await client.rest() == b""
            assert any("begins neither MQTT nor HTTP" in note for note in running.notes())

    run(main())


@pytest.mark.parametrize(
    ("before", "wait", "what"),
    [
        (b"POST /topics/a HTTP/1.1\r\nHost: ", 10.5, "no request head within 10 s"),
        (request("POST", "/topics/a", OPEN, ("Content-Length", "2")) + b"1", 20.5, "no request body within 20 s"),
        (POST, 60.5, "no further request within 60 s"),
        (POST + b"POST /", 10.5, "no request head within 10 s"),
    ],
)
def test_a_client_that_takes_too_long_is_cut_off(
    start_gateway: StartGateway, before: bytes, wait: float, what: str
) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(before)
            if before.startswith(POST):
                answer = await reply(client)
                assert answer is not None
                assert answer.status == 200
            else:
                await _taken_in(running)
            put_forward(wait)
            assert await reply(client) is None
            assert any(what in note for note in running.notes())

    run(main())


async def _taken_in(running: Running) -> None:
    """Wait until what was sent before on other connections has been read: one more answer shows it."""
    assert await ask(running, "/other") is not None


def test_a_client_within_its_limits_is_not_cut_off(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            for _ in range(3):
                await client.send(POST)
                answer = await reply(client)
                assert answer is not None
                assert answer.status == 200
                put_forward(59.0)
                await asyncio.sleep(0)

    run(main())


def test_a_request_in_hand_is_dropped_when_the_gateway_stops(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(function=SLEEPING) as running, running.client(alpn=()) as client:
            await client.send(POST)
            await _asked(running)
            stopping = asyncio.create_task(running.gateway.aclose())
            assert await reply(client) is None
            client.leave()
            await stopping
            assert running.decisions == []

    run(main())


# The cache.


async def _publish(client: Any, keys: Keys, token: str = TOKEN, authorizer: str = "caching") -> int:
    await client.send(request("POST", "/topics/a", *credentials(keys, token, authorizer), body=b"1"))
    answer = await reply(client)
    assert answer is not None
    return answer.status


@pytest.mark.fact("C32")
def test_without_caching_the_function_runs_for_every_request(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            assert [await _publish(client, keys, authorizer="signed") for _ in range(3)] == [200] * 3
            assert len(running.events()) == 3

    run(main())


@pytest.mark.fact("C32")
def test_a_cached_answer_serves_one_connection_until_it_is_to_be_refreshed(
    start_gateway: StartGateway, keys: Keys
) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=CACHING, time_scale=10.0) as running, running.client(alpn=()) as client:
            assert [await _publish(client, keys) for _ in range(3)] == [200] * 3
            assert len(running.events()) == 1
            assert "from the cache of this connection" in (running.decisions[2].chosen or "")
            put_forward(29.0)
            assert await _publish(client, keys) == 200
            assert len(running.events()) == 1
            put_forward(2.0)
            assert await _publish(client, keys) == 200
            assert len(running.events()) == 2
            async with running.client(alpn=()) as another:
                assert await _publish(another, keys) == 200
            assert len(running.events()) == 3

    run(main())


@pytest.mark.fact("C32")
def test_a_cached_answer_serves_no_other_token_and_no_other_signature(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> None:
        async with start_gateway(authorizers=CACHING) as running, running.client(alpn=()) as client:
            assert [await _publish(client, keys, token) for token in ("one", "two", "one", "two")] == [200] * 4
            assert len(running.events()) == 2
            forged = ((NAME, "caching"), (SIGNATURE, sign("one", keys.stranger.private_pem)), ("token", "one"))
            await client.send(request("POST", "/topics/a", *forged, body=b"1"))
            answer = await reply(client)
            assert answer is not None
            assert answer.status == 403

    run(main())


@pytest.mark.fact("C32", "F9")
def test_the_policy_of_a_cached_answer_is_asked_for_every_topic_and_a_cached_refusal_stays_one(
    start_gateway: StartGateway, keys: Keys
) -> None:
    async def main() -> None:
        answer = answering(allow("topic/b"))
        async with start_gateway(authorizers=CACHING, answer=answer) as running, running.client(alpn=()) as client:
            assert await _publish(client, keys) == 403
            assert await _publish(client, keys) == 403
            await client.send(request("POST", "/topics/b", *credentials(keys, authorizer="caching"), body=b"1"))
            found = await reply(client)
            assert found is not None
            assert found.status == 200
            assert len(running.events()) == 1

    run(main())


# Names.


@pytest.mark.fact("A47", "A48", "H2", "F14")
@pytest.mark.parametrize(
    ("sni", "host", "status"),
    [
        (None, "localhost", 200),
        (None, "LOCALHOST:8443", 200),
        (None, "other.example:", 200),
        (None, "evil.example", 403),
        (None, "127.0.0.1", 403),
        ("localhost", "evil.example", 200),
    ],
)
def test_without_sni_a_host_header_that_is_served_is_enough(
    start_gateway: StartGateway, sni: str | None, host: str, status: int
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            answer = await ask(running, "/topics/a", OPEN, body=b"1", host=host, sni=sni)
            assert answer is not None
            assert answer.status == status
            if status == 403:
                outcome = running.decisions[0].outcome
                assert isinstance(outcome, Refusal)
                assert outcome.reason is Reason.SNI

    run(main())


@pytest.mark.fact("A47", "F14", "I14")
def test_an_sni_that_is_not_served_gets_an_alert(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
                await ask(running, "/topics/a", OPEN, sni="evil.example")

    run(main())


# Somebody else's client.


def test_pythons_own_client_publishes_over_a_persistent_connection(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            context = ssl.create_default_context(cafile=str(running.gateway.ca_file))

            def talk() -> list[tuple[int, str]]:
                connection = http.client.HTTPSConnection("localhost", running.gateway.port, context=context)
                found = []
                for headers in (dict(credentials(keys)), {}):
                    connection.request("POST", "/topics/a/b?qos=1", body=b"payload", headers=headers)
                    answer = connection.getresponse()
                    found.append((answer.status, json.loads(answer.read())["message"]))
                connection.close()
                return found

            assert await asyncio.to_thread(talk) == [(200, "OK"), (403, "Forbidden")]
            assert len({decision.connection_id for decision in running.decisions}) == 1

    run(main())


@pytest.mark.parametrize("where", ["headers", "query"])
@pytest.mark.parametrize("right", [True, False])
def test_no_record_shows_a_credential(start_gateway: StartGateway, keys: Keys, where: str, right: bool) -> None:
    async def main() -> None:
        pairs = credentials(keys, "the-secret-token")
        if not right:
            pairs = (pairs[0], (SIGNATURE, sign("another", keys.old.private_pem)), pairs[2])
        more = (("Authorization", "Bearer another-secret"), ("Cookie", "session=third-secret"))
        target, headers = (f"/topics/a?{in_query(pairs)}", ()) if where == "query" else ("/topics/a", pairs)
        async with start_gateway() as running:
            answer = await ask(running, target, *headers, *more, body=b"the payload")
            assert answer is not None
            assert answer.status == (200 if right else 403)
            shown = "".join(record.line() + json.dumps(record.as_json()) for record in running.records)
            for secret in ("secret", pairs[1][1], quote(pairs[1][1], safe=""), "the payload"):
                assert secret not in shown

    run(main())


@pytest.mark.fact("A16", "A26")
def test_of_a_repeated_header_the_first_counts_and_the_function_sees_all(
    start_gateway: StartGateway, keys: Keys
) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            answer = await ask(running, "/topics/a", *credentials(keys), ("TOKEN", "another"), body=b"1")
            assert answer is not None
            assert answer.status == 200
            event = json.loads(running.events()[0])
            assert event["token"] == TOKEN
            assert event["protocolData"]["http"]["headers"]["token"] == f"{TOKEN}, another"

    run(main())


def test_a_client_that_leaves_before_the_answer_harms_nobody(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            async with connected(running.gateway.port, running.gateway.ca_file, alpn=()) as client:
                await client.send(POST)
                client.leave()
            await running.emptied()
            answer = await ask(running, "/topics/a", OPEN)
            assert answer is not None
            assert answer.status == 200

    run(main())
