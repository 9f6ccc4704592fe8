"""The line that tells a person what was decided and why."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from aloop import run
from customauth.gateway import Decision, Grant, Reason, Refusal
from customauth.mqtt import MqttVersion, Property, Will
from customauth.signing import sign
from gateways import ALLOW, Keys, StartGateway, allow, connect, named, signed

GRANT = Grant(
    authorizer="auth",
    signature="signature verified with key1",
    principal_id="tester",
    refresh_after=300,
    disconnect_after=86400,
    why="statement 1 of document 1 allows it",
)
REFUSAL = Refusal(reason=Reason.POLICY, why="no statement allows it", fix="let the policy allow it")


def decision(outcome: Grant | Refusal = GRANT, **changes: Any) -> Decision:
    made = Decision(
        connection_id="id", protocol="MQTT 5", peer="127.0.0.1:9", client_id="dev", outcome=outcome, duration=0.0124
    )
    return evolve(made, **changes)


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
def test_reasons_are_the_codes_of_aws_but_for_the_alpn_which_is_ours() -> None:
    assert {reason.value for reason in Reason} - {"ALPN_MISUSED"} == {
        "CUSTOM_AUTHORIZER_NOT_FOUND",
        "CUSTOM_AUTHORIZER_PARAMETER_INVALID",
        "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR",
        "NOT_AUTHENTICATED",
        "AUTHORIZATION_FAILURE",
        "SNI_MISUSED",
        "CLIENT_ERROR",
    }


def test_no_line_holds_a_secret_and_every_refusal_says_what_to_change(
    keys: Keys, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    token, password = "s3cret token/value", "hunter2 pass+word"
    signature = sign(token, keys.old.private_pem)
    good = signed(keys.old, token)
    usernames = [
        good,
        signed(keys.stranger, token),
        good.replace("&token=", "&tocken="),
        good.replace("=signed", "=open"),
        good.replace("=signed", "=asleep"),
        good.replace("=signed", "=no\nbody\x1b[2J"),
        good.replace("=signed", "="),
        good.replace("?", "#"),
        good.replace("signature=", "signatur="),
        f"{named('signed')}&token={token}",
        f"{named('signed')}&{signature}&{token}",
        f"{named('signed')}&x-amz-customauthorizer-signature={quote(signature)}",
    ]
    packets = [connect(username, version=version) for username in usernames for version in MqttVersion]
    packets += [
        connect(good, client_id="line\nbreak\u2028\x7f"),
        connect(good, client_id="x" * 129),
        connect(good, client_id="$GEN/mine"),
        connect(good, client_id="", clean_start=False, version=MqttVersion.V311),
        connect(good, will=Will(topic="will\ntopic", payload=b"s3cret", qos=2)),
        connect(good, will=Will(topic="will\ntopic", payload=b"s3cret")),
        connect(good, properties={Property.MAXIMUM_PACKET_SIZE: 511}),
    ]
    answers = [
        ALLOW,
        ALLOW | {"policyDocuments": [allow("client/other")]},
        ALLOW | {"isAuthenticated": False},
        ALLOW | {"principalId": f"p {token}"},
        ALLOW | {"policyDocuments": [allow(f"client/{password}")]},
    ]

    async def main() -> list[Decision]:
        async with start_gateway() as running:
            for answer in answers:
                running.answer(answer)
                for packet in packets:
                    async with running.client() as client:
                        await client.connect(evolve(packet, password=password.encode()))
            async with running.client(alpn=()) as client:
                await client.connect(connect(good))
            async with running.client(sni=None) as client:
                await client.connect(connect(good))
            decided: list[Decision] = running.decisions
            return decided

    with caplog.at_level(logging.DEBUG, logger="customauth"):
        decisions = run(main())
    assert len(decisions) == len(answers) * len(packets) + 2
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("customauth")]
    assert [decision.line() for decision in decisions] == [line for line in logged if line[:5] in ("ALLOW", "DENY ")]
    for line in logged:
        for secret in (token, quote(token), "s3cret", signature[:20], quote(signature)[:20], "hunter2"):
            assert secret not in line
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line
    for decision in decisions:
        for shown in (repr(decision), repr(decision.outcome)):
            assert "s3cret" not in shown
            assert "hunter2" not in shown
        if isinstance(decision.outcome, Refusal):
            assert decision.line().partition("; fix: ")[2]
