"""What holds of lint whatever it is given: no false alarm, no error, no secret."""

from __future__ import annotations

import base64
import string
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from credential_samples import custom_auths, signatures
from customauth import CustomAuth
from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.lint import lint
from customauth.doctor.reading import setup_from_capture, setup_from_flags, setup_from_username
from customauth.doctor.setup import Setup, WillPart
from customauth.endpoint import Endpoint, Transport
from customauth.errors import CredentialError
from customauth.mqtt.protocol import MqttVersion
from customauth.request import CredentialsIn
from customauth.rules import Phase
from customauth.signing import sign
from lint_samples import AWS, NAME, NOW, SIGNATURE, key_pair, look, rules, words

WORD = string.ascii_letters + string.digits + "_-"
WSS = Endpoint(host=AWS, transport=Transport.WSS)


@given(
    credentials=custom_auths(),
    authorizer=st.none() | st.text(WORD, min_size=1, max_size=20),
    key=st.text(WORD, min_size=1, max_size=20).filter(lambda name: not name.lower().startswith("x-amz-")),
    place=st.sampled_from(CredentialsIn),
)
def test_valid_credentials_stop_nowhere(
    credentials: CustomAuth, authorizer: str | None, key: str, place: CredentialsIn
) -> None:
    assume(key != "SDK")
    token = None if credentials.token is None else attrs.evolve(credentials.token, key_name=key)
    valid = attrs.evolve(credentials, authorizer=authorizer, token=token)
    assume(valid.mqtt_username() is not None or valid.password is not None)
    if place is CredentialsIn.HEADERS:
        try:
            valid.http_headers()
        except CredentialError:
            assume(False)
    base = Setup(endpoint=WSS, credentials_in=place, password=valid.password)
    setup = setup_from_flags(
        base,
        authorizer=authorizer,
        user=valid.username,
        token_key_name=None if token is None else key,
        token=None if token is None else token.value,
        signature=None if token is None else token.signature,
    )
    _stops_nowhere(setup)
    if place is CredentialsIn.USERNAME and token is not None:
        expecting = attrs.evolve(base, expected_token_key_name=key)
        _stops_nowhere(setup_from_username(valid.mqtt_username() or "", expecting))


def _stops_nowhere(setup: Setup) -> None:
    assert [each for each in look(setup) if each.outcome is Outcome.STOPPED] == []
    assert all(certainty is Certainty.POSSIBLE for certainty in rules(setup).values())


@given(
    token=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\0"), min_size=1, max_size=30),
    place=st.sampled_from([CredentialsIn.USERNAME, CredentialsIn.QUERY]),
)
def test_what_is_signed_and_encoded_by_us_verifies(token: str, place: CredentialsIn) -> None:
    base = Setup(endpoint=WSS, credentials_in=place, public_keys={"k": key_pair().public_pem})
    setup = setup_from_flags(
        base,
        authorizer="A",
        token_key_name="token",
        token=token,
        signature=sign(token, key_pair().private_pem),
    )
    assert next(each for each in look(setup) if each.name == "verification").outcome is Outcome.PASSED


_PIECES = st.sampled_from(
    [NAME, SIGNATURE, "token", "=", "&", "?", "%", "%25", "%2B", "+", ";", " ", "\n", "-", "SDK", "x-amz-", "a.b.c"]
)
_RAW = st.text() | st.lists(_PIECES | signatures() | st.text(max_size=4), max_size=12).map("".join)
_KEYS = st.sampled_from([{}, {"k": key_pair().public_pem}, {"k": b"none"}, {"k": key_pair().private_pem}])


@given(
    raw=_RAW | st.text(st.characters(), max_size=10),
    keys=_KEYS,
    expected=st.none() | st.text(max_size=5),
    password=st.none() | st.binary(),
    version=st.sampled_from(MqttVersion),
    keep_alive=st.integers(),
    client_id=st.text(st.characters()),
    will=st.none() | st.builds(WillPart, topic=st.text(st.characters()), qos=st.integers(0, 3), retain=st.booleans()),
)
@example(
    raw="\ud800?token=\ud800",
    keys={"k": key_pair().public_pem},
    expected=None,
    password=None,
    version=MqttVersion.V311,
    keep_alive=60,
    client_id="\ud800",
    will=None,
)
def test_any_user_name_is_linted(raw: str, keys: dict[str, bytes], expected: str | None, **said: Any) -> None:
    password = said.pop("password")
    base = Setup(
        endpoint=WSS,
        public_keys=keys,
        expected_token_key_name=expected,
        password=password,
        client_id_given=True,
        **said,
    )
    checks = look(setup_from_username(raw, base))
    assert all(each.detail for each in checks)
    phases = [each.known_cause.phase for check in checks for each in check.findings]
    assert all(phase <= Phase.FUNCTION for phase in phases)


@given(raw=_RAW, query=_RAW, headers=st.dictionaries(st.text(), st.text(), max_size=3), jwt=st.none() | st.text())
def test_any_set_up_is_linted(raw: str, query: str, headers: dict[str, str], jwt: str | None) -> None:
    setup = setup_from_username(raw, Setup(endpoint=WSS))
    look(attrs.evolve(setup, query=query, headers=headers, jwt=jwt))


@given(st.binary() | st.binary().map(lambda data: b"\x10" + bytes([min(len(data) + 6, 127)]) + b"\x00\x04MQTT" + data))
def test_any_capture_is_linted_or_refused(data: bytes) -> None:
    try:
        setup = setup_from_capture(data, Setup())
    except CredentialError:
        return
    look(setup)


_SECRET = st.text("ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ", min_size=24, max_size=40)
_SPOILT = st.sampled_from(
    [
        "alice?{n}=A&{s}={sig}&token={tok}",
        "alice?{n}=A&{s}={sig}?token={tok}",
        "alice&{n}=A&{s}={sig}&token={tok}",
        "alice?{n}=A;{s}={sig};token={tok}",
        "alice?{n}=A,token={tok},{s}={sig}",
        "alice?{n}=A&{s}={sig}&token=x&{tok}",
        "alice?{n}=A&{s}={sig}&token=x?{tok}",
        "alice?{n}:A&{s}:{sig}&token:{tok}",
        "alice?{tok}",
        "{tok}?{sig}",
        "alice?{n}=A&{s}={tok}&token={sig}",
        "alice?token=x&{tok}&{sig}",
        "alice?token=%&{s}={tok}%25{sig}\n",
        "alice?x-amz-customauthorizer-token={tok}&{s}={sig} {sig}",
    ]
)


@given(token=_SECRET, password=_SECRET, signature=_SECRET, form=_SPOILT, keys=_KEYS, expected=st.booleans())
def test_no_secret_is_shown(
    token: str, password: str, signature: str, form: str, keys: dict[str, bytes], expected: bool
) -> None:
    raw = form.format(n=NAME, s=SIGNATURE, sig=signature, tok=token)
    base = Setup(
        endpoint=WSS,
        public_keys=keys,
        password=password.encode(),
        expected_token_key_name="token" if expected else None,
    )
    shown = words(lint(setup_from_username(raw, base), now=NOW))
    flags = setup_from_flags(base, authorizer="A", token_key_name="token", token=token, signature=signature + "\n")
    shown += words(lint(flags, now=NOW))
    for secret in (token, password, signature, base64.b64encode(password.encode()).decode()):
        for at in range(len(secret) - 11):
            assert secret[at : at + 12] not in shown


@pytest.mark.parametrize("known", [True, False])
def test_linting_is_repeatable(known: bool) -> None:
    keys = {"k": key_pair().public_pem} if known else {}
    raw = f"?{NAME}=A&{SIGNATURE}={quote(sign('a', key_pair().private_pem))}&token=b"
    setup = setup_from_username(raw, Setup(endpoint=WSS, public_keys=keys))
    assert look(setup) == look(setup)
