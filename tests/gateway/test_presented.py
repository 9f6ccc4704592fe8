"""What a client presented, from its user name, query and headers: where each value is found and how it is read."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.http_head import host_of, read_head, signed_for_aws
from customauth.gateway.origin import HttpRequest
from customauth.gateway.presented import Presented
from customauth.gateway.redaction import secrets_of

NAME = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
# What h11 lets through in a header's value.
HEADER_VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
SDK = "SDK=IoTDeviceSDK/Python&Platform=Unix&Metadata=(CRTVersion=0.24.1;IoTSDKVersion=1.22;IoTSDKMetrics=(a=b,c=d))"


def head(query: str = "", *headers: tuple[str, str]) -> HttpRequest:
    return read_head(
        method=b"GET",
        target=f"/mqtt?{query}".encode(),
        version=b"1.1",
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers],
    )


def read(username: str | None = None, query: str = "", *headers: tuple[str, str]) -> Presented:
    return Presented.read(username, head(query, *headers))


@pytest.mark.fact("A16", "I2", "J3")
@pytest.mark.parametrize(
    ("username", "query", "header", "found"),
    [
        ("a", "b", "c", "a"),
        (None, "b", "c", "b"),
        (None, None, "c", "c"),
        ("", "b", "c", "b"),
        ("", "", "c", "c"),
        (None, None, None, None),
        ("", "", "", None),
    ],
)
def test_the_first_source_with_a_name_counts(
    username: str | None, query: str | None, header: str | None, found: str | None
) -> None:
    presented = read(
        "u" if username is None else f"u?{NAME}={username}",
        "" if query is None else f"{NAME}={query}",
        *([] if header is None else [(NAME, header)]),
    )
    assert presented.authorizer_name == found


@pytest.mark.fact("A16", "J3")
def test_each_value_may_come_from_another_source() -> None:
    presented = read(f"?SDK=JavaScript&Version=2&{NAME}=n", "token=t", (SIGNATURE, "s+/="))
    assert (presented.authorizer_name, presented.token("token"), presented.signature) == ("n", "t", "s+/=")


@pytest.mark.fact("A14", "A9", "I1", "J2", "A26", "A27")
@pytest.mark.parametrize(
    ("username", "query", "header", "signature"),
    [
        ("a+b/c==", None, None, "a+b/c=="),
        ("a%2Bb/c%3D%3D", None, None, "a+b/c=="),
        ("a%2Bb%2Fc%3D%3D", None, None, "a+b/c=="),
        (None, "a%2Bb%2Fc%3D%3D", None, "a+b/c=="),
        (None, "a+b/c==", None, "a b/c=="),
        (None, None, "a+b/c==", "a+b/c=="),
        (None, None, "a%2Bb", "a%2Bb"),
    ],
)
def test_each_source_has_its_own_decoding(
    username: str | None, query: str | None, header: str | None, signature: str
) -> None:
    presented = read(
        None if username is None else f"u?{SIGNATURE}={username}",
        "" if query is None else f"{SIGNATURE}={query}",
        *([] if header is None else [(SIGNATURE, header)]),
    )
    assert presented.signature == signature


@pytest.mark.fact("A14")
def test_the_strict_switch_reads_a_plus_in_a_user_name_as_a_space() -> None:
    assert Presented.read("?token=a+b%2Bc", None, plus_is_space=True).token("token") == "a b+c"
    assert Presented.read("?token=a+b%2Bc", None).token("token") == "a+b+c"


@pytest.mark.fact("A15")
def test_a_token_is_decoded_once() -> None:
    assert read("?token=a%2525b").token("token") == "a%25b"
    assert read(None, "token=a%2525b").token("token") == "a%25b"
    assert read(None, "", ("token", "a%2525b")).token("token") == "a%2525b"


@pytest.mark.fact("A17")
def test_the_two_names_of_aws_have_no_case_and_the_token_key_has_one_but_in_headers() -> None:
    odd = "X-Amz-CustomAuthorizer-Name"
    assert read(f"?{odd}=n").authorizer_name == "n"
    assert read(None, f"{odd}=n").authorizer_name == "n"
    assert read(None, "", (odd, "n")).authorizer_name == "n"
    assert read("?X-AMZ-CUSTOMAUTHORIZER-SIGNATURE=s").signature == "s"
    assert read("?Token=t").token("token") is None
    assert read(None, "Token=t").token("token") is None
    assert read(None, "", ("TOKEN", "t")).token("Token") == "t"


@pytest.mark.fact("A16")
def test_the_first_of_a_repeated_value_counts_in_every_source() -> None:
    assert read("?token=a&token=b").token("token") == "a"
    assert read(None, "token=a&token=b").token("token") == "a"
    twice = read(None, "", ("Token", "a, x"), ("other", "o"), ("token", "b"))
    assert twice.token("token") == "a, x"


@pytest.mark.fact("J1", "A7")
def test_what_sdks_append_disturbs_nothing() -> None:
    presented = read(f"u?{NAME}=n&token=t=1&{SIGNATURE}=s&{SDK}")
    assert (presented.authorizer_name, presented.token("token"), presented.signature) == ("n", "t=1", "s")
    assert dict(presented.username)["Metadata"].endswith("(a=b,c=d))")


def test_a_repeated_header_is_joined_for_the_function_and_each_value_of_it_is_a_secret() -> None:
    request = head("", ("Token", "first-secret"), ("TOKEN", "second-secret"))
    assert request.headers == {"token": "first-secret, second-secret"}
    assert {"first-secret", "second-secret", "first-secret, second-secret"} <= set(secrets_of(None, request))


def test_names_are_shown_with_their_source_and_without_values() -> None:
    presented = read(f"u?{NAME}=n&{SDK}", "token=secret&secret-piece", (SIGNATURE, "s"), ("token", "t"))
    assert presented.names() == [
        NAME,
        "SDK",
        "Platform",
        "Metadata",
        "token (query)",
        f"{SIGNATURE} (header)",
    ]


@given(name=TEXTS, token=TEXTS, signature=TEXTS, key=st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True))
def test_what_is_form_encoded_in_a_query_is_found_again(name: str, token: str, signature: str, key: str) -> None:
    if key.lower() in (NAME, SIGNATURE):
        return
    presented = read(None, urlencode([("a", "b"), (NAME, name), (key, token), (SIGNATURE, signature)]))
    if key != "a":
        assert presented.token(key) == token
    assert (presented.authorizer_name, presented.signature) == (name, signature)


@given(name=TEXTS, token=TEXTS, signature=TEXTS, user=TEXTS)
def test_what_is_percent_encoded_in_a_user_name_is_found_again(
    name: str, token: str, signature: str, user: str
) -> None:
    pairs = [(NAME, name), ("token", token), (SIGNATURE, signature)]
    presented = read(user + "?" + "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs))
    assert (presented.authorizer_name, presented.token("token"), presented.signature) == (name, token, signature)


@given(name=HEADER_VALUES, token=HEADER_VALUES, signature=HEADER_VALUES)
def test_what_is_raw_in_headers_is_found_again(name: str, token: str, signature: str) -> None:
    presented = read(None, "", ("X-Amz-CustomAuthorizer-Name", name), ("ToKen", token), (SIGNATURE.upper(), signature))
    assert (presented.authorizer_name, presented.token("token"), presented.signature) == (name, token, signature)


@given(
    username=st.none() | st.text(max_size=60),
    target=st.binary(max_size=60),
    headers=st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=20)), max_size=5),
)
def test_anything_can_be_read(username: str | None, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    request = read_head(method=b"GET", target=b"/" + target, version=b"1.1", headers=headers)
    presented = Presented.read(username, request)
    for value in (presented.authorizer_name, presented.signature, presented.token("token")):
        assert value is None or isinstance(value, str)
    assert isinstance(presented.names(), list)
    assert isinstance(host_of(request), str)
    assert request.path.startswith("/")
    assert "?" not in request.path
    assert set(request.repeated) <= set(request.headers)


@pytest.mark.fact("A47")
@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("localhost:8443", "localhost"),
        ("localhost:", "localhost"),
        ("[::1]:443", "[::1]"),
        ("[::1]", "[::1]"),
        ("", ""),
    ],
)
def test_the_name_of_a_host_header_is_without_its_port(host: str, name: str) -> None:
    assert host_of(head("", ("Host", host))) == name


def test_a_request_without_host_has_no_name() -> None:
    assert host_of(head()) == ""


@pytest.mark.fact("F6", "A60")
def test_what_is_signed_for_aws_is_told_from_what_is_not() -> None:
    assert signed_for_aws(head("X-Amz-Algorithm=a&X-Amz-Signature=0")) is not None
    assert signed_for_aws(head("", ("Authorization", "AWS4-HMAC-SHA256 Credential=x"))) is not None
    assert signed_for_aws(head(f"{SIGNATURE}=s", ("Authorization", "Bearer AWS4-x"))) is None
