"""No record holds a secret: neither what a client sent, nor what a function made of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from aloop import run
from customauth.authorizer import InvalidAnswer, validate_answer
from customauth.gateway import Decision, Reason, Refusal
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.authenticate import _deepest, event_for
from customauth.gateway.origin import HttpRequest
from customauth.gateway.presented import Presented
from customauth.gateway.redaction import masked_event, redacted, secrets_of
from customauth.mqtt import MqttVersion, Property, Will
from customauth.signing import sign
from gateways import ALLOW, Keys, StartGateway, allow, connect, named, signed
from record_samples import GRANT, origin

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
HEADER_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
FORMS: list[Callable[[str], str]] = [
    lambda text: quote(text, safe=""),
    quote,
    lambda text: quote(text, safe="/+=!'()*,;:@$"),
    quote_plus,
]


def strings(found: Any) -> list[str]:
    """Return all texts in JSON, those of its members' names too, and what is JSON in them."""
    match found:
        case str():
            try:
                inner = json.loads(found)
            except (ValueError, RecursionError):
                return [found]
            return [found, *(strings(inner) if isinstance(inner, dict | list | str) else [])]
        case dict():
            return [text for pair in found.items() for item in pair for text in strings(item)]
        case list() | tuple():
            return [text for item in found for text in strings(item)]
    return []


def shown(decision: Decision) -> str:
    """Return everything that a decision can show."""
    record = decision.as_json()
    dumped = json.dumps(record, ensure_ascii=False)
    return "\n".join([decision.line(), repr(decision), dumped, json.dumps(record), *strings(json.loads(dumped))])


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """Draw an attempt; in the middle of each of its secrets stands the word s3cr3t, whatever is escaped around it."""

    def secret(around: st.SearchStrategy[str] = TEXT) -> str:
        return f"{draw(around)}s3cr3t{draw(around)}"

    form = draw(st.sampled_from(FORMS))
    query = f"{form('sess')}={form(secret())}"
    username = f"user?x-amz-customauthorizer-name=open&token={form(secret())}"
    username += f"&x-amz-customauthorizer-signature={form(secret())}"
    if draw(st.booleans()):
        # All in the query, in place of the user name.
        query, username = f"{query}&{username[5:]}", "user"
    http = HttpRequest(
        method="GET",
        path="/mqtt",
        query=query,
        headers={"host": "localhost", "x-mine": secret(HEADER_TEXT), "authorization": f"Bearer {secret(HEADER_TEXT)}"},
    )
    packet = connect(username, password=secret().encode())
    return Attempt(origin=origin(http=http), client_id="device", connect=packet)


def traced(attempt: Attempt) -> tuple[Trace, dict[str, Any]]:
    assert attempt.connect is not None
    presented = Presented.read(attempt.connect.username, attempt.origin.http)
    event = event_for(attempt, presented.token("token"))
    return Trace(presented=presented, event=event), event


@given(
    attempt=attempts(),
    ascii_only=st.booleans(),
    inner=st.booleans(),
    frame=st.sampled_from(["{}", "a'{}\"b", 'x"{}']),
)
def test_what_a_function_quotes_is_masked_in_its_answer_and_in_what_is_said_of_it(
    attempt: Attempt, ascii_only: bool, inner: bool, frame: str
) -> None:
    trace, event = traced(attempt)
    bearer = event["protocolData"]["http"]["headers"]["authorization"].partition(" ")[2]
    quoted = [frame.format(text) for text in [*strings(event), bearer]]
    document: Any = {"Version": "2012-10-17", "Statement": [{"Effect": quoted, "Action": quoted[-1]}]}
    if inner:
        document = json.dumps(document, ensure_ascii=ascii_only)
    answer = {"isAuthenticated": True, "principalId": quoted, "policyDocuments": [document]}
    trace.answer = json.dumps(answer, ensure_ascii=ascii_only)
    whys = [repr(quoted), json.dumps(quoted), " ".join(quoted)]
    for principal in ("p", quoted):
        try:
            validate_answer(json.dumps({**answer, "principalId": principal}, ensure_ascii=ascii_only))
        except InvalidAnswer as error:
            whys.append(_deepest(error))
    for why in whys:
        refusal = Refusal(
            reason=Reason.FUNCTION_FAILED, why=why, fix="mend it", rule="function-error", principal_id=why
        )
        assert "s3cr3t" not in shown(trace.decision(attempt, refusal))
        assert "s3cr3t" not in shown(trace.decision(attempt, evolve(GRANT, principal_id=why, why=why)))


@given(attempt=attempts())
def test_a_masked_event_has_the_shape_of_the_event_and_what_is_harmless(attempt: Attempt) -> None:
    _, event = traced(attempt)
    masked = masked_event(event, secrets_of(attempt.connect, attempt.origin.http))
    assert list(masked) == list(event)
    assert masked["connectionMetadata"] == event["connectionMetadata"]
    assert masked["protocolData"]["mqtt"]["username"].startswith("user")
    assert masked["protocolData"]["http"]["headers"] == {"host": "localhost", "x-mine": "***", "authorization": "***"}
    # The event itself, which the function is asked with, is as it was.
    assert event == traced(attempt)[1]


# Ending in what stands in no record of itself.
PIECE = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?&"), min_size=8, max_size=30
).map(lambda text: f"{text}~zq7")


@given(token=st.lists(PIECE, min_size=1, max_size=4).map("&".join))
def test_a_token_that_is_not_encoded_and_stands_alone_is_masked_in_all_its_pieces(token: str) -> None:
    packet = connect(f"user?{token}&x-amz-customauthorizer-name=open")
    attempt = Attempt(origin=origin(), client_id="device", connect=packet)
    trace, _ = traced(attempt)
    text = shown(
        trace.decision(
            attempt, Refusal(reason=Reason.PARAMETER_INVALID, why="no token", fix="send one", rule="token-missing")
        )
    )
    # A name before a = may be shown as a name.
    pieces = [piece.partition("=") for piece in token.split("&")]
    for name, _, value in pieces:
        if len(value.strip("=")) >= 8:
            assert value not in text
        if not value.strip("=") and len(name) >= 8:
            assert name not in text


def test_a_plus_that_is_read_as_a_space_does_not_hide_a_secret() -> None:
    packet = connect("user?x-amz-customauthorizer-name=open&token=a+s3cr3t+b")
    attempt = Attempt(origin=origin(), client_id="device", connect=packet)
    presented = Presented.read(packet.username, None, plus_is_space=True)
    trace = Trace(presented=presented, answer=json.dumps(presented.token("token")))
    assert "s3cr3t" not in shown(trace.decision(attempt, evolve(GRANT, principal_id="a s3cr3t b")))


def test_short_and_plain_values_do_not_tear_a_line_apart() -> None:
    packet = connect("user?a=1&x-amz-customauthorizer-signature=&token=&SDK=PythonV2&qos=1", password=b"abc")
    http = HttpRequest(method="GET", path="/mqtt", query="qos=1&", headers={"host": "localhost", "x": "1"})
    line = "x-amz-customauthorizer-signature is missing; PythonV2 at localhost: the token (token), abc, 1"
    assert redacted(line, secrets_of(packet, http)) == line


def test_of_too_many_parameters_to_look_for_everything_is_masked() -> None:
    packet = connect("?" + "&".join(f"{number}=s3cr3t{number:04}" for number in range(4000)), client_id="x")
    attempt = Attempt(origin=origin(), client_id="x", connect=packet)
    trace, event = traced(attempt)
    trace.answer = json.dumps(event)
    assert "s3cr3t" not in shown(trace.decision(attempt, evolve(GRANT, why="s3cr3t0001", principal_id="s3cr3t0002")))


# On the wire.


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
        for text in (shown(decision), repr(decision.outcome)):
            for secret in (token, quote(token), "s3cret", signature[:20], quote(signature)[:20], "hunter2"):
                assert secret not in text
        if isinstance(decision.outcome, Refusal):
            assert decision.line().partition("; fix: ")[2]


@pytest.mark.parametrize(
    "quoted",
    [
        "pass%3Fwor%2Fd%3E%3E%3E",
        "pass%3Fwor/d%3E%3E%3E",
        "cGFzcz93b3IvZD4+Pg",
        "cGFzcz93b3IvZD4-Pg==",
        "cGFzcz93b3IvZD4-Pg",
    ],
)
def test_a_password_is_masked_in_the_forms_that_programs_give_it(quoted: str) -> None:
    packet = connect("alice", password=b"pass?wor/d>>>")
    assert redacted(f"a function said {quoted}", secrets_of(packet, None)) == "a function said ***"


def test_what_would_take_too_long_to_look_through_is_masked_wholly() -> None:
    assert redacted("x" * 100_000, [f"secret-{number}" for number in range(1000)]) == "***"
