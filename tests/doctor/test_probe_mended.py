"""A refused login is made once more without what is suspected: what is sent then, and what it tells."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from credential_samples import signatures
from customauth import Endpoint, MqttVersion, Transport, mqtt
from customauth.doctor.examination import Plan, examine
from customauth.doctor.finding import Certainty, Finding, Outcome, Stage
from customauth.doctor.mending import MOST, Mend, mends
from customauth.doctor.parameters import in_username, parameters_of
from customauth.doctor.probe import ProbeResult
from customauth.doctor.probe.packets import connect_bytes
from customauth.doctor.probe.result import Ending, MendTried
from customauth.doctor.setup import Setup
from customauth.doctor.verdict import Judgement, judge
from customauth.request import CredentialsIn
from customauth.testing.mqtt_server import Answers, MqttServer, mqtt_server, usual
from findings import certain, check, likely, possible
from lint_samples import NAME, SIGNATURE, look, raw_setup
from probing import Seen, probed, setup_for

V5, V311 = MqttVersion.V5, MqttVersion.V311
WORDS = base64.b64encode(b"looking glass")
FORM = "A" * 342
"""What follows + and / in a signature of 258 bytes."""
JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwdW1wLTcifQ.-_{FORM[2:]}"


# What is sent


def found(setup: Setup) -> list[Finding]:
    """Return what lint finds."""
    return [finding for check in look(setup) for finding in check.findings]


def sent(mend: Mend) -> tuple[str | None, bytes | None]:
    return mend.setup.username, mend.setup.password


USERNAMES = [
    (f"a?{NAME}=A&token=t&{SIGNATURE}=+/{FORM}", f"a?{NAME}=A&token=t&{SIGNATURE}=%2B%2F{FORM}", "signature-unencoded"),
    ("a?token=x?SDK=Mine&Version=1", "a?token=x&SDK=Mine&Version=1", "double-question-mark"),
    (f"?x-amz-custom-authorizer-name=A&{SIGNATURE}=s&t=1", f"?{NAME}=A&{SIGNATURE}=s&t=1", "parameter-name-misspelt"),
    (f"a?{NAME}=arn:aws:iot:r:1:authorizer/A&SDK=x", f"a?{NAME}=A&SDK=x", "authorizer-name-invalid"),
    (f"a?{NAME}=A%20", f"a?{NAME}=A", "authorizer-name-invalid"),
    (f"?{NAME}=A&token=t%0A&SDK=x", f"?{NAME}=A&token=t&SDK=x", "token-newline"),
    (f"?{NAME}=A&token=a%2520b", f"?{NAME}=A&token=a%20b", "token-double-encoded"),
    (f"?token=100%&{NAME}=A", f"?token=100%25&{NAME}=A", "token-unencoded"),
    (f"?token=a+b&{NAME}=A&other=1", f"?token=a%2Bb&{NAME}=A&other=1", "token-unencoded"),
    (f"?token=a&b&c=1&{NAME}=A&d", f"?token=a%26b%26c=1&{NAME}=A&d", "token-unencoded"),
    (f"?token={JWT}", f"?token={JWT.rpartition('.')[0]}&{SIGNATURE}=%2B%2F{FORM[2:]}%3D%3D", "jwt-whole-as-token"),
]


@pytest.mark.parametrize(("username", "mended", "rule"), USERNAMES, ids=[each[2] for each in USERNAMES])
def test_only_what_is_suspected_of_a_user_name_is_sent_in_another_way(username: str, mended: str, rule: str) -> None:
    setup = raw_setup(username, password=b"as it is", client_id="pump-7")
    suspected = [each for each in found(setup) if each.rule == rule]
    (mend,) = mends(setup, suspected)
    assert (mend.rules, sent(mend)) == ((rule,), (mended, b"as it is"))
    same = evolve(mend.setup, username=setup.username, user=setup.user, parts=setup.parts)
    assert same == setup


def test_a_password_is_sent_as_what_it_is_the_base64_of() -> None:
    setup = raw_setup("alice", password=WORDS)
    (mend,) = mends(setup, found(setup))
    assert (mend.rules, sent(mend)) == (("password-encoding",), ("alice", b"looking glass"))


def test_a_token_is_sent_under_the_name_that_the_authorizer_expects() -> None:
    setup = raw_setup(f"?{NAME}=A&other=1&Token=t", expected_token_key_name="token")
    setup = evolve(setup, parts=evolve(setup.parts, token_key_name="Token"))
    (mend,) = mends(setup, [likely("token-key-name-mismatch")])
    assert mend.setup.username == f"?{NAME}=A&other=1&token=t"


@pytest.mark.fact("A14")
def test_a_raw_plus_in_a_query_is_mended_there() -> None:
    query = f"token=t&{SIGNATURE}=+/{FORM}&a=%20"
    setup = evolve(raw_setup("alice"), credentials_in=CredentialsIn.QUERY, query=query)
    setup = evolve(setup, parts=evolve(setup.parts, signature=f" /{FORM}"))
    (mend,) = mends(setup, [likely("signature-unencoded")])
    assert (mend.setup.query, mend.setup.username) == (f"token=t&{SIGNATURE}=%2B%2F{FORM}&a=%20", "alice")


@pytest.mark.fact("A26")
def test_a_signature_in_a_header_is_sent_not_encoded() -> None:
    setup = evolve(raw_setup("alice"), headers={"token": "t", SIGNATURE: "%2B%2F"})
    setup = evolve(setup, parts=evolve(setup.parts, signature="%2B%2F"))
    (mend,) = mends(setup, [likely("signature-in-header-encoded")])
    assert mend.setup.headers == {"token": "t", SIGNATURE: "+/"}


def test_a_question_mark_in_the_user_part_is_left_alone() -> None:
    setup = raw_setup(f"what?ever?{NAME}=A")
    assert [each.rule for each in found(setup)] == ["double-question-mark"]
    assert mends(setup, found(setup)) == ()


def test_with_something_certain_nothing_is_tried() -> None:
    setup = raw_setup("alice", password=WORDS)
    assert len(mends(setup, [possible("password-encoding"), certain("keep-alive-out-of-range")])) == 1
    assert len(mends(setup, [possible("password-encoding"), certain("policy-subscribe")])) == 1
    assert mends(setup, [possible("password-encoding"), certain("token-missing")]) == ()


def test_two_are_mended_each_alone_and_then_together() -> None:
    setup = raw_setup(f"?{NAME}=A&token=t&{SIGNATURE}=+/{FORM}", password=WORDS)
    mended = f"?{NAME}=A&token=t&{SIGNATURE}=%2B%2F{FORM}"
    tried = mends(setup, found(setup))
    assert [each.rules for each in tried] == [
        ("signature-unencoded",),
        ("password-encoding",),
        ("signature-unencoded", "password-encoding"),
    ]
    assert [sent(each) for each in tried] == [
        (mended, WORDS),
        (setup.username, b"looking glass"),
        (mended, b"looking glass"),
    ]


def test_there_are_three_at_most() -> None:
    setup = raw_setup(f"?{NAME}=A%20&token=a+b%0A&{SIGNATURE}=+/{FORM}", password=WORDS)
    assert len({each.rule for each in found(setup)}) > MOST
    assert [len(each.rules) for each in mends(setup, found(setup))] == [1] * MOST


pieces = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0?&"), max_size=20)


@given(
    signatures().filter(lambda text: "+" in text),
    st.lists(pieces.map(lambda text: f"p{text}"), max_size=3),
    st.lists(pieces.map(lambda text: f"q{text}"), max_size=3),
)
def test_a_mended_signature_is_read_as_before_and_all_else_travels_as_it_did(
    signature: str, before: list[str], after: list[str]
) -> None:
    setup = raw_setup("alice?" + "&".join([*before, f"{SIGNATURE}={signature}", *after]))
    (mend,) = mends(setup, [possible("signature-unencoded")])
    assert mend.setup.parts == setup.parts
    assert [each.value for each in parameters_of(mend.setup)] == [each.value for each in parameters_of(setup)]
    read = in_username(mend.setup.username or "")
    for old, new in zip(parameters_of(setup), read, strict=True):
        assert (new.raw_value == old.raw_value) == (new.name != SIGNATURE)
    assert "+" not in next(each.raw_value for each in read if each.name == SIGNATURE)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.binary(max_size=40))
def test_whatever_is_sent_it_can_be_mended_or_left(username: str, password: bytes) -> None:
    setup = raw_setup(f"alice?{username}", password=password, client_id="pump-7")
    every = [likely(rule, parameter="token", meant=NAME) for rule in sorted({each[2] for each in USERNAMES})]
    for mend in mends(setup, [*every, *found(setup)]):
        assert sent(mend) != (setup.username, setup.password)
        connect_bytes(mend.setup, V5)


# What it tells


def letting_in(lets_in: Callable[[mqtt.Connect], bool], code: int = 0x87) -> Answers:
    """Return a server's answers that refuse as AWS does: MQTT 5 with a code, MQTT 3.1.1 by closing (F1, F3)."""

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet]:
        if not isinstance(packet, mqtt.Connect) or lets_in(packet):
            return usual(packet, version)
        if version is V5:
            return [mqtt.Connack(session_present=False, reason_code=code)]
        return hang_up(packet, version)

    return answers


def hang_up(packet: mqtt.Packet, version: MqttVersion) -> NoReturn:
    """End the connection in place of an answer."""
    raise ConnectionAbortedError


def suspicious(server: MqttServer, **more: Any) -> Setup:
    """Return a set-up with a raw + in its signature and a password that is base64."""
    username = f"alice?{NAME}=A&token=t&{SIGNATURE}=+/{FORM}"
    setup = raw_setup(username, password=WORDS, client_id="device")
    return evolve(setup, **({"endpoint": server.endpoint, "timeout": 20.0} | more))


def tried(
    lets_in: Callable[[mqtt.Connect], bool], *, code: int = 0x87, **more: Any
) -> tuple[Seen, list[tuple[bool, bool, MqttVersion]]]:
    """Probe, and return what the server saw: of each CONNECT whether signature and password were mended."""

    async def main() -> tuple[Seen, list[tuple[bool, bool, MqttVersion]]]:
        async with mqtt_server(letting_in(lets_in, code)) as server:
            setup = suspicious(server, **more)
            seen = await probed(setup, mends=mends(setup, found(setup)))
            return seen, [(encoded(each), decoded(each), each.version) for each in server.connects()]

    return asyncio.run(main())


def encoded(packet: mqtt.Connect) -> bool:
    return "%2B" in (packet.username or "")


def decoded(packet: mqtt.Connect) -> bool:
    return packet.password == b"looking glass"


def nobody(_: mqtt.Connect) -> bool:
    return False


def test_what_is_accepted_once_mended_is_certain_and_nothing_more_is_tried() -> None:
    seen, came = tried(encoded)
    # Last its own once more, which shows that the refusal has not passed by itself.
    assert came == [(False, False, V5), (True, False, V5), (False, False, V5)]
    finding = seen.finding("signature-unencoded")
    assert (finding.certainty, "0x87" in finding.evidence, "accepted" in finding.evidence) == (
        Certainty.CERTAIN,
        True,
        True,
    )
    assert seen.check("CONNECT with the signature percent-encoded").outcome is Outcome.PASSED
    how = "the signature percent-encoded"
    assert seen.result.mends == [MendTried(rules=("signature-unencoded",), how=how, accepted=True)]
    # Nothing of it is about the device's own credentials.
    assert [attempt.ending for attempt in seen.result.attempts] == [Ending.REFUSED]
    assert (seen.result.connected, seen.result.accepted) == (False, False)


def test_what_is_refused_all_the_same_gives_nothing_away() -> None:
    seen, came = tried(nobody)
    assert came == [(False, False, V5), (True, False, V5), (False, True, V5), (True, True, V5)]
    assert seen.rules() == ["not-authorized"]
    assert [each.accepted for each in seen.result.mends] == [False] * 3
    # It stops nobody: the device's own way is what counts.
    assert [each.outcome for each in seen.checks if " with the " in each.name] == [Outcome.WARNED] * 3


def test_what_is_accepted_only_together_is_certain_of_both() -> None:
    seen, _ = tried(lambda packet: encoded(packet) and decoded(packet))
    assert seen.rules() == ["not-authorized", "signature-unencoded", "password-encoding"]
    assert {each.certainty for each in seen.findings()[1:]} == {Certainty.CERTAIN}


@pytest.mark.fact("F3")
def test_a_device_of_mqtt_311_is_examined_with_mqtt_5_which_is_given_an_answer() -> None:
    seen, came = tried(decoded, version=V311)
    own = (False, False, V5)
    assert came == [own, (False, False, V311), (True, False, V5), (False, True, V5), own]
    assert seen.finding("password-encoding").certainty is Certainty.CERTAIN


@pytest.mark.fact("E37")
def test_a_session_that_is_kept_is_left_to_the_version_that_keeps_it() -> None:
    seen, came = tried(decoded, version=V311, clean_start=False)
    own = (False, False, V311)
    assert came == [own, (False, False, V5), (True, False, V311), (False, True, V311), own]
    assert [each.accepted for each in seen.result.mends] == [False, True]


@pytest.mark.parametrize("code", [0x85, 0x88, 0x97])
def test_a_refusal_that_has_a_reason_is_not_followed_by_other_credentials(code: int) -> None:
    seen, came = tried(nobody, code=code)
    assert {each[:2] for each in came} == {(False, False)}
    assert seen.result.mends == []


def test_a_server_that_closes_on_everything_gets_no_other_credentials() -> None:
    async def main() -> None:
        async with mqtt_server(hang_up) as server:
            for version in (V5, V311):
                setup = suspicious(server, version=version)
                seen = await probed(setup, mends=mends(setup, found(setup)))
                assert seen.result.mends == []

    asyncio.run(main())


def test_an_accepted_login_is_not_followed_by_other_credentials() -> None:
    for version in (V5, V311):
        seen, came = tried(lambda packet: True, version=version)
        assert {each[:2] for each in came} == {(False, False)}
        assert (seen.rules(), seen.result.mends) == ([], [])


def test_a_version_that_is_refused_beside_the_device_s_own_is_not_followed_by_other_credentials() -> None:
    seen, came = tried(lambda packet: packet.version is V311, version=V311)
    assert came == [(False, False, V5), (False, False, V311)]
    assert seen.result.connected is True


def test_an_end_that_judges_no_login_tells_nothing_of_the_mend() -> None:
    seen = saying_in_turn(0x87, 0x97, 0x88, 0x87)
    assert [each.accepted for each in seen.result.mends] == [None, None, False]


def saying_in_turn(*codes: int) -> Seen:
    """Probe a server that answers one CONNECT after the other with these codes."""
    said = iter(codes)

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet]:
        if isinstance(packet, mqtt.Connect):
            return [mqtt.Connack(session_present=False, reason_code=next(said))]
        return usual(packet, version)

    async def main() -> Seen:
        async with mqtt_server(answers) as server:
            setup = suspicious(server)
            return await probed(setup, mends=mends(setup, found(setup)))

    return asyncio.run(main())


def test_a_refusal_that_passes_by_itself_is_not_laid_to_what_was_mended() -> None:
    seen = saying_in_turn(0x87, 0, 0)
    assert seen.rules() == ["not-authorized"]
    assert [each.accepted for each in seen.result.mends] == [None]
    assert "passed by itself" in seen.check("CONNECT as it is, once more").detail
    assert (seen.result.connected, seen.result.accepted) == (False, True)
    setup = setup_for(Endpoint(host="iot.example.com"))
    verdict = judge(setup, [check(Stage.LINT, possible("signature-unencoded")), *seen.checks], seen.result)
    assert (verdict.judgement, verdict.causes) == (Judgement.CANNOT_TELL, ())


def test_a_mend_that_could_not_be_compared_is_only_likely() -> None:
    seen = saying_in_turn(0x87, 0, 0x88)
    assert seen.finding("signature-unencoded").certainty is Certainty.LIKELY
    assert [each.accepted for each in seen.result.mends] == [None]


def test_a_query_is_mended_in_the_request_of_the_websocket() -> None:
    async def main() -> None:
        async with mqtt_server(letting_in(nobody)) as server:
            setup = setup_for(
                evolve(server.endpoint, transport=Transport.WSS), alpn=(), username=None, query=f"{SIGNATURE}=+/{FORM}"
            )
            setup = evolve(setup, parts=evolve(setup.parts, signature=f" /{FORM}"))
            await probed(setup, mends=mends(setup, [likely("signature-unencoded")]))
            assert f"{SIGNATURE}=%2B%2F{FORM}" in (server.peers[-1].target or "")

    asyncio.run(main())


def test_no_secret_is_shown_of_what_is_mended() -> None:
    said = f"neither {WORDS.decode()} nor looking glass nor +/{FORM} nor %2B%2F{FORM}"

    def answers(packet: mqtt.Packet, version: MqttVersion) -> list[mqtt.Packet]:
        told: mqtt.Properties = {mqtt.Property.REASON_STRING: said}
        return [mqtt.Connack(session_present=False, reason_code=0x87, properties=told)]

    async def main() -> None:
        async with mqtt_server(answers) as server:
            setup = suspicious(server)
            seen = await probed(setup, mends=mends(setup, found(setup)))
            assert (
                "neither *** nor *** nor *** nor ***"
                in seen.check("CONNECT with the password decoded from base64").detail
            )
            shown = seen.text() + repr(mends(setup, found(setup)))
            for secret in (WORDS.decode(), "looking glass", FORM):
                assert secret not in shown

    asyncio.run(main())


def test_an_examination_tries_what_its_own_lint_suspects() -> None:
    async def main() -> None:
        async with mqtt_server(letting_in(encoded)) as server:
            result = ProbeResult()
            setup = suspicious(server, client_id="")
            checks = [check async for check in examine(setup, Plan(result=result))]
            told = [finding for check in checks if check.stage is Stage.PROBE for finding in check.findings]
            assert [each.rule for each in told] == ["not-authorized", "signature-unencoded"]
            before = len(server.connects())
            assert [check async for check in examine(setup, Plan(result=None))]
            assert len(server.connects()) == before

    asyncio.run(main())
