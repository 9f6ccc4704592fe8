"""What docs/parity.md promises and no other test shows: facts that lie between the parts of the gateway."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from attrs import evolve

from aloop import put_forward, run
from customauth.gateway import Reason, Refusal
from customauth.mqtt import MqttVersion, Pingreq, Pingresp, Property
from customauth.signing import sign
from gateways import ALLOW, TOKEN, Keys, Running, StartGateway, connect, named, signed
from httpclient import Header, ask, reply, request
from invoke_server import Response, serving
from rawclient import LIMIT
from runtimes import ARN as FUNCTION_ARN
from wsclient import WsClient, opened, upgrade

NAME = "x-amz-customauthorizer-name"
OPEN = (NAME, "open")
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
BOTH = pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
CACHING = """
[authorizers.caching]
status = "ACTIVE"
function = "authorizer.py:handler"
token_key_name = "token"
token_signing_public_keys = { old = "old.pem" }
enable_caching_for_http = true
"""
# As AWS's tutorial function goes about it (J7).
TUTORIAL = """
from urllib.parse import parse_qs

def handler(event, context):
    http = event["protocolData"]["http"]
    _, _, _, region, account, *_ = context.invoked_function_arn.split(":")
    statement = {"Action": "iot:Publish", "Effect": "Allow", "Resource": f"arn:aws:iot:{region}:{account}:topic/a"}
    return {
        "isAuthenticated": parse_qs(http["queryString"]).get("actionToken") == ["allow"],
        "principalId": "tutorial",
        "policyDocuments": [{"Version": "2012-10-17", "Statement": [statement]}],
    }
"""
IN_LAMBDA = f"""
[authorizers.remote]
status = "ACTIVE"
function = "{FUNCTION_ARN}"
signing_disabled = true
"""


def credentials(keys: Keys, authorizer: str) -> tuple[Header, ...]:
    signature = sign(TOKEN, keys.old.private_pem)
    return ((NAME, authorizer), ("x-amz-customauthorizer-signature", signature), ("token", TOKEN))


async def code(running: Running, username: str) -> int:
    """Return the reason code that an MQTT 5 client with a user name gets."""
    async with running.client() as client:
        connack = await client.connect(connect(username))
        assert connack is not None
        return connack.reason_code


# The authorizer.


@pytest.mark.fact("B10")
@BOTH
def test_caching_for_http_has_no_effect_on_mqtt(version: MqttVersion, keys: Keys, start_gateway: StartGateway) -> None:
    packet = connect(signed(keys.old).replace(named("signed"), named("caching")), version=version)

    async def main() -> None:
        async with start_gateway(authorizers=CACHING) as running:
            for count in (1, 2):
                async with running.accepted(packet):
                    assert len(running.events()) == count

    run(main())


@pytest.mark.fact("B10", "C32")
def test_what_a_connection_cached_for_its_publishes_does_not_let_its_websocket_in(
    keys: Keys, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        pairs = credentials(keys, "caching")
        async with start_gateway(authorizers=CACHING) as running, running.client(alpn=()) as client:
            await client.send(request("POST", "/topics/a", *pairs, body=b"1") * 2 + upgrade("/mqtt", *pairs))
            answers = [await reply(client) for _ in range(3)]
            assert [answer.status for answer in answers if answer is not None] == [200, 200, 101]
            assert len(running.events()) == 1
            running.answer(ALLOW | {"isAuthenticated": False})
            assert answers[2] is not None
            connack = await WsClient(client, answers[2]).connect(connect())
            assert connack is not None
            assert connack.reason_code == 0x87
            assert len(running.events()) == 2

    run(main())


@pytest.mark.fact("B22")
def test_an_authorizer_that_is_new_or_changed_decides_at_once(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            config = running.gateway.config
            for name, active in (("first", True), ("second", False), ("third", True)):
                new = evolve(config.authorizers["open"], name=name)
                asleep = evolve(config.authorizers["asleep"], active=active)
                running.gateway.configure(
                    evolve(config, authorizers={**config.authorizers, name: new, "asleep": asleep})
                )
                assert await code(running, named(name)) == 0
                assert await code(running, named("asleep")) == (0 if active else 0x87)

    run(main())


# The event.


@pytest.mark.fact("C14")
def test_the_user_properties_of_connect_are_not_in_the_event(start_gateway: StartGateway) -> None:
    async def main() -> None:
        properties = {Property.USER_PROPERTY: [("my-name", "my-value")]}
        async with start_gateway() as running:
            async with running.accepted(connect(named("open"), properties=properties)):
                (event,) = running.events()
            assert json.loads(event)["protocolData"] == {
                "tls": {"serverName": "localhost"},
                "mqtt": {"username": named("open"), "clientId": "device"},
            }
            assert "my-" not in event
            assert "127.0.0.1" not in event

    run(main())


@pytest.mark.fact("C4", "C25", "C26")
@BOTH
def test_over_websocket_too_the_function_is_asked_again_as_it_was_asked_first(
    version: MqttVersion, keys: Keys, start_gateway: StartGateway
) -> None:
    async def main() -> None:
        target = "/mqtt?extra=1"
        async with start_gateway() as running, opened(running, target, *credentials(keys, "signed")) as socket:
            assert await socket.connect(connect("alice", version=version, password=b"pw", keep_alive=0))
            for count in (1, 2):
                put_forward(285.0)
                await socket.send_packet(Pingreq())
                assert await socket.packet() == Pingresp()
                assert len(running.events()) == count
                put_forward(15.0)
                async with asyncio.timeout(LIMIT):
                    while len(running.events()) == count:  # noqa: ASYNC110 - nobody is told of it
                        await asyncio.sleep(0.001)
            first, *later = running.events()
            assert later == [first] * 2

    run(main())


@pytest.mark.fact("J7")
def test_a_function_like_that_of_the_tutorial_decides_over_https_and_fails_over_mqtt(
    start_gateway: StartGateway,
) -> None:
    async def main() -> None:
        async with start_gateway(function=TUTORIAL) as running:
            for path, status in (("a?actionToken=allow", 200), ("b?actionToken=allow", 403), ("a", 403)):
                answer = await ask(running, f"/topics/{path}", OPEN, body=b"1")
                assert answer is not None
                assert answer.status == status, path
            assert await code(running, named("open")) == 0x87
            outcome = running.decisions[-1].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is Reason.FUNCTION_FAILED
            assert "KeyError" in outcome.why

    run(main())


# Refusals.


@pytest.mark.fact("F6")
def test_a_forbidden_upgrade_has_the_headers_of_aws_in_their_order(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running, running.client(alpn=()) as client:
            await client.send(upgrade("/mqtt?X-Amz-Signature=00"))
            answer = await reply(client)
            assert answer is not None
            assert answer.status == 403
            wanted = (
                ("content-type", "application/json"),
                ("content-length", str(len(answer.body))),
                ("date", r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"),
                ("x-amzn-RequestId", UUID),
                ("connection", "keep-alive"),
                ("x-amzn-ErrorType", "ForbiddenException:"),
                ("access-control-allow-origin", r"\*"),
                ("access-control-expose-headers", "x-amzn-ErrorMessage"),
                ("access-control-expose-headers", "x-amzn-RequestId"),
                ("access-control-expose-headers", "x-amzn-ErrorType"),
                ("access-control-expose-headers", "Date"),
            )
            for (name, value), (wanted_name, pattern) in zip(answer.headers, wanted, strict=True):
                assert name == wanted_name
                assert re.fullmatch(pattern, value), name

    run(main())


@pytest.mark.fact("F12")
@BOTH
def test_a_function_in_lambda_that_may_not_be_invoked_refuses(
    version: MqttVersion, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    headers = {"X-Amzn-ErrorType": "AccessDeniedException"}
    denied = Response(status=403, body={"Message": "not authorized"}, headers=headers)

    async def main() -> None:
        async with start_gateway(authorizers=IN_LAMBDA) as running:
            sent = await running.outcome(connect(named("remote"), version=version))
            assert len(sent) == (111 if version is MqttVersion.V5 else 0)
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Refusal)
            assert outcome.reason is Reason.FUNCTION_FAILED
            assert f"{FUNCTION_ARN} was not run: AccessDeniedException" in outcome.why

    with serving(lambda event: denied) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        run(main())
    assert len(server.seen) == 1
