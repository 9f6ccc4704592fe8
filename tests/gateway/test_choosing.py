"""Who decides, and whether the token's signature is one of its keys': without a network."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from customauth import CustomAuth, SignedToken
from customauth.gateway import Authorizer, DomainConfiguration, Reason, Refusal
from customauth.gateway.choosing import Choice, Proof, check_signature, choose_authorizer
from customauth.gateway.config import GatewayConfig
from customauth.gateway.origin import HttpRequest
from customauth.gateway.presented import Presented
from customauth.gateway.runtimes.functions import PythonFunction
from customauth.signing import KeyPair, generate_key_pair, load_public_key, sign
from gateways import TOKEN, Keys, named, signed

# For the property tests, which cannot take it from a fixture of function scope.
PAIR = generate_key_pair()


@pytest.fixture
def signing(keys: Keys) -> Authorizer:
    """Give a signed authorizer with two keys; its function is never run."""
    return signed_authorizer(keys.old, keys.new)


def signed_authorizer(*pairs: KeyPair, token_key_name: str = "token") -> Authorizer:
    return Authorizer(
        name="signed",
        active=True,
        function=PythonFunction(file=Path("never-run.py"), handler="handler"),
        token_key_name=token_key_name,
        public_keys={f"key{number}": load_public_key(pair.public_pem) for number, pair in enumerate(pairs, 1)},
    )


def presented_token(authorizer: Authorizer, username: str) -> str | None:
    proof = check_signature(authorizer, Presented.read(username, None))
    return proof.token if isinstance(proof, Proof) else None


# The token.


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
# Each signs, which is slow.
@settings(max_examples=30)
@given(
    token=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50),
    key_name=st.from_regex(r"(?!SDK|x-)[a-zA-Z0-9_-]{1,20}", fullmatch=True),
    user=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="?\0"), max_size=20),
)
def test_what_the_client_side_writes_is_read_back(token: str, key_name: str, user: str) -> None:
    signed_token = SignedToken(key_name=key_name, value=token, signature=sign(token, PAIR.private_pem))
    username = CustomAuth(authorizer="signed", username=user, token=signed_token).mqtt_username()
    presented = Presented.read(username, None)
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
        refusal = check_signature(signing, Presented.read(username, None))
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
    refusal = check_signature(signing, Presented.read(f"?{parameters}", None))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.PARAMETER_INVALID
    assert refusal.why.startswith(f"{missing} is missing or empty")


@pytest.mark.fact("B21")
def test_without_signing_nothing_is_verified(signing: Authorizer, keys: Keys) -> None:
    unsigned = evolve(signing, signing_disabled=True, public_keys={})
    for username in (signed(keys.old), signed(keys.stranger), "alice"):
        proof = check_signature(unsigned, Presented.read(username, None))
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
    found = choose_authorizer(config, None, Presented.read(username, None))
    if isinstance(found, Refusal):
        assert found.reason is Reason.NOT_FOUND
        assert chosen in found.why
        assert found.fix
    else:
        assert found.authorizer.name == chosen
        assert found.because == ("named by the client" if "?" in username else "default of the account")


def chosen(domain: DomainConfiguration, username: str, signing: Authorizer, account: str | None = None) -> str:
    others = {name: evolve(signing, name=name) for name in ("signed", "theirs", "account")}
    config = GatewayConfig(authorizers=others, default_authorizer=account)
    found = choose_authorizer(config, domain, Presented.read(username, None))
    return f"{found.authorizer.name}: {found.because}" if isinstance(found, Choice) else found.why


@pytest.mark.fact("A58", "A59", "A60", "I4")
@pytest.mark.parametrize(
    ("default", "override", "username", "expected"),
    [
        ("theirs", True, named("signed"), "signed: named by the client"),
        ("theirs", True, "alice", "theirs: default of domain configuration d"),
        ("theirs", True, named(""), "theirs: default of domain configuration d"),
        ("theirs", False, "alice", "theirs: default of domain configuration d"),
        ("theirs", False, named("theirs"), "theirs: default of domain configuration d, no override"),
        (
            "theirs",
            False,
            named("signed"),
            "theirs: default of domain configuration d, no override, the name 'signed' is ignored",
        ),
        (
            "theirs",
            False,
            named("nobody"),
            "theirs: default of domain configuration d, no override, the name 'nobody' is ignored",
        ),
        ("gone", True, "alice", "there is no authorizer 'gone'"),
        ("theirs", True, named("x" * 129), "there is no authorizer of 129 characters"),
        (
            "theirs",
            False,
            named("x" * 129),
            "theirs: default of domain configuration d, no override, the name of 129 characters is ignored",
        ),
        (None, True, "alice", "account: default of the account"),
        (None, False, named("signed"), "signed: named by the client"),
        (None, False, "alice", "account: default of the account"),
    ],
)
def test_the_default_of_the_name_comes_between_the_named_one_and_the_account_s(
    default: str | None, override: bool, username: str, expected: str, signing: Authorizer
) -> None:
    domain = DomainConfiguration(
        name="d", server_name="d.example", default_authorizer=default, allow_authorizer_override=override
    )
    assert chosen(domain, username, signing, account="account") == expected


# What the form of a signature that does not verify tells.


@pytest.mark.fact("A8", "A14", "B17")
def test_a_signature_that_does_not_verify_gets_the_cure_for_its_form(signing: Authorizer, keys: Keys) -> None:
    # One with both characters that base64 and base64url, and forms and plain text, write differently.
    signed_tokens = ((text, sign(text, keys.old.private_pem)) for text in map(str, range(1000)))
    token, signature = next(pair for pair in signed_tokens if "+" in pair[1] and "/" in pair[1])

    def cure(username: str | None = None, query: str = "") -> str:
        http = HttpRequest(method="GET", path="/mqtt", query=query, headers={}) if query else None
        refusal = check_signature(signing, Presented.read(username, http))
        assert isinstance(refusal, Refusal)
        assert refusal.reason is Reason.PARAMETER_INVALID
        assert signature not in refusal.why
        return refusal.fix

    def fields(sent: str, text: str = token) -> str:
        return f"token={text}&x-amz-customauthorizer-signature={sent}"

    once = quote(signature, safe="")
    assert "once, not twice (A8)" in cure(f"?{fields(quote(once))}")
    assert "+ as %2B: a raw + was read as a blank on the way (A14)" in cure(query=fields(quote(signature, safe="+")))
    url_safe = signature.replace("+", "-").replace("/", "_")
    assert "not base64url (B17)" in cure(f"?{fields(url_safe)}")
    assert "whole signature, with its = at the end" in cure(f"?{fields(signature.rstrip('='))}")
    assert "without white space around it" in cure(f"?{fields(once, f'{token}%0A')}")
    assert cure(f"?{fields(once, f'{token}1')}").startswith("sign exactly the token that is sent")
    assert cure(f"?tocken={token}&x-amz-customauthorizer-signature={once}") == (
        "send the token under the authorizer's token key name, 'token', not 'tocken'"
    )
