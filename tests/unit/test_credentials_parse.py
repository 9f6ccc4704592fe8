"""Credentials read back from a user name, a query and headers: what is sent is what is read, all else is refused."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus, urlencode

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from credential_samples import custom_auths, signatures
from customauth import CredentialError, CustomAuth, SignedToken

PLAIN = base64.b64encode(b"\xfb\xef\xff" * 85 + b"\xfb").decode("ascii")
ENCODED = quote(PLAIN, safe="")
NAME = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"
AUTH = CustomAuth(
    authorizer="A", username="alice", token=SignedToken(key_name="token", value="open-sesame", signature=PLAIN)
)
SENT = f"alice?{NAME}=A&{SIGNATURE}={ENCODED}&token=open-sesame"


def token_of(auth: CustomAuth) -> SignedToken:
    assert auth.token is not None
    return auth.token


# There and back


@given(custom_auths())
def test_what_is_sent_is_read_back_without_the_token_key_name(auth: CustomAuth) -> None:
    assert CustomAuth.parse(auth.mqtt_username(), auth.password) == auth


@given(custom_auths())
def test_what_is_sent_is_read_back_with_the_token_key_name(auth: CustomAuth) -> None:
    assume(auth.token is not None)
    assert CustomAuth.parse(auth.mqtt_username(), auth.password, token_key_name=token_of(auth).key_name) == auth


@given(custom_auths())
def test_a_query_carries_all_but_user_part_and_password(auth: CustomAuth) -> None:
    carried = evolve(auth, username="", password=None)
    assert CustomAuth.parse_query(auth.url_query()) == carried
    assert CustomAuth.parse_query(f"?{auth.url_query()}") == carried
    if auth.token is not None:
        assert CustomAuth.parse_query(auth.url_query(), token_key_name=auth.token.key_name) == carried


# RFC 9110: what a header's name may be made of.
NAME_CHARACTERS = set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def headers_can_carry(auth: CustomAuth) -> bool:
    values = [auth.authorizer or "A"]
    if auth.token is not None:
        values.append(auth.token.value)
        if not set(auth.token.key_name) <= NAME_CHARACTERS:
            return False
    return all(value.isascii() and value.isprintable() and value == value.strip() for value in values)


@given(custom_auths())
def test_headers_carry_what_they_can_and_the_rest_is_refused(auth: CustomAuth) -> None:
    if not headers_can_carry(auth):
        with pytest.raises(CredentialError, match="send it in the user name"):
            auth.http_headers()
        return
    key_name = "token" if auth.token is None else auth.token.key_name
    carried = evolve(auth, username="", password=None)
    assert CustomAuth.parse_headers(auth.http_headers(), token_key_name=key_name) == carried


@given(
    st.text("ABab01-_.~ ", min_size=1).map(str.strip).filter(bool),
    st.text("ABab01-_", min_size=1),
    signatures(),
)
def test_plain_values_are_carried_by_headers(value: str, key_name: str, signature: str) -> None:
    auth = CustomAuth(token=SignedToken(key_name=key_name, value=value, signature=signature))
    assert CustomAuth.parse_headers(auth.http_headers(), token_key_name=key_name) == auth


@given(st.text(max_size=60), st.none() | st.text(max_size=8))
def test_parsing_any_text_gives_credentials_that_are_read_back_or_a_credential_error(
    username: str, key_name: str | None
) -> None:
    try:
        auth = CustomAuth.parse(username, token_key_name=key_name)
    except CredentialError:
        return
    assert CustomAuth.parse(auth.mqtt_username(), token_key_name=key_name) == auth


PIECES = (
    *(f"{NAME}=A", f"{NAME}=", NAME, f"{SIGNATURE}={ENCODED}", f"{SIGNATURE}={PLAIN}", f"{SIGNATURE}=%2", SIGNATURE),
    *("token=t", "token=%41%FF", "token", "=", "", "other=o", "x?y", "SDK=S", "Version=1", "Metadata=(a=b;c=d)"),
)


@given(
    st.lists(st.sampled_from(PIECES), max_size=5),
    st.sampled_from([None, "token", "other", ""]),
)
def test_any_mixture_of_parameters_is_read_or_refused(parameters: list[str], key_name: str | None) -> None:
    try:
        auth = CustomAuth.parse(f"alice?{'&'.join(parameters)}", token_key_name=key_name)
    except CredentialError:
        return
    assert auth.username == "alice"
    assert CustomAuth.parse(auth.mqtt_username(), token_key_name=key_name) == auth


# What peers send


@pytest.mark.fact("A6")
@pytest.mark.parametrize(
    "username",
    [
        SENT,
        f"alice?{NAME}=A&token=open-sesame&{SIGNATURE}={ENCODED}",
        f"alice?token=open-sesame&{SIGNATURE}={ENCODED}&{NAME}=A",
    ],
)
def test_the_order_of_parameters_is_free(username: str) -> None:
    assert CustomAuth.parse(username) == AUTH


@pytest.mark.fact("A3")
@pytest.mark.parametrize(
    ("username", "user"), [("alice?", "alice"), ("?", ""), ("", ""), (None, ""), ("alice?&", "alice")]
)
def test_an_empty_parameter_part_is_no_parameters(username: str | None, user: str) -> None:
    assert CustomAuth.parse(username) == CustomAuth(username=user)


@pytest.mark.fact("A4")
def test_a_user_name_without_parameters_is_the_user_part() -> None:
    assert CustomAuth.parse("a&b=c#%zz", b"secret") == CustomAuth(username="a&b=c#%zz", password=b"secret")


@pytest.mark.fact("A7")
@pytest.mark.fact("J1")
@pytest.mark.parametrize(
    "metrics",
    [
        "SDK=PythonV2&Version=1.25.0",
        "SDK=IoTDeviceSDK/Python&Platform=Unix&Metadata=(CRTVersion=0.31.0;IoTSDKVersion=1.28.1)",
        "SDK=JavaScript&Version=2.2.15",
    ],
)
def test_what_an_sdk_appends_is_not_taken_for_the_token(metrics: str) -> None:
    assert CustomAuth.parse(f"{SENT}&{metrics}") == AUTH
    assert CustomAuth.parse(f"{SENT}&{metrics}", token_key_name="token") == AUTH
    assert CustomAuth.parse(f"alice?{metrics}") == CustomAuth(username="alice")
    assert CustomAuth.parse(f"?{metrics}&{SENT.partition('?')[2]}") == evolve(AUTH, username="")


def test_the_names_of_sdk_details_are_token_key_names_where_no_sdk_is_named() -> None:
    for key_name in ("Version", "Platform", "Metadata"):
        auth = CustomAuth(token=SignedToken(key_name=key_name, value="t", signature=PLAIN))
        assert CustomAuth.parse(auth.mqtt_username()) == auth


@pytest.mark.fact("A7")
def test_parameters_that_are_not_the_named_token_are_ignored() -> None:
    assert CustomAuth.parse(f"{SENT}&x-amz-other=1&actionToken=allow", token_key_name="token") == AUTH
    assert CustomAuth.parse("alice?token=open-sesame", token_key_name="other") == CustomAuth(username="alice")


@pytest.mark.fact("A9")
@pytest.mark.fact("J2")
@pytest.mark.parametrize("encoded", [PLAIN, quote(PLAIN), ENCODED, ENCODED.replace("%2F", "%2f")])
def test_a_signature_is_read_however_little_of_it_was_encoded(encoded: str) -> None:
    assert CustomAuth.parse(f"alice?{NAME}=A&{SIGNATURE}={encoded}&token=open-sesame") == AUTH


@pytest.mark.fact("A14")
def test_a_plus_stays_a_plus_in_a_user_name_and_is_a_space_in_a_query() -> None:
    parameters = f"{SIGNATURE}={ENCODED}&token=open+sesame"
    assert token_of(CustomAuth.parse(f"alice?{parameters}")).value == "open+sesame"
    assert token_of(CustomAuth.parse_query(parameters)).value == "open sesame"
    form = urlencode({SIGNATURE: PLAIN, "to ken": "a b+c"}, quote_via=quote_plus)
    assert token_of(CustomAuth.parse_query(form)) == SignedToken(key_name="to ken", value="a b+c", signature=PLAIN)


@pytest.mark.fact("A15")
def test_the_token_is_decoded_once() -> None:
    auth = CustomAuth.parse(f"?{SIGNATURE}={ENCODED}&token=100%2525")
    assert token_of(auth).value == "100%25"


@pytest.mark.fact("A16")
def test_the_first_of_a_name_counts() -> None:
    twice = f"{SENT}&{NAME}=B&{SIGNATURE}=x&token=u"
    assert CustomAuth.parse(twice) == AUTH
    assert CustomAuth.parse(twice, token_key_name="token") == AUTH


@pytest.mark.fact("A17")
def test_the_names_of_aws_have_no_case_and_the_token_key_name_has() -> None:
    query = f"X-Amz-CustomAuthorizer-Name=A&X-AMZ-CUSTOMAUTHORIZER-SIGNATURE={ENCODED}&Token=t"
    auth = CustomAuth.parse(f"alice?{query}")
    assert auth.authorizer == "A"
    assert token_of(auth) == SignedToken(key_name="Token", value="t", signature=PLAIN)
    with pytest.raises(CredentialError, match="signature but no token named 'token'"):
        CustomAuth.parse_query(query, token_key_name="token")


@pytest.mark.fact("A17")
def test_header_names_have_no_case_the_token_key_name_included() -> None:
    headers = {"Host": "x", "X-Amz-CustomAuthorizer-Name": "A", SIGNATURE.upper(): PLAIN, "TOKEN": "open-sesame"}
    assert CustomAuth.parse_headers(headers, token_key_name="token") == evolve(AUTH, username="")


@pytest.mark.fact("A18")
def test_the_user_part_is_not_decoded() -> None:
    assert CustomAuth.parse(f"a%20b&c=d?{NAME}=A").username == "a%20b&c=d"


# What peers get wrong

WRONG = {
    "two question marks": (
        f"alice?{NAME}=A?token=t",
        "more than one '[?]': AWS reads parameters after the last one only .*; join the parameters with &",
    ),
    "a question mark in the token": (f"{SENT}?", "percent-encode a '[?]' in a value as %3F"),
    "a signature alone": (f"alice?{NAME}=A&{SIGNATURE}={ENCODED}", "a signature but no token"),
    "a token alone": (f"alice?{NAME}=A&token=t", f"a token but no {SIGNATURE} .*found: {NAME}, token"),
    "a name alone, without a value": ("alice?token", "a token but no"),
    "two that could be the token": (
        f"{SENT}&other=1",
        "2 parameters could be the token; give the authorizer's token key name, and write a & inside a token as %26",
    ),
    "an ampersand in the token": (f"?{SIGNATURE}={ENCODED}&token=a&b", "write a & inside a token as %26"),
    "an empty authorizer name": (f"alice?{NAME}=&{SIGNATURE}={ENCODED}&token=t", "the authorizer name is empty"),
    "an empty signature": (f"alice?{SIGNATURE}=&token=t", "the signature is empty; sign the token"),
    "an empty token": (f"alice?{SIGNATURE}={ENCODED}&token=", "the token has 0 characters"),
    "a signature in base64url": (
        f"alice?{SIGNATURE}={PLAIN.replace('+', '-').replace('/', '_')}&token=t",
        "is base64url; replace",
    ),
    "a signature whose plus became a space": (f"alice?{SIGNATURE}={quote(PLAIN.replace('+', ' '))}&token=t", "spaces"),
    "a signature encoded twice": (f"alice?{SIGNATURE}={quote(ENCODED)}&token=t", "percent-encoded once too often"),
    "a signature that was cut": (f"alice?{SIGNATURE}={quote(PLAIN[:100])}&token=t", "cut off"),
    "a percent sign in the token": (
        f"alice?{SIGNATURE}={ENCODED}&token=100%",
        "parameter 2 holds a % that is not followed by two hexadecimal digits; write it as %25",
    ),
    "a percent sign in a name": (f"alice?{SIGNATURE}={ENCODED}&to%ken=t", "the name of parameter 2 holds a %"),
    "bytes that are not UTF-8": (f"alice?{SIGNATURE}={ENCODED}&token=%FF", "parameter 2 is not UTF-8"),
    "a NUL in the user part": (f"al\0ice?{NAME}=A", "the user part holds a NUL"),
}


@pytest.mark.parametrize(("username", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_user_name_that_aws_would_misread_is_refused_with_the_mend(username: str, message: str) -> None:
    with pytest.raises(CredentialError, match=message):
        CustomAuth.parse(username)


def test_the_missing_token_is_named_and_what_was_found_too() -> None:
    with pytest.raises(CredentialError) as refused:
        CustomAuth.parse(SENT, token_key_name="Token")
    assert str(refused.value) == (
        f"there is a signature but no token named 'Token' (found: {NAME}, {SIGNATURE}, token); "
        "send the token under the authorizer's token key name"
    )


def test_an_empty_token_key_name_names_no_parameter() -> None:
    with pytest.raises(CredentialError, match="no token named ''"):
        CustomAuth.parse(SENT, token_key_name="")
    with pytest.raises(CredentialError, match="no token named ''"):
        CustomAuth.parse_headers({"token": "t", SIGNATURE: PLAIN}, token_key_name="")


def test_a_percent_encoded_signature_in_a_header_is_refused() -> None:
    with pytest.raises(CredentialError, match="once too often; start from its plain base64"):
        CustomAuth.parse_headers({"token": "t", SIGNATURE: ENCODED}, token_key_name="token")


def test_a_plus_that_was_not_encoded_in_a_query_is_explained() -> None:
    with pytest.raises(CredentialError, match=r"a \+ was decoded to a space on the way; send it as %2B"):
        CustomAuth.parse_query(f"{SIGNATURE}={PLAIN}&token=t")


def test_a_query_with_a_wrong_percent_encoding_is_refused() -> None:
    with pytest.raises(CredentialError, match="parameter 2 is not UTF-8"):
        CustomAuth.parse_query(f"{SIGNATURE}={ENCODED}&token=%FF")
