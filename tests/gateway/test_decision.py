"""The record of a decision: its line tells a person what was decided and why, its JSON tells a program everything."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from aloop import put_forward, run
from customauth.gateway import Reason
from customauth.gateway.decision import Step
from customauth.mqtt import MqttVersion
from gateways import ALLOW, Keys, StartGateway, connect, named, signed
from rawclient import LIMIT
from record_samples import GRANT, REFUSAL, decision


def test_the_line_of_a_grant_says_who_let_it_in_and_by_what() -> None:
    assert decision().line() == (
        "ALLOW MQTT 5 client 'dev' from 127.0.0.1:9: authorizer auth, signature verified with key1, principal tester, "
        "statement 1 of document 1 allows it (12 ms)"
    )


def test_the_line_of_a_refusal_says_why_and_what_to_change() -> None:
    assert decision(REFUSAL).line() == (
        "DENY  MQTT 5 client 'dev' from 127.0.0.1:9: AUTHORIZATION_FAILURE: no statement allows it (12 ms); "
        "fix: let the policy allow it"
    )


@given(client_id=st.text(), why=st.text(), protocol=st.sampled_from(["MQTT 5", "MQTT 3.1.1"]))
def test_nothing_that_a_client_or_function_chose_breaks_the_line(client_id: str, why: str, protocol: str) -> None:
    for outcome in (evolve(GRANT, why=why), evolve(REFUSAL, why=why)):
        line = decision(outcome, client_id=client_id, protocol=protocol).line()
        assert len(line.splitlines()) == 1
        assert not any(0xD800 <= ord(character) < 0xE000 or character in "\x1b\x9b\u2028" for character in line)


def test_a_client_id_of_any_length_makes_a_short_line() -> None:
    line = decision(client_id="x" * 60_000).line()
    assert len(line) < 400
    assert decision(client_id="x" * 128).line().count("x") == 128


@pytest.mark.fact("C35", "C36")
def test_reasons_are_the_codes_of_aws_but_for_two_which_are_ours() -> None:
    assert {reason.value for reason in Reason} - {"ALPN_MISUSED", "CLIENT_ERROR"} == {
        "CUSTOM_AUTHORIZER_NOT_FOUND",
        "CUSTOM_AUTHORIZER_PARAMETER_INVALID",
        "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR",
        "NOT_AUTHENTICATED",
        "AUTHORIZATION_FAILURE",
        "SNI_MISUSED",
        "DOMAIN_CONFIGURATION_DISABLED",
        "DOMAIN_CONFIGURATION_INVALID",
        "INTERNAL_SERVER_ERROR",
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"step": Step.REFRESH}, "refresh of MQTT 5 client 'dev' from 127.0.0.1:9"),
        (
            {"step": Step.PUBLISH, "protocol": "HTTPS", "client_id": None, "topic": "a/b"},
            "publish over HTTPS to 'a/b' from 127.0.0.1:9",
        ),
        ({"step": Step.UPGRADE, "protocol": "WebSocket", "client_id": None}, "upgrade over WebSocket from 127.0.0.1:9"),
    ],
)
def test_the_line_says_what_was_decided_over(changes: dict[str, Any], says: str) -> None:
    assert decision(**changes).line().startswith(f"ALLOW {says}: ")
    assert decision(REFUSAL, **changes).line().startswith(f"DENY  {says}: ")


# As JSON.


@pytest.mark.fact("C39")
def test_the_json_of_a_grant_has_every_field(keys: Keys, start_gateway: StartGateway) -> None:
    username = signed(keys.old, "s3cretToken").replace("?", "bob?") + "&SDK=PythonV2"

    async def main() -> None:
        async with start_gateway() as running:
            before = datetime.now(UTC)
            async with running.accepted(connect(username, password=b"s3cretPassword"), sni="LocalHost"):
                pass
            found = json.loads(json.dumps(running.decisions[0].as_json()))
            assert list(found) == list(decision().as_json())
            assert before.timestamp() - 0.001 <= datetime.fromisoformat(found.pop("time")).timestamp()
            assert str(uuid.UUID(found["connectionId"])) == found.pop("connectionId")
            assert found.pop("peer").startswith("127.0.0.1:")
            assert found.pop("why")
            assert found.pop("seconds") > 0
            stages = found.pop("stages")
            assert list(stages) == ["tls", "signature", "function", "policy"]
            assert all(isinstance(seconds, float) and 0 <= seconds < LIMIT for seconds in stages.values())
            assert json.loads(found.pop("answer")) == ALLOW
            event = found.pop("event")
            assert event["protocolData"] == {
                "tls": {"serverName": "LocalHost"},
                "mqtt": {
                    "username": "bob?x-amz-customauthorizer-name=signed&x-amz-customauthorizer-signature=***"
                    "&token=***&SDK=PythonV2",
                    "password": "***",
                    "clientId": "device",
                },
            }
            assert (event["token"], event["signatureVerified"]) == ("***", True)
            assert found == {
                "record": "decision",
                "step": "connect",
                "protocol": "MQTT 5",
                "port": 443,
                "serverName": "LocalHost",
                "alpn": "mqtt",
                "clientId": "device",
                "topic": None,
                "presented": [
                    {"source": "username", "name": "x-amz-customauthorizer-name", "value": "signed"},
                    {"source": "username", "name": "x-amz-customauthorizer-signature", "value": "***"},
                    {"source": "username", "name": "token", "value": "***"},
                    {"source": "username", "name": "SDK", "value": "PythonV2"},
                ],
                "authorizer": "signed",
                "authorizerChosenBy": "named by the client",
                "signature": "signature verified with old",
                "outcome": "allow",
                "principalId": "tester",
                "refreshAfterInSeconds": 300,
                "disconnectAfterInSeconds": 86400,
            }

    run(main())


@pytest.mark.fact("C35")
def test_the_json_of_a_refusal_shows_how_far_it_came(keys: Keys, start_gateway: StartGateway) -> None:
    def shape(found: dict[str, object]) -> tuple[object, ...]:
        stages = found["stages"]
        assert isinstance(stages, dict)
        names = ("authorizer", "authorizerChosenBy", "signature", "outcome", "reason")
        return (*(found[name] for name in names), found["event"] is not None, found["answer"] is not None, *stages)

    expected = [
        (None, None, None, "deny", "CUSTOM_AUTHORIZER_NOT_FOUND", False, False, "tls"),
        (
            *("signed", "named by the client", "not verified", "deny", "CUSTOM_AUTHORIZER_PARAMETER_INVALID"),
            *(False, False, "tls", "signature"),
        ),
        (
            *("open", "named by the client", "signing disabled", "deny", "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"),
            *(True, True, "tls", "signature", "function"),
        ),
        (None, None, None, "deny", "CLIENT_ERROR", False, False, "tls"),
    ]

    async def main() -> None:
        async with start_gateway(answer={"isAuthenticated": "yes"}) as running:
            for packet in (
                connect(named("nobody")),
                connect(signed(keys.stranger)),
                connect(named("open")),
                connect(client_id="x" * 129),
            ):
                await running.outcome(packet)
            found = [json.loads(json.dumps(item.as_json())) for item in running.decisions]
            assert [shape(item) for item in found] == expected
            assert all(item["why"] and item["fix"] for item in found)
            assert [item["principalId"] for item in found] == [None] * 4

    run(main())


@pytest.mark.fact("C4", "C25")
def test_a_refresh_has_a_record_of_its_own_with_the_same_connection(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            packet = connect(named("open"), version=MqttVersion.V311, keep_alive=0)
            async with running.accepted(packet) as client:
                running.answer(ALLOW | {"isAuthenticated": False})
                put_forward(300.0)
                assert await client.rest() == b""
            first, second = [item.as_json() for item in running.decisions]
            assert (first["step"], second["step"]) == ("connect", "refresh")
            assert (second["outcome"], second["reason"]) == ("deny", "NOT_AUTHENTICATED")
            same = ("connectionId", "protocol", "peer", "port", "serverName", "alpn", "clientId", "presented", "event")
            assert [first[name] for name in same] == [second[name] for name in same]

    run(main())
