"""Who decides, what is verified, what the function sees; mostly without a network."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from aloop import run
from customauth import CustomAuth, SignedToken
from customauth.gateway import Authorizer, Grant, Reason, Refusal
from customauth.gateway.authenticate import Attempt, Authenticator, Proof, check_signature, choose_authorizer
from customauth.gateway.config import GatewayConfig
from customauth.gateway.presented import Presented
from customauth.mqtt import Connect, MqttVersion
from customauth.signing import KeyPair, generate_key_pair, load_public_key, sign
from gateways import ALLOW, RECORDING, TOKEN, Keys, StartGateway, allow, connect, named, signed

Decide = Callable[..., Grant | Refusal]

# For the property tests, which cannot take it from a fixture of function scope.
PAIR = generate_key_pair()


@pytest.fixture
def signing(keys: Keys) -> Authorizer:
    """Give a signed authorizer with two keys; its function is never run."""
    return signed_authorizer(keys.old, keys.new)


@pytest.fixture
def decide(tmp_path: Path) -> Decide:
    """Give a function that decides over one CONNECT with the authorizer ``open``, whose answer or source is given."""

    def decide_once(packet: Connect, *, answer: object = ALLOW, function: str = RECORDING) -> Grant | Refusal:
        file = tmp_path / "authorizer.py"
        file.write_text(function)
        (tmp_path / "answer.json").write_text(json.dumps(answer))
        authorizer = Authorizer(name="open", active=True, file=file, handler="handler", signing_disabled=True)
        config = GatewayConfig(authorizers={"open": authorizer}, default_authorizer="open")

        async def main() -> Grant | Refusal:
            authenticator = Authenticator(config)
            try:
                return await authenticator.decide(
                    Attempt(connection_id="id", client_id=packet.client_id, server_name="localhost", connect=packet)
                )
            finally:
                await authenticator.aclose()

        return run(main())

    return decide_once


def signed_authorizer(*pairs: KeyPair, token_key_name: str = "token") -> Authorizer:
    return Authorizer(
        name="signed",
        active=True,
        file=Path("never-run.py"),
        handler="handler",
        token_key_name=token_key_name,
        public_keys={f"key{number}": load_public_key(pair.public_pem) for number, pair in enumerate(pairs, 1)},
    )


def presented_token(authorizer: Authorizer, username: str) -> str | None:
    proof = check_signature(authorizer, Presented.from_username(username))
    return proof.token if isinstance(proof, Proof) else None


# The parameters of a user name.


@pytest.mark.fact("A1", "A2", "A3", "A4", "A5", "A7", "A17", "J1", "J9")
@pytest.mark.parametrize(
    ("username", "name"),
    [
        ("?x-amz-customauthorizer-name=auth", "auth"),
        ("alice?x-amz-customauthorizer-name=auth", "auth"),
        ("alice?X-Amz-CustomAuthorizer-Name=auth", "auth"),
        ("alice?x-amz-customauthorizer-name=a%3Db", "a=b"),
        ("alice?x-amz-customauthorizer-name=a=b", "a=b"),
        ("alice?x-amz-customauthorizer-name=auth&SDK=IoTDeviceSDK/Python&Metadata=(CRTVersion=1;X=2)", "auth"),
        ("alice?SDK=PythonV2&Version=1.21&x-amz-customauthorizer-name=auth", "auth"),
        ("al?ice?x-amz-customauthorizer-name=auth", "auth"),
        ("alice?x-amz-customauthorizer-name=auth?SDK=PythonV2", None),
        ("alice?x-amz-customauthorizer-name=one&x-amz-customauthorizer-name=two", "one"),
        ("alice?&&x-amz-customauthorizer-name=auth&", "auth"),
        ("alice?x-amz-customauthorizer-name=", None),
        ("alice?x-amz-customauthorizer-name", None),
        ("alice?", None),
        ("?", None),
        ("alice", None),
        ("", None),
        (None, None),
    ],
)
def test_the_authorizer_name_is_found_where_aws_finds_it(username: str | None, name: str | None) -> None:
    assert Presented.from_username(username).authorizer_name == name


@pytest.mark.fact("A8", "A9", "A10", "A11", "A12", "A14", "A15", "I1", "J2")
def test_token_and_signature_are_percent_decoded_once(signing: Authorizer, keys: Keys) -> None:
    token = "a+b c/d=%41"
    signature = sign(token, keys.old.private_pem)
    raw_slash, whole = quote(signature), quote(signature, safe="")
    lower_case = re.sub("%..", lambda escape: escape[0].lower(), whole)
    sent = token.replace("%", "%25")
    for form in (whole, raw_slash, lower_case, signature):
        for encoded in (quote(token, safe=""), sent, f"{sent}&token=other"):
            username = f"?x-amz-customauthorizer-signature={form}&token={encoded}"
            assert presented_token(signing, username) == token


@pytest.mark.fact("A6", "A7", "A13", "A16", "A17", "I2")
def test_order_case_and_strangers_among_the_parameters_do_not_matter(signing: Authorizer, keys: Keys) -> None:
    signature = f"X-AMZ-CustomAuthorizer-Signature={quote(sign('t', keys.new.private_pem), safe='')}"
    for username in (
        f"?{signature}&token=t",
        f"?token=t&{signature}",
        f"u?token=t&x-amz-customauthorizer-name=signed&{signature}&SDK=JavaScript&Version=2",
        f"u?SDK=PythonV2&token=t&Token=other&{signature}&{signature}x&token=other",
    ):
        assert presented_token(signing, username) == "t", username


@pytest.mark.fact("A17")
def test_a_token_key_name_that_looks_like_aws_own_is_compared_exactly(keys: Keys) -> None:
    authorizer = signed_authorizer(keys.old, token_key_name="x-amz-Token")
    username = signed(keys.old)
    assert presented_token(authorizer, username.replace("&token=", "&x-amz-Token=")) == TOKEN
    assert presented_token(authorizer, username.replace("&token=", "&x-amz-token=")) is None


@pytest.mark.fact("A1", "A15", "A18", "B17")
@given(
    token=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50),
    key_name=st.from_regex(r"(?!SDK|x-)[a-zA-Z0-9_-]{1,20}", fullmatch=True),
    user=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="?\0"), max_size=20),
)
def test_what_the_client_side_writes_is_read_back(token: str, key_name: str, user: str) -> None:
    signed_token = SignedToken(key_name=key_name, value=token, signature=sign(token, PAIR.private_pem))
    username = CustomAuth(authorizer="signed", username=user, token=signed_token).mqtt_username()
    presented = Presented.from_username(username)
    assert presented.authorizer_name == "signed"
    proof = check_signature(signed_authorizer(PAIR, token_key_name=key_name), presented)
    assert isinstance(proof, Proof)
    assert proof.token == token


@given(st.text())
def test_no_user_name_breaks_the_check(username: str) -> None:
    assert presented_token(signed_authorizer(PAIR), username) is None


# The signature.


@pytest.mark.fact("B19")
def test_each_of_two_keys_verifies_and_no_other(signing: Authorizer, keys: Keys) -> None:
    assert presented_token(signing, signed(keys.old)) == TOKEN
    assert presented_token(signing, signed(keys.new)) == TOKEN
    assert presented_token(signing, signed(keys.stranger)) is None


@pytest.mark.fact("B17")
@pytest.mark.parametrize("sent", ["", TOKEN[:-1], f"{TOKEN}\n", f"{TOKEN} ", TOKEN.upper()])
def test_a_signature_is_of_exactly_one_token(sent: str, signing: Authorizer, keys: Keys) -> None:
    assert presented_token(signing, signed(keys.old, sent=quote(sent, safe=""))) is None


@pytest.mark.fact("A21")
def test_token_and_signature_have_a_longest_length(signing: Authorizer, keys: Keys) -> None:
    longest = "t" * 6144
    assert presented_token(signing, signed(keys.old, longest)) == longest
    for username in (
        signed(keys.old, f"{longest}t"),
        signed(keys.old).replace("signature=", f"signature={'A' * 2560}"),
    ):
        refusal = check_signature(signing, Presented.from_username(username))
        assert isinstance(refusal, Refusal)
        assert "too long" in refusal.why


@pytest.mark.fact("F8", "C35")
@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        ("token=t", "x-amz-customauthorizer-signature"),
        ("token=t&x-amz-customauthorizer-signature=", "x-amz-customauthorizer-signature"),
        ("x-amz-customauthorizer-signature=AAAA", "the token (token)"),
        ("token=&x-amz-customauthorizer-signature=AAAA", "the token (token)"),
        ("", "the token (token)"),
    ],
)
def test_the_refusal_names_what_is_missing(parameters: str, missing: str, signing: Authorizer) -> None:
    refusal = check_signature(signing, Presented.from_username(f"?{parameters}"))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.PARAMETER_INVALID
    assert refusal.why.startswith(f"{missing} is missing or empty")


@pytest.mark.fact("B21")
def test_without_signing_nothing_is_verified(signing: Authorizer, keys: Keys) -> None:
    unsigned = evolve(signing, signing_disabled=True, public_keys={})
    for username in (signed(keys.old), signed(keys.stranger), "alice"):
        proof = check_signature(unsigned, Presented.from_username(username))
        assert isinstance(proof, Proof)
        assert proof.token is None


# The authorizer.


@pytest.mark.fact("A60", "B9", "C35")
@pytest.mark.parametrize(
    ("username", "default", "chosen"),
    [
        (named("signed"), None, "signed"),
        (named("signed"), "asleep", "signed"),
        ("alice", "signed", "signed"),
        ("alice", None, "named no authorizer"),
        ("alice", "asleep", "asleep is INACTIVE"),
        (named("asleep"), "signed", "asleep is INACTIVE"),
        (named("nobody"), "signed", "no authorizer 'nobody'"),
        (named("Signed"), None, "no authorizer 'Signed'"),
    ],
)
def test_a_named_authorizer_comes_before_the_default(
    username: str, default: str | None, chosen: str, signing: Authorizer
) -> None:
    asleep = evolve(signing, name="asleep", active=False)
    config = GatewayConfig(authorizers={"signed": signing, "asleep": asleep}, default_authorizer=default)
    found = choose_authorizer(config, Presented.from_username(username))
    if isinstance(found, Refusal):
        assert found.reason is Reason.NOT_FOUND
        assert chosen in found.why
        assert found.fix
    else:
        assert found.name == chosen


# The event.


@pytest.mark.fact("C1", "C2", "C3", "C4", "C5", "C9", "C14", "A7", "A15", "A18", "A19", "A39", "A47")
@pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
def test_the_function_sees_a_signed_connect_as_at_aws(
    version: MqttVersion, keys: Keys, start_gateway: StartGateway
) -> None:
    username = signed(keys.new, "50% off", sent="50%25%20off").replace("?", "bob?") + "&SDK=PythonV2&Version=1.21"

    async def main() -> None:
        async with start_gateway() as running, running.client(sni="OTHER.example") as client:
            packet = connect(username, version=version, client_id="dév", password=b"\x00\xffpass")
            assert await client.connect(packet)
            (event,) = running.events()
            connection_id = running.decisions[0].connection_id
            assert str(uuid.UUID(connection_id)) == connection_id
            assert event == json.dumps(
                {
                    "protocolData": {
                        "tls": {"serverName": "OTHER.example"},
                        "mqtt": {"username": username, "password": "AP9wYXNz", "clientId": "dév"},
                    },
                    "protocols": ["tls", "mqtt"],
                    "token": "50% off",
                    "signatureVerified": True,
                    "connectionMetadata": {"id": connection_id},
                }
            )

    run(main())


@pytest.mark.fact("B21", "C3", "A18")
def test_without_signing_the_event_has_no_token(keys: Keys, start_gateway: StartGateway) -> None:
    username = signed(keys.old).replace("=signed", "=open")

    async def main() -> None:
        async with start_gateway() as running, running.client() as client:
            await client.connect(connect(username))
            event = json.loads(running.events()[0])
            assert list(event) == ["protocolData", "protocols", "signatureVerified", "connectionMetadata"]
            assert event["signatureVerified"] is False
            assert event["protocolData"]["mqtt"]["username"] == username

    run(main())


@pytest.mark.fact("A20", "C12", "C5")
def test_what_the_client_does_not_send_is_not_in_the_event(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(settings='default_authorizer = "open"') as running:
            for packet, mqtt in (
                (connect(client_id=""), {}),
                (connect(client_id="c"), {"clientId": "c"}),
                (connect("", client_id="c"), {"username": "", "clientId": "c"}),
                (connect("u", client_id="", password=b""), {"username": "u", "password": ""}),
                (connect(client_id="c", password=b"p"), {"password": "cA==", "clientId": "c"}),
            ):
                async with running.client() as client:
                    assert await client.connect(packet)
                event = json.loads(running.events()[-1])
                assert event["protocolData"] == {"tls": {"serverName": "localhost"}, "mqtt": mqtt}

    run(main())


@pytest.mark.fact("C4")
def test_every_connection_has_an_id_of_its_own(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            for _ in range(2):
                async with running.client() as client:
                    await client.connect(connect(named("open")))
            first, second = (json.loads(event)["connectionMetadata"] for event in running.events())
            assert list(first) == ["id"]
            assert first != second

    run(main())


# The answer.


@pytest.mark.fact("C15", "C16", "C39")
def test_a_grant_holds_what_the_function_granted(decide: Decide) -> None:
    grant = decide(connect(), answer=ALLOW | {"refreshAfterInSeconds": 301})
    assert isinstance(grant, Grant)
    assert (grant.principal_id, grant.refresh_after, grant.disconnect_after) == ("tester", 301, 86400)
    assert (grant.authorizer, grant.signature) == ("open", "signing disabled")
    assert "iot:Connect" in grant.why


@pytest.mark.parametrize("condition", [{}, {"StringEquals": {"iot:ClientId": "device"}}])
def test_a_policy_that_cannot_be_decided_over_refuses(condition: object, decide: Decide) -> None:
    document = allow("*")
    document["Statement"][0]["Condition"] = condition
    refusal = decide(connect(), answer=ALLOW | {"policyDocuments": [document]})
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.FUNCTION_FAILED
    assert "conditions are not supported yet" in refusal.why


@pytest.mark.parametrize(
    "function",
    [
        # A published mistake: the whole user name, token and signature included, as the principal.
        "principal, resource = mqtt['username'], '*'",
        "principal, resource = mqtt['password'], '*'",
        "principal, resource = base64.b64decode(mqtt['password']).decode(), '*'",
        "principal, resource = 'p', arn + mqtt['username']",
        "principal, resource = 'p', arn + parse.unquote(mqtt['username'])",
        "principal, resource = 'p', mqtt['username']",
        "principal, resource = {'u': mqtt['username']}, '*'",
        "raise ValueError(event)",
        "print(event); return event",
    ],
)
def test_a_function_that_quotes_the_secrets_does_not_bring_them_into_the_log(function: str, decide: Decide) -> None:
    source = f"""
import base64
from urllib import parse
def handler(event, context):
    mqtt = event["protocolData"]["mqtt"]
    arn = "arn:aws:iot:us-east-1:123456789012:client/"
    {function}
    statement = {{"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}}
    document = {{"Version": "2012-10-17", "Statement": statement}}
    return {{"isAuthenticated": True, "principalId": principal, "policyDocuments": [document]}}
"""
    secrets = ('s"cr\\t', "s%22cr%5Ct", "c2lnbmF0dXJl", "pass-wörd", "cGFzcy13w7ZyZA==")
    username = "alice?token=s%22cr%5Ct&x-amz-customauthorizer-signature=c2lnbmF0dXJl"
    refusal = decide(connect(username, password="pass-wörd".encode()), function=source)
    assert isinstance(refusal, Refusal)
    assert not [secret for secret in secrets if secret in refusal.why or secret in refusal.fix], refusal


@pytest.mark.parametrize("member", ["token", "password"])
def test_a_secret_that_is_returned_as_the_principal_is_masked(
    member: str, keys: Keys, start_gateway: StartGateway
) -> None:
    expression = {
        "token": 'event["token"]',
        "password": 'base64.b64decode(event["protocolData"]["mqtt"]["password"]).decode()',
    }
    function = f"""
import base64

def handler(event, context):
    return {ALLOW!r} | {{"principalId": {expression[member]}}}
"""

    async def main() -> None:
        async with start_gateway(function=function) as running, running.client() as client:
            assert await client.connect(connect(signed(keys.old, "s3cretToken"), password=b"hunter2Password"))
            (line,) = running.lines()
            assert "ALLOW" in line
            assert ", principal ***, " in line

    run(main())


# What the function prints.

PRINTING = f"""
def handler(event, context):
    print("asked\\x1b[2J")
    if event["protocolData"]["mqtt"]["clientId"] == "bad":
        raise RuntimeError("its own words")
    return {ALLOW!r}
"""


@pytest.fixture
def shown(tmp_path: Path) -> Callable[..., tuple[Grant | Refusal, list[tuple[str, str]]]]:
    """Give a function that decides over one CONNECT, and returns what was shown of the function's output as well."""

    def decide_once(client_id: str, *, function: str = PRINTING) -> tuple[Grant | Refusal, list[tuple[str, str]]]:
        file = tmp_path / "authorizer.py"
        file.write_text(function)
        authorizer = Authorizer(name="open", active=True, file=file, handler="handler", signing_disabled=True)
        config = GatewayConfig(authorizers={"open": authorizer}, default_authorizer="open")
        output: list[tuple[str, str]] = []

        async def main() -> Grant | Refusal:
            authenticator = Authenticator(config, on_function_output=lambda *heard: output.append(heard))
            packet = connect(client_id=client_id)
            try:
                return await authenticator.decide(
                    Attempt(connection_id="id", client_id=client_id, server_name="localhost", connect=packet)
                )
            finally:
                await authenticator.aclose()

        return run(main()), output

    return decide_once


def test_what_a_function_prints_is_handed_over(
    shown: Callable[..., tuple[Grant | Refusal, list[tuple[str, str]]]],
) -> None:
    outcome, output = shown("good")
    assert isinstance(outcome, Grant)
    assert output == [("open", "asked\x1b[2J\n")]


def test_a_function_that_raises_hands_over_its_traceback_and_is_to_be_mended(
    shown: Callable[..., tuple[Grant | Refusal, list[tuple[str, str]]]],
) -> None:
    outcome, ((name, text),) = shown("bad")
    assert isinstance(outcome, Refusal)
    assert "its own words" not in outcome.why
    assert outcome.fix == "mend the function; `customauth gateway --show-function-output` shows its output"
    assert name == "open"
    assert text.startswith("asked\x1b[2J\nTraceback ")
    assert text.endswith("RuntimeError: its own words\n")


def test_a_function_that_prints_nothing_hands_nothing_over(
    shown: Callable[..., tuple[Grant | Refusal, list[tuple[str, str]]]],
) -> None:
    outcome, output = shown("good", function=f"def handler(event, context):\n    return {ALLOW!r}\n")
    assert isinstance(outcome, Grant)
    assert output == []


def test_a_function_that_does_not_answer_is_to_be_made_faster(decide: Decide) -> None:
    outcome = decide(connect(), function="import time\ndef handler(event, context):\n    time.sleep(60)\n")
    assert isinstance(outcome, Refusal)
    assert outcome.fix == "make the function faster: it must answer within 5 s, and load within 10 s"
