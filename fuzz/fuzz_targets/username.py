"""The grammar of the user name: what the gateway reads leniently, and what the package itself parses and encodes."""

from __future__ import annotations

import contextlib
import re

from customauth import _parameters as grammar
from customauth.credentials import CustomAuth
from customauth.errors import CredentialError
from customauth.gateway.choosing import Choice, Proof, check_signature, choose_authorizer
from customauth.gateway.config import DomainConfiguration
from customauth.gateway.decision import Refusal
from customauth.gateway.presented import Presented
from customauth.gateway.redaction import masked_parameters, redacted, secrets_of
from customauth.mqtt import Connect, MqttVersion
from fuzz_targets import packets, world
from fuzz_targets.target import Target

_KEY_NAMES = (None, "token", "TOKEN", "", "é", "SDK", grammar.AUTHORIZER_NAME, grammar.SIGNATURE.upper())
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_DOMAINS: tuple[DomainConfiguration | None, ...] = (None, *world.CONFIG.domain_configurations)


def run(data: bytes) -> None:
    how, text = (data[0], data[1:].decode(errors="ignore").replace("\0", "")) if data else (0, "")
    _grammar(text)
    _lenient(text, how)
    _strict(text, _KEY_NAMES[how % len(_KEY_NAMES)])


def _grammar(text: str) -> None:
    assert grammar.decode(grammar.encode_key(text)) == text
    assert grammar.decode(grammar.encode_value(text)) == text
    assert grammar.decode(grammar.encode_wholly(text)) == text
    if "%" in text and grammar.decode_leniently(text) != text:
        assert len(_ESCAPE.findall(text)) == text.count("%"), "half an escape was decoded"
    user, rest = grammar.split_username(text)
    assert text == (user if rest is None else f"{user}?{rest}")
    lenient = grammar.decode_leniently
    pairs = [(lenient(key), lenient(value)) for key, value in grammar.split_parameters(rest or "")]
    written = "&".join(f"{grammar.encode_key(key)}={grammar.encode_value(value)}" for key, value in pairs)
    read = [(grammar.decode(key), grammar.decode(value)) for key, value in grammar.split_parameters(written)]
    assert read == pairs, "parameters change on their way"


def _lenient(text: str, how: int) -> None:
    presented = Presented.read(text, None, plus_is_space=bool(how & 1))
    names = presented.names()
    assert all(isinstance(name, str) for name in names)
    masked_parameters(presented)
    secrets = secrets_of(Connect(version=MqttVersion.V5, client_id="", username=text), None)
    redacted(text, secrets)
    choice = choose_authorizer(world.CONFIG, _DOMAINS[how % len(_DOMAINS)], presented)
    for authorizer in world.CONFIG.authorizers.values():
        assert isinstance(check_signature(authorizer, presented), Proof | Refusal)
    if isinstance(choice, Choice):
        proof = check_signature(choice.authorizer, presented)
        if isinstance(proof, Proof) and proof.token is not None:
            assert proof.token == world.TOKEN, "another token has passed for the one that was signed"


def _strict(text: str, token_key_name: str | None) -> None:
    try:
        credentials = CustomAuth.parse(text, token_key_name=token_key_name)
    except CredentialError:
        pass
    else:
        _round_trip(credentials)
    with contextlib.suppress(CredentialError):
        CustomAuth.parse_query(text, token_key_name=token_key_name)


def _round_trip(credentials: CustomAuth) -> None:
    name = None if credentials.token is None else credentials.token.key_name
    written = credentials.mqtt_username()
    assert CustomAuth.parse(written, token_key_name=name) == credentials, "credentials change on their way"
    query = CustomAuth.parse_query(credentials.url_query(), token_key_name=name)
    assert (query.authorizer, query.token) == (credentials.authorizer, credentials.token)
    presented = Presented.read(written, None)
    assert presented.authorizer_name == credentials.authorizer, "the gateway reads another authorizer"
    if credentials.token is not None:
        token = credentials.token
        assert presented.token(token.key_name) == token.value, "the gateway reads another token"
        assert presented.signature == token.signature, "the gateway reads another signature"
        masked = f"{credentials.masked_username()} {credentials.masked_query()}"
        assert token.signature not in masked


def seeds() -> list[bytes]:
    return [bytes((how,)) + username.encode() for how in range(3) for username in packets.usernames()]


TARGET = Target(name="username", run=run, seeds=seeds, words=packets.WORDS, share=20)
