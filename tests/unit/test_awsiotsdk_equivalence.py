"""The AWS IoT Device SDK for Python says the same with its own builders: awsiotsdk is called, and what it sends read.

Its builders put the user name into the CONNECT that they would send; nothing is connected here.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from credential_samples import custom_auths, signature, signatures
from customauth import CredentialError, CustomAuth, SignedToken
from needs import needs

pytestmark = needs("awsiotsdk")

Builder = Callable[..., "tuple[str | None, bytes | None]"]


def mqtt5(**options: object) -> tuple[str | None, bytes | None]:
    """Return user name and password of the CONNECT that the builder for MQTT 5 prepares."""
    from awscrt import mqtt5 as crt
    from awsiot import mqtt5_client_builder

    connect = crt.ConnectPacket()
    client_options = crt.ClientOptions(host_name="localhost", connect_options=connect)
    mqtt5_client_builder.direct_with_custom_authorizer(
        **{"endpoint": "localhost", "client_options": client_options, "enable_metrics_collection": False, **options}
    )
    return connect.username, connect.password


def mqtt311(**options: object) -> tuple[str | None, bytes | None]:
    """Return user name and password of the connection that the builder for MQTT 3.1.1 prepares."""
    from awsiot import mqtt_connection_builder

    connection = mqtt_connection_builder.direct_with_custom_authorizer(
        **{"endpoint": "localhost", "client_id": "device", "enable_metrics_collection": False, **options}
    )
    return connection.username, connection.password


def options_of(auth: CustomAuth, encode: Callable[[str], str] = str) -> dict[str, object]:
    """Return what the builders want to be told; ``encode`` is what their documentation leaves to the caller."""
    token = auth.token
    return {
        "auth_username": auth.username,
        "auth_authorizer_name": None if auth.authorizer is None else encode(auth.authorizer),
        "auth_password": auth.password,
        "auth_token_key_name": None if token is None else encode(token.key_name),
        "auth_token_value": None if token is None else encode(token.value),
        "auth_authorizer_signature": None if token is None else token.signature,
    }


def plain_text(characters: str, min_size: int = 1) -> st.SearchStrategy[str]:
    return st.text(characters, min_size=min_size, max_size=24)


# What AWS allows in the names (B1, B3), and of a token all that needs no encoding.
WORD = string.ascii_letters + string.digits + "_"
plain_tokens = st.builds(
    SignedToken,
    key_name=plain_text(WORD + "-").filter(lambda name: not name.lower().startswith("x-amz-") and name != "SDK"),
    value=plain_text("".join(sorted(set(string.ascii_letters + string.digits + string.punctuation) - set("%&?+#")))),
    signature=signatures(),
)
plain_auths = st.builds(
    CustomAuth,
    authorizer=st.none() | plain_text(WORD + "=,@-"),
    username=plain_text(WORD + " .:/@é", min_size=0),
    password=st.none() | st.binary(max_size=20),
    token=st.none() | plain_tokens,
)

both = pytest.mark.parametrize("builder", [mqtt5, mqtt311])


@both
@given(plain_auths)
def test_plain_credentials_are_the_same_bytes_but_for_the_slash_of_the_signature(
    builder: Builder, auth: CustomAuth
) -> None:
    assume(auth.token is None or f"{auth.token.key_name}=" not in auth.token.value)
    username, password = builder(**options_of(auth))
    before, signed, after = (auth.mqtt_username() or "").partition("x-amz-customauthorizer-signature=")
    value, ampersand, token = after.partition("&")
    assert (username or "") == before + signed + value.replace("%2F", "/") + ampersand + token
    assert password == auth.password


@both
@given(plain_auths)
def test_what_the_builders_send_is_read_as_the_same_values(builder: Builder, auth: CustomAuth) -> None:
    assume(auth.token is None or f"{auth.token.key_name}=" not in auth.token.value)
    username, password = builder(**options_of(auth))
    assert CustomAuth.parse(username, password) == auth


@pytest.mark.fact("A7")
@both
def test_metrics_do_not_change_what_is_read(builder: Builder) -> None:
    token = SignedToken(key_name="token", value="t", signature=signature(0xFB))
    auth = CustomAuth(authorizer="A", username="alice", token=token)
    username, _ = builder(**options_of(auth), enable_metrics_collection=True)
    assert CustomAuth.parse(username) == auth


@pytest.mark.fact("A11")
@both
@given(custom_auths())
def test_any_credentials_that_the_caller_encodes_for_the_builders_are_read_as_the_same_values(
    builder: Builder, auth: CustomAuth
) -> None:
    # The library under the builders refuses control characters in a user name, which is otherwise sent as it is.
    auth = evolve(auth, username="".join(filter(str.isprintable, auth.username)))
    username, password = builder(**options_of(auth, lambda text: quote(text, safe="")))
    assert CustomAuth.parse(username, password) == auth


@pytest.mark.fact("A10")
@both
def test_the_builders_take_our_encoded_signature_as_it_is(builder: Builder) -> None:
    token = SignedToken(key_name="token", value="t", signature=signature(0xFB))
    auth = CustomAuth(authorizer="A", username="alice", token=token)
    encoded = options_of(auth) | {"auth_authorizer_signature": quote(token.signature, safe="")}
    username, _ = builder(**encoded)
    assert username == auth.mqtt_username()


@both
@pytest.mark.parametrize("value", ["a b", "a&b", "100%25", "a+b#c", "grün", "a?b"])
def test_a_token_that_the_builders_send_raw_is_encoded_here_and_read_back(builder: Builder, value: str) -> None:
    auth = CustomAuth(token=SignedToken(key_name="token", value=value, signature=signature()))
    sent, _ = builder(**options_of(auth))
    assert sent is not None
    assert sent.endswith(f"token={value}")
    assert sent != auth.mqtt_username()
    assert CustomAuth.parse(auth.mqtt_username()) == auth


@pytest.mark.fact("A12", "J9")
@both
def test_a_token_that_holds_its_own_name_loses_it_in_the_builders_and_keeps_it_here(builder: Builder) -> None:
    token = SignedToken(key_name="token", value="my-token=1", signature=signature())
    auth = CustomAuth(username="alice", token=token)
    sent, _ = builder(**options_of(auth))
    assert sent is not None
    assert sent.endswith("&my-token=1")
    ours = auth.mqtt_username()
    assert ours is not None
    assert ours.endswith("&token=my-token=1")
    assert CustomAuth.parse(ours) == auth


@pytest.mark.fact("J9")
@both
def test_an_empty_authorizer_name_that_the_builders_send_is_refused_here(builder: Builder) -> None:
    sent, _ = builder(auth_username="alice", auth_authorizer_name="")
    assert sent == "alice?x-amz-customauthorizer-name="
    with pytest.raises(CredentialError, match="authorizer name is empty"):
        CustomAuth.parse(sent)


@pytest.mark.fact("J9")
@both
def test_a_user_part_with_a_question_mark_that_the_builders_join_is_refused_here(builder: Builder) -> None:
    sent, _ = builder(auth_username="alice?", auth_authorizer_name="A")
    assert sent == "alice?&x-amz-customauthorizer-name=A"
    assert CustomAuth.parse(sent) == CustomAuth(username="alice", authorizer="A")
    with pytest.raises(CredentialError, match="user part holds a"):
        CustomAuth(username="alice?", authorizer="A")
