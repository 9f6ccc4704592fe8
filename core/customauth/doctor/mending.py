"""The set-up without one mistake that is suspected, so that a CONNECT shows whether it is the cause.

Nothing but what is suspected differs: the other parameters travel byte for byte as the device sends them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from customauth import _parameters as grammar
from customauth.credentials import CustomAuth
from customauth.doctor.finding import Certainty, Finding
from customauth.doctor.parameters import (
    AUTHORIZER_NAME,
    SIGNATURE,
    Parameter,
    first,
    parameters_of,
    pieces_cut_off,
)
from customauth.doctor.rewriting import raw, reading, rewritten
from customauth.doctor.setup import Setup
from customauth.doctor.values import exchanged_setup, replaced_setup, unquoted_setup
from customauth.doctor.wrapping import unwrapped
from customauth.errors import CredentialError
from customauth.request import CredentialsIn
from customauth.rules import RULES, Phase

MOST = 3
"""CONNECTs that are made in this way at most: each is a login attempt."""

_ORDER = {key: number for number, key in enumerate(RULES)}


@frozen(kw_only=True)
class Mend:
    """What is to be sent in place of the device's own credentials.

    :ivar rules: what is mended in it.
    :ivar how: in words, behind ``with``.
    """

    rules: tuple[str, ...]
    how: str
    setup: Setup


def mends(setup: Setup, findings: Iterable[Finding]) -> tuple[Mend, ...]:
    """List what is worth a CONNECT: each suspicion mended for itself, and then all of them; :data:`MOST` at most.

    What is certain needs no proof, and with it every other CONNECT is refused as well: then there is none.
    """
    stopping = [each for each in findings if each.known_cause.stops and each.known_cause.phase < Phase.CONNECTED]
    if any(each.certainty is Certainty.CERTAIN for each in stopping):
        return ()
    found = sorted((each for each in stopping if each.rule in _MENDS), key=lambda each: _ORDER[each.rule])
    single = list(_each_alone(setup, found))[:MOST]
    if 1 < len(single) < MOST:
        rules = tuple(rule for mend in single for rule in mend.rules)
        both = _mended(setup, [each for each in found if each.rule in rules])
        if both is not None:
            single.append(Mend(rules=rules, how=" and ".join(mend.how for mend in single), setup=both))
    return tuple(single)


def _each_alone(setup: Setup, found: Sequence[Finding]) -> Iterator[Mend]:
    for rule in dict.fromkeys(each.rule for each in found):
        mended = _mended(setup, [each for each in found if each.rule == rule])
        if mended is not None:
            yield Mend(rules=(rule,), how=_MENDS[rule][0], setup=mended)


def _mended(setup: Setup, found: Sequence[Finding]) -> Setup | None:
    """Mend one thing after the other; None where what is sent stays the same."""
    mended = setup
    for finding in found:
        mended = _MENDS[finding.rule][1](mended, finding.facts) or mended
    return None if _sent(mended) == _sent(setup) else mended


def _sent(setup: Setup) -> tuple[object, ...]:
    return setup.username, setup.password, dict(setup.headers), setup.query


def _one_mark(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    user, *lists = (setup.username or "").split("?")
    if not all("=" in each for each in lists):
        # It stands in the user part, or in a value.
        return None
    return reading(evolve(setup, username=f"{user}?{'&'.join(lists)}", user=user))


def _name_put_right(setup: Setup, facts: Mapping[str, str]) -> Setup | None:
    return _changed(setup, facts.get("parameter"), name=facts.get("meant"))


def _expected_key_name(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    return _changed(setup, setup.parts.token_key_name, name=setup.expected_token_key_name)


def _bare_authorizer(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    name = (setup.parts.authorizer or "").rpartition(":authorizer/")[2].strip()
    return _changed(setup, AUTHORIZER_NAME, value=name)


def _encoded_signature(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    # In a query a raw + was read as a blank.
    return _changed(setup, SIGNATURE, value=(setup.parts.signature or "").replace(" ", "+"))


def _decoded_signature(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    return _changed(setup, SIGNATURE, value=grammar.decode_leniently(setup.parts.signature or ""))


def _encoded_token(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    """Take what stands where the token does for the token itself, with what a raw ``&`` has cut off."""
    parameters = parameters_of(setup)
    token = _token(setup, parameters)
    if token is None or token.place is CredentialsIn.HEADERS:
        return None
    pieces = pieces_cut_off(parameters, token)
    if all(piece.raw_value for piece in pieces):
        # Parameters of their own.
        pieces = []
    whole = "&".join([token.raw_value, *map(raw, pieces)])
    return rewritten(setup, token, value=grammar.decode_leniently(whole), without=pieces)


def _token_encoded_once(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    return _changed(setup, setup.parts.token_key_name, value=grammar.decode_leniently(setup.parts.token or ""))


def _token_without_end(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    return _changed(setup, setup.parts.token_key_name, value=(setup.parts.token or "").rstrip("\r\n"))


def _jwt_taken_apart(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    token = _token(setup, parameters_of(setup))
    if token is None:
        return None
    try:
        signed = CustomAuth.from_jwt(token.value, token_key_name=token.name).token
    except CredentialError:
        return None
    if signed is None:
        return None
    return rewritten(setup, token, value=signed.value, more=[(SIGNATURE, signed.signature)])


def _decoded_password(setup: Setup, _: Mapping[str, str]) -> Setup | None:
    try:
        return evolve(setup, password=base64.b64decode(setup.password or b"", validate=True))
    except binascii.Error:
        return None


_MENDS: Mapping[str, tuple[str, Callable[[Setup, Mapping[str, str]], Setup | None]]] = {
    "username-wrapped": ("the text without what stands around it", lambda setup, _: unwrapped(setup)),
    "value-quoted": ("the values without quotes and blanks around them", lambda setup, _: unquoted_setup(setup)),
    "parameters-misplaced": ("the parameters in the user name", lambda setup, _: replaced_setup(setup)),
    "token-and-signature-exchanged": ("token and signature exchanged", lambda setup, _: exchanged_setup(setup)),
    "double-question-mark": ("one ? in the user name", _one_mark),
    "parameter-name-misspelt": ("the parameter's name put right", _name_put_right),
    "authorizer-name-invalid": ("the authorizer's bare name", _bare_authorizer),
    "token-key-name-mismatch": ("the token under the authorizer's token key name", _expected_key_name),
    "signature-unencoded": ("the signature percent-encoded", _encoded_signature),
    "signature-in-header-encoded": ("the signature not encoded", _decoded_signature),
    "token-newline": ("the token without its line end", _token_without_end),
    "token-unencoded": ("the token percent-encoded", _encoded_token),
    "token-double-encoded": ("the token encoded once", _token_encoded_once),
    "jwt-whole-as-token": ("the JWT taken apart into token and signature", _jwt_taken_apart),
    "password-encoding": ("the password decoded from base64", _decoded_password),
}


def _token(setup: Setup, parameters: Sequence[Parameter]) -> Parameter | None:
    name = setup.parts.token_key_name
    return None if name is None else first(parameters, name)


def _changed(setup: Setup, wanted: str | None, *, name: str | None = None, value: str | None = None) -> Setup | None:
    """Give a parameter another name or another value; None where it is not there, or would be empty."""
    parameter = None if wanted is None else first(parameters_of(setup), wanted)
    if parameter is None or not (name or value):
        return None
    return rewritten(setup, parameter, name=name, value=value)
