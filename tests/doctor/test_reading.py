"""Set-ups from options and from raw user names: what travels, and what AWS reads of it."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credential_samples import custom_auths, signature
from customauth import CustomAuth
from customauth.doctor.reading import setup_from_flags, setup_from_username
from customauth.doctor.setup import Origin, Setup
from customauth.endpoint import Endpoint, Transport
from customauth.request import CredentialsIn

PLAIN = signature()
WSS = Endpoint(host="example.test", transport=Transport.WSS)


def _from(credentials: CustomAuth, base: Setup) -> Setup:
    token = credentials.token
    return setup_from_flags(
        attrs.evolve(base, password=credentials.password),
        authorizer=credentials.authorizer,
        user=credentials.username,
        token_key_name=None if token is None else token.key_name,
        token=None if token is None else token.value,
        signature=None if token is None else token.signature,
    )


@given(custom_auths())
def test_valid_parts_travel_as_customauth_sends_them(credentials: CustomAuth) -> None:
    setup = _from(credentials, Setup())
    assert setup.broken is None
    assert setup.username == credentials.mqtt_username()
    assert setup.password == credentials.password
    assert setup.origin is Origin.FLAGS


@given(custom_auths())
def test_what_is_read_of_a_user_name_is_what_was_put_into_it(credentials: CustomAuth) -> None:
    token = credentials.token
    base = Setup(expected_token_key_name=None if token is None else token.key_name)
    parts = setup_from_username(credentials.mqtt_username() or "", base).parts
    assert parts.authorizer == credentials.authorizer
    assert parts.signature == (None if token is None else token.signature)
    assert parts.token == (None if token is None else token.value)


def test_credentials_in_headers_leave_the_user_name_alone() -> None:
    base = Setup(endpoint=WSS, credentials_in=CredentialsIn.HEADERS)
    setup = setup_from_flags(base, authorizer="A", user="alice", token_key_name="key", token="t", signature=PLAIN)
    assert setup.username == "alice"
    assert setup.headers["key"] == "t"
    assert setup.parts.signature == PLAIN
    assert setup.query is None


def test_credentials_in_the_query_are_read_back_from_it() -> None:
    base = Setup(endpoint=WSS, credentials_in=CredentialsIn.QUERY)
    setup = setup_from_flags(base, authorizer="A", token_key_name="key", token="a+b c", signature=PLAIN)
    assert setup.username is None
    assert "a%2Bb%20c" in (setup.query or "")
    assert setup.parts.token == "a+b c"


def test_credentials_in_headers_without_a_websocket_are_broken() -> None:
    base = Setup(endpoint=Endpoint(host="example.test"), credentials_in=CredentialsIn.HEADERS)
    setup = setup_from_flags(base, authorizer="A")
    assert "only over a WebSocket" in (setup.broken or "")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"token": "t", "token_key_name": "key"}, "no signature"),
        ({"signature": PLAIN}, "no token"),
        ({"token": "t", "signature": PLAIN}, "needs a name"),
        ({"user": "a?b"}, "holds a '?'"),
        ({"token": "t", "token_key_name": "key", "signature": "ab\ncd"}, "line breaks"),
        ({"authorizer": ""}, "is empty"),
        ({"jwt": "no.jwt", "token_key_name": "key"}, "not a compact JWT"),
    ],
)
def test_parts_that_customauth_refuses_are_broken_with_its_reason(wrong: dict[str, str], why: str) -> None:
    setup = setup_from_flags(Setup(), **wrong)
    assert why in (setup.broken or "")


@pytest.mark.fact("A10", "A13")
def test_refused_parts_travel_as_an_sdk_would_send_them() -> None:
    setup = setup_from_flags(
        Setup(), authorizer="A", user="alice", token_key_name="key", token="a&b", signature="a+b%252B"
    )
    assert setup.username == ("alice?x-amz-customauthorizer-name=A&x-amz-customauthorizer-signature=a+b%252B&key=a%26b")
    assert setup.parts.signature == "a+b%2B"


def test_a_token_without_a_name_does_not_travel() -> None:
    setup = setup_from_flags(Setup(), token="secret", signature=PLAIN)
    assert "secret" not in (setup.username or "")
    assert setup.parts.token == "secret"


def test_a_jwt_is_taken_apart_whatever_signed_it() -> None:
    setup = setup_from_flags(Setup(), token_key_name="key", jwt="eyJhbGciOiJIUzI1NiJ9.e30.a-_b")
    assert setup.broken is not None
    assert setup.parts.token == "eyJhbGciOiJIUzI1NiJ9.e30"
    assert setup.parts.signature == "a+/b"


@pytest.mark.fact("A5")
def test_a_raw_user_name_is_read_after_its_last_question_mark() -> None:
    raw = "alice?x-amz-customauthorizer-name=A?token=t"
    setup = setup_from_username(raw, Setup())
    assert setup.username == raw
    assert setup.parts.authorizer is None
    assert setup.parts.token == "t"


@pytest.mark.fact("A7", "J1")
def test_the_parameters_of_an_sdk_are_not_the_token() -> None:
    setup = setup_from_username("?SDK=PythonV2&Version=1&key=t", Setup())
    assert setup.parts.token_key_name == "key"


def test_a_misspelt_name_is_not_the_token() -> None:
    setup = setup_from_username("?x-amz-custom-authorizer-name=A&customauthorizer-name=B&key=t", Setup())
    assert setup.parts.token_key_name == "key"


@given(st.text())
def test_any_raw_user_name_is_read(raw: str) -> None:
    setup = setup_from_username(raw, Setup())
    assert setup.username == (raw or None)


@given(
    authorizer=st.none() | st.text(max_size=8),
    user=st.text(max_size=8),
    key=st.none() | st.text(max_size=8),
    token=st.none() | st.text(max_size=8),
    mark=st.none() | st.text(max_size=8),
    jwt=st.none() | st.text(max_size=8),
    place=st.sampled_from(CredentialsIn),
)
def test_any_parts_make_a_set_up(
    authorizer: str | None,
    user: str,
    key: str | None,
    token: str | None,
    mark: str | None,
    jwt: str | None,
    place: CredentialsIn,
) -> None:
    base = Setup(endpoint=WSS, credentials_in=place)
    setup_from_flags(base, authorizer=authorizer, user=user, token_key_name=key, token=token, signature=mark, jwt=jwt)


def test_secrets_stay_out_of_the_repr() -> None:
    setup = setup_from_flags(
        Setup(password=b"pass-word"), token_key_name="key", token="to-ken", signature=PLAIN, user="alice"
    )
    assert not any(secret in repr(setup) for secret in ("pass-word", "to-ken", PLAIN, "alice"))
