"""Credentials as values: what is refused or mended, how they are encoded, and that no secret is ever shown."""

from __future__ import annotations

import base64
import itertools
import json
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from credential_samples import custom_auths, signature, signatures, texts_of, user_parts
from customauth import CredentialError, CustomAuth, CustomAuthError, SignedToken

# Base64 with + and /, whose percent-encoded form differs from the plain one.
PLAIN = base64.b64encode(b"\xfb\xef\xff" * 85 + b"\xfb").decode("ascii")
TOKEN = SignedToken(key_name="token", value="open-sesame", signature=PLAIN)


def token(key_name: str = "token", value: str = "open-sesame", signature: str = PLAIN) -> SignedToken:
    return SignedToken(key_name=key_name, value=value, signature=signature)


# What is sent


def test_a_signed_user_name_has_name_signature_and_token_in_this_order() -> None:
    auth = CustomAuth(authorizer="MyAuthorizer", username="alice", token=TOKEN)
    encoded = PLAIN.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert auth.mqtt_username() == (
        f"alice?x-amz-customauthorizer-name=MyAuthorizer&x-amz-customauthorizer-signature={encoded}&token=open-sesame"
    )


@pytest.mark.fact("A4")
def test_without_a_name_the_default_authorizer_is_asked() -> None:
    assert CustomAuth(username="alice").mqtt_username() == "alice"
    username = CustomAuth(username="alice", token=TOKEN).mqtt_username()
    assert username is not None
    assert username.startswith("alice?x-amz-customauthorizer-signature=")


def test_an_unsigned_user_name_has_the_name_alone() -> None:
    assert CustomAuth(authorizer="A", username="alice").mqtt_username() == "alice?x-amz-customauthorizer-name=A"


@pytest.mark.fact("A2")
def test_an_empty_user_part_leaves_the_question_mark_first() -> None:
    assert CustomAuth(authorizer="A").mqtt_username() == "?x-amz-customauthorizer-name=A"


@pytest.mark.fact("A20")
def test_nothing_to_send_is_no_user_name_and_no_password() -> None:
    assert CustomAuth().mqtt_username() is None
    assert CustomAuth().password is None


def test_a_password_is_sent_as_it_is_or_as_utf_8() -> None:
    assert CustomAuth(password=b"\x00\xff").password == b"\x00\xff"
    assert CustomAuth(password="grün").password == "grün".encode()
    assert CustomAuth(password="").password == b""


@pytest.mark.fact("A26")
def test_headers_hold_the_three_values_unencoded() -> None:
    auth = CustomAuth(authorizer="A", username="alice", password="secret", token=TOKEN)
    assert auth.http_headers() == {
        "x-amz-customauthorizer-name": "A",
        "x-amz-customauthorizer-signature": PLAIN,
        "token": "open-sesame",
    }


@pytest.mark.fact("A27")
def test_a_query_holds_the_three_values_percent_encoded() -> None:
    auth = CustomAuth(authorizer="A", username="alice", token=token(value="open sesame"))
    assert auth.url_query() == (
        f"x-amz-customauthorizer-name=A&x-amz-customauthorizer-signature={quote(PLAIN, safe='')}&token=open%20sesame"
    )
    assert CustomAuth(username="alice").url_query() == ""


@pytest.mark.parametrize(
    ("value", "key_name"),
    [("open\nsesame", "token"), ("grün", "token"), (" padded", "token"), ("padded ", "token"), ("x", "to ken")],
)
def test_what_a_header_cannot_carry_is_refused_for_headers_alone(value: str, key_name: str) -> None:
    auth = CustomAuth(token=token(key_name, value))
    assert CustomAuth.parse(auth.mqtt_username()) == auth
    with pytest.raises(CredentialError, match="send it in the user name"):
        auth.http_headers()


# Encoding


@pytest.mark.fact("A8")
@pytest.mark.fact("A9")
def test_the_signature_is_encoded_wholly_the_slash_included() -> None:
    username = CustomAuth(token=TOKEN).mqtt_username()
    assert username is not None
    assert PLAIN.count("/") > 0
    assert f"={quote(PLAIN, safe='')}&" in username


@pytest.mark.fact("A11")
@pytest.mark.parametrize("character", [chr(code) for code in range(0x100)])
def test_elsewhere_only_what_would_break_the_grammar_is_encoded(character: str) -> None:
    raw = character in string.printable and not character.isspace() and character not in "%&?+#"
    expected = character if raw else "".join(f"%{byte:02X}" for byte in character.encode())
    username = CustomAuth(authorizer=character, token=token(value=character)).mqtt_username()
    assert username is not None
    assert username.startswith(f"?x-amz-customauthorizer-name={expected}&")
    assert username.endswith(f"&token={expected}")


def test_an_equals_sign_is_raw_in_a_value_and_encoded_in_a_token_key_name() -> None:
    username = CustomAuth(authorizer="a=b", token=token("k=", "v=w")).mqtt_username()
    assert username is not None
    assert "-name=a=b&" in username
    assert username.endswith("&k%3D=v=w")


@pytest.mark.fact("A18")
@given(user_parts())
def test_the_user_part_is_sent_verbatim(user: str) -> None:
    assert CustomAuth(authorizer="A", username=user).mqtt_username() == f"{user}?x-amz-customauthorizer-name=A"


@given(custom_auths())
def test_what_follows_the_question_mark_is_ascii_that_no_parser_misreads(auth: CustomAuth) -> None:
    text = (auth.mqtt_username() or "").removeprefix(auth.username).removeprefix("?")
    assert set(text) <= set(string.ascii_letters + string.digits + string.punctuation) - set("?#+")
    assert all(piece.count("=") >= 1 for piece in text.split("&") if text)


@given(custom_auths())
def test_a_masked_form_shows_all_but_token_and_signature(auth: CustomAuth) -> None:
    username, query = auth.mqtt_username(), auth.url_query()
    if auth.token is None:
        assert auth.masked_username() == username
        assert auth.masked_query() == query
        return
    assert username is not None
    for masked, plain in ((auth.masked_username(), username), (auth.masked_query(), query)):
        assert masked is not None
        parameters = plain.removeprefix(auth.username).removeprefix("?").split("&")
        names = [f"{parameter.partition('=')[0]}=***" for parameter in parameters[-2:]]
        assert masked == plain.removesuffix("&".join(parameters[-2:])) + "&".join(names)


# Signatures: mended or refused


@given(signatures(), st.sampled_from(["", "/", "+/="]))
@pytest.mark.fact("A10")
def test_a_percent_encoded_signature_is_taken_as_the_plain_one(plain: str, safe: str) -> None:
    assert token(signature=quote(plain, safe=safe)).signature == plain


@pytest.mark.fact("A10")
def test_a_signature_encoded_with_small_letters_is_taken_too() -> None:
    assert token(signature=quote(PLAIN, safe="").replace("%2F", "%2f")).signature == PLAIN


WRONG_SIGNATURES = {
    "nothing": ("", "is empty; sign the token"),
    "base64url": (PLAIN.replace("+", "-").replace("/", "_"), "is base64url; replace - with [+] and _ with /"),
    "base64url without padding": (PLAIN.replace("+", "-").rstrip("="), "is base64url"),
    "wrapped by openssl": (f"{PLAIN[:64]}\n{PLAIN[64:]}", "has line breaks; join the lines"),
    "wrapped by Windows": (f"{PLAIN[:64]}\r\n{PLAIN[64:]}", "has line breaks"),
    "a line end at its end": (f"{PLAIN}\n", "has line breaks"),
    "plus read as space": (PLAIN.replace("+", " "), "has spaces: a [+] was decoded to a space"),
    "padding lost": (PLAIN.rstrip("="), "lacks its = padding"),
    "cut in a group": (PLAIN[:-7], "cut off"),
    "cut between groups": (PLAIN[:-8], "is 252 bytes, but a 2048-bit key makes 256; it is cut off"),
    "padding in the middle": ("QQ==" + PLAIN[4:], "not base64"),
    "padding in the wrong place": (PLAIN[:-3] + "===", "not base64"),
    "hexadecimal": ("5a" * 256, "is hexadecimal; give it in base64"),
    "capital hexadecimal": ("5A" * 256, "is hexadecimal; give it in base64"),
    "quotation marks": (f'"{PLAIN}"', "not base64"),
    "an HMAC": (base64.b64encode(bytes(32)).decode(), "32 bytes, but a 2048-bit key makes 256; it is cut off or of"),
    "encoded twice": (quote(quote(PLAIN, safe=""), safe=""), "percent-encoded once too often"),
    "a lone percent sign": (PLAIN[:8] + "%" + PLAIN[8:], "holds a % that is not followed by two hexadecimal digits"),
    "percent-encoded binary": ("%FF%FE" + PLAIN, "not UTF-8 after percent-decoding"),
    "too long": (signature(size=1923), "longer than 2560 characters"),
}


@pytest.mark.parametrize(("wrong", "message"), WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES.keys())
def test_a_spoilt_signature_is_refused_with_what_happened_to_it(wrong: str, message: str) -> None:
    with pytest.raises(CredentialError, match=message):
        token(signature=wrong)


def test_signatures_of_2048_bits_to_the_longest_are_taken() -> None:
    assert token(signature=signature(size=256)).signature == signature(size=256)
    assert len(token(signature=signature(size=1920)).signature) == 2560


# Everything else that is refused


def test_half_a_signed_token_cannot_be_written() -> None:
    parts = {"key_name": "token", "value": "open-sesame", "signature": PLAIN}
    for left_out in parts:
        with pytest.raises(TypeError, match=left_out):
            SignedToken(**{name: part for name, part in parts.items() if name != left_out})


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "an empty authorizer name": (
        lambda: CustomAuth(authorizer=""),
        "authorizer name is empty; leave it out to use the endpoint's default authorizer",
    ),
    "an authorizer name that is too long": (
        lambda: CustomAuth(authorizer="a" * 129),
        "has 129 characters; .* 1 to 128",
    ),
    "a surrogate in the authorizer name": (lambda: CustomAuth(authorizer="\ud800"), "lone surrogate"),
    "a question mark in the user part": (lambda: CustomAuth(username="a?b"), "holds a '[?]': .* after the last"),
    "a NUL in the user part": (lambda: CustomAuth(username="a\0b"), "holds a NUL, which MQTT cannot carry"),
    "a surrogate in the user part": (lambda: CustomAuth(username="a\udfff"), "lone surrogate"),
    "a user name that is too long": (lambda: CustomAuth(username="ü" * 32768), "longer than 65535 bytes"),
    "a user name that its parameters make too long": (
        lambda: CustomAuth(username="a" * 65510, authorizer="A"),
        "longer than 65535 bytes .*; shorten the user part",
    ),
    "a password that is too long": (lambda: CustomAuth(password=bytes(65536)), "password is longer than 65535 bytes"),
    "a text password that is too long": (lambda: CustomAuth(password="ü" * 32768), "password is longer"),
    "a surrogate in the password": (lambda: CustomAuth(password="\ud800"), "password is not valid Unicode"),
    "an empty token": (lambda: token(value=""), "the token has 0 characters; AWS takes 1 to 6144"),
    "a token that is too long": (lambda: token(value="t" * 6145), "the token has 6145 characters"),
    "a surrogate in the token": (lambda: token(value="\ud800"), "the token is not valid Unicode"),
    "an empty token key name": (lambda: token(key_name=""), "token key name has 0 characters; AWS takes 1 to 128"),
    "a token key name that is too long": (lambda: token(key_name="k" * 129), "token key name has 129 characters"),
    "AWS's name as token key name": (
        lambda: token(key_name="X-Amz-CustomAuthorizer-Name"),
        "cannot be a token key name: .* give the authorizer's token key name",
    ),
    "the SDK's name as token key name": (lambda: token(key_name="SDK"), "cannot be a token key name"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_refused_with_the_mend(make: Callable[[], object], message: str) -> None:
    with pytest.raises(CredentialError, match=message):
        make()


@pytest.mark.fact("A21")
def test_the_longest_that_aws_takes_is_taken() -> None:
    longest = token(key_name="k" * 128, value="t" * 6144)
    CustomAuth(authorizer="a" * 128, username="u" * 50_000, password=bytes(65535), token=longest)
    assert CustomAuth(username="u" * 65535).mqtt_username() == "u" * 65535


def test_credentials_cannot_be_changed() -> None:
    auth = CustomAuth(username="alice")
    with pytest.raises(FrozenInstanceError):
        auth.username = "bob"  # type: ignore[misc]


# JSON Web Tokens


def jwt(header: object, signature: bytes = b"\xfb\xef\xff" * 86) -> str:
    segments = [json.dumps(header).encode(), b'{"sub":"alice"}', signature]
    return ".".join(base64.urlsafe_b64encode(segment).rstrip(b"=").decode("ascii") for segment in segments)


@pytest.mark.fact("B18")
def test_a_jwt_becomes_the_token_and_the_signature_that_it_holds() -> None:
    text = jwt({"alg": "RS256"})
    auth = CustomAuth.from_jwt(f"{text}\n", token_key_name="jwt", authorizer="A", username="alice", password="secret")
    assert auth == CustomAuth(
        authorizer="A",
        username="alice",
        password=b"secret",
        token=SignedToken(
            key_name="jwt",
            value=text.rpartition(".")[0],
            signature=base64.b64encode(b"\xfb\xef\xff" * 86).decode("ascii"),
        ),
    )


WRONG_JWTS = {
    "two segments": ("e30.e30", "not a compact JWT"),
    "four segments": ("e30.e30.e30.e30", "not a compact JWT"),
    "no signature": (jwt({"alg": "RS256"}, b""), "not a compact JWT"),
    "standard base64": ("e30=.e30=.AAAA", "not a compact JWT"),
    "a header that is no base64": ("eyJhb.e30.AAAA", "not a JWT: its first segment is not a JSON object"),
    "a header that is no JSON": ("AAAA.e30.AAAA", "not a JWT: its first segment"),
    "a header that is no object": (jwt(["RS256"]), "not a JWT: its first segment"),
    "a header that nests too deeply": (
        base64.urlsafe_b64encode(b"[" * 99_999).decode("ascii").rstrip("=") + ".e30.AAAA",
        "not a JWT: its first segment",
    ),
    "HMAC": (jwt({"alg": "HS256"}), "not signed with RS256"),
    "no algorithm": (jwt({"typ": "JWT"}), "not signed with RS256"),
    "a signature that is too short": (jwt({"alg": "RS256"}, bytes(32)), "32 bytes, but a 2048-bit key makes 256"),
    "a signature of an impossible length": (jwt({"alg": "RS256"}) + "A", "not base64"),
}


@pytest.mark.parametrize(("text", "message"), WRONG_JWTS.values(), ids=WRONG_JWTS.keys())
def test_what_is_no_rs256_jwt_is_refused(text: str, message: str) -> None:
    with pytest.raises(CredentialError, match=message):
        CustomAuth.from_jwt(text, token_key_name="jwt")


# Secrets

TOKEN_MARK, SIGNATURE_MARK, PASSWORD_MARK = "T0KENMARK", "S1GNATUREMARK", "PASSW0RDMARK"
SIGNED_MARK = f"{SIGNATURE_MARK}{PLAIN[len(SIGNATURE_MARK) :]}"


def assert_nothing_shown(attempt: Callable[..., object], *arguments: object, **options: object) -> None:
    """Make an attempt, and look for the marks in all that can be read of its result or of its error."""
    try:
        texts = [repr(attempt(*arguments, **options))]
    except CustomAuthError as error:
        texts = texts_of(error)
    for text, mark in itertools.product(texts, (TOKEN_MARK, SIGNATURE_MARK, PASSWORD_MARK)):
        assert mark not in text


# Any text, lone surrogates and wrong percent-encodings included: those are refused on the way.
around = st.text(st.characters() | st.sampled_from("%&=?+#\0\n\ud800"), max_size=8) | st.sampled_from(
    ["", "%FF", "%zz", "&", "&x=y&", "=", "?", "\ud800"]
)


@given(around, around, around)
def test_no_repr_error_or_traceback_of_building_holds_a_secret(before: str, after: str, name: str) -> None:
    value, password = f"{before}{TOKEN_MARK}{after}", f"{before}{PASSWORD_MARK}{after}"

    def build(**token: str) -> CustomAuth:
        return CustomAuth(authorizer=name, username=name, password=password, token=SignedToken(**token))

    for proof in (f"{before}{SIGNATURE_MARK}{after}", SIGNED_MARK):
        assert_nothing_shown(build, key_name=name, value=value, signature=proof)
        assert_nothing_shown(build, key_name="token", value=value, signature=proof)
        assert_nothing_shown(CustomAuth.from_jwt, f"{value}.{value}.{proof}", token_key_name="jwt")
    assert_nothing_shown(CustomAuth, username=f"alice?token={value}")
    assert_nothing_shown(CustomAuth, password=password)
    assert_nothing_shown(CustomAuth, password=password.encode(errors="replace"))


@given(around, around)
def test_no_repr_error_or_traceback_of_parsing_holds_a_secret(before: str, after: str) -> None:
    value, password = f"{before}{TOKEN_MARK}{after}", PASSWORD_MARK.encode()
    for proof in (f"{before}{SIGNATURE_MARK}{after}", SIGNED_MARK):
        raw = f"token={value}&x-amz-customauthorizer-signature={proof}"
        encoded = raw.replace(proof, quote(proof, safe="", errors="replace"))
        headers = {"token": value, "X-Amz-CustomAuthorizer-Signature": proof}
        assert_nothing_shown(CustomAuth.parse_headers, headers, token_key_name="token")
        # Sent without its name: what precedes an = would by the grammar be a name, and names are shown.
        nameless = value.replace("=", "")
        texts = (raw, encoded, f"token={value}", f"&{nameless}&{raw}", f"x-amz-customauthorizer-name=&{encoded}")
        for text, key_name in itertools.product(texts, (None, "token", "other")):
            assert_nothing_shown(CustomAuth.parse, f"alice?{text}", password, token_key_name=key_name)
            assert_nothing_shown(CustomAuth.parse_query, text, token_key_name=key_name)


def test_what_headers_cannot_carry_is_not_shown() -> None:
    assert_nothing_shown(CustomAuth(token=token(value=f"ü{TOKEN_MARK}")).http_headers)


@pytest.mark.parametrize("text", [TOKEN_MARK, f"{TOKEN_MARK}=", f"{TOKEN_MARK}==", f"&{TOKEN_MARK}"])
def test_a_token_that_was_sent_without_its_name_is_not_shown(text: str) -> None:
    assert_nothing_shown(CustomAuth.parse, f"alice?{text}")
    assert_nothing_shown(CustomAuth.parse, f"alice?{text}", token_key_name="token")
    assert_nothing_shown(CustomAuth.parse, f"alice?{text}&x-amz-customauthorizer-signature=", token_key_name="token")


def test_a_piece_of_a_token_whose_ampersand_was_not_encoded_is_not_shown() -> None:
    username = f"alice?token=a&{TOKEN_MARK}=b&x-amz-customauthorizer-signature={PLAIN}"
    for key_name in (None, "token", "other"):
        assert_nothing_shown(CustomAuth.parse, username, token_key_name=key_name)


def test_the_mark_would_be_found_where_it_is_shown() -> None:
    with pytest.raises(AssertionError):
        assert_nothing_shown(unquote, TOKEN_MARK)


@pytest.mark.parametrize(
    "wrong", [{"token": "x"}, {"authorizer": b"x"}, {"username": 3}], ids=lambda wrong: next(iter(wrong))
)
def test_a_part_of_the_wrong_type_is_refused_with_the_mend(wrong: dict[str, Any]) -> None:
    with pytest.raises(CredentialError, match="give"):
        CustomAuth(**wrong)
