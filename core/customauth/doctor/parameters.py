"""The parameters that travel, raw and as AWS reads them, whether in a user name, a URL query or headers (A1-A28)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from customauth import _parameters as grammar
from customauth.doctor.setup import Parts, Setup
from customauth.request import CredentialsIn

AUTHORIZER_NAME = grammar.AUTHORIZER_NAME
SIGNATURE = grammar.SIGNATURE
TOKEN = "the token key name"  # noqa: S105 no token
"""What :func:`meant` says of a name that stands for the token's."""

# What people write for AWS's two names when they leave out the rest.
_SHORT_NAMES = {
    "authorizer": AUTHORIZER_NAME,
    "authorizername": AUTHORIZER_NAME,
    "customauthname": AUTHORIZER_NAME,
    "customauthorizer": AUTHORIZER_NAME,
    "signature": SIGNATURE,
    "tokensignature": SIGNATURE,
    "authorizersignature": SIGNATURE,
}
_LETTERS = {re.sub("[^a-z]", "", name): name for name in (AUTHORIZER_NAME, SIGNATURE)}
_ALIKE = 0.88
_SHORTEST_ALIKE = 18
_LONGEST_NAME = 64
SIGV4 = frozenset(
    f"x-amz-{name}"
    for name in ("algorithm", "credential", "date", "expires", "security-token", "signature", "signedheaders")
)
"""The parameters of a request that is signed for AWS (SigV4), in lower case."""


@frozen(kw_only=True)
class Parameter:
    """One parameter.

    :ivar name: decoded as AWS decodes it there.
    :ivar value: decoded likewise.
    :ivar raw: name and value as they travel.
    """

    place: CredentialsIn
    name: str = field(repr=False)
    value: str = field(repr=False)
    raw_name: str = field(repr=False)
    raw_value: str = field(repr=False)

    def is_named(self, wanted: str) -> bool:
        """Compare names as AWS does: its own two, and headers, without regard to case (A17)."""
        if self.place is CredentialsIn.HEADERS:
            return self.name.lower() == wanted.lower()
        return grammar.same_name(self.name, wanted)


def in_username(username: str) -> list[Parameter]:
    """Read the parameters behind the last ``?`` of a user name (A1, A5, A14)."""
    _, text = grammar.split_username(username)
    return [
        _parameter(CredentialsIn.USERNAME, name, value, name, value)
        for name, value in grammar.split_parameters(text or "")
    ]


def in_query(query: str) -> list[Parameter]:
    """Read the parameters of a URL query, in which ``+`` is a blank (A14, A27)."""
    return [
        _parameter(CredentialsIn.QUERY, name.replace("+", " "), value.replace("+", " "), name, value)
        for name, value in grammar.split_parameters(query)
    ]


def in_headers(headers: Mapping[str, str]) -> list[Parameter]:
    """Read the parameters of HTTP headers, which are not encoded (A26)."""
    return [
        Parameter(place=CredentialsIn.HEADERS, name=name, value=value, raw_name=name, raw_value=value)
        for name, value in headers.items()
    ]


def parameters_of(setup: Setup) -> list[Parameter]:
    """Read all parameters in the order in which AWS looks at them: user name, query, headers (A16)."""
    return [*in_username(setup.username or ""), *in_query(setup.query or ""), *in_headers(setup.headers)]


def parts_of(parameters: Sequence[Parameter], token_key_name: str | None = None) -> Parts:
    """Read the credentials; the first of a name counts (A16).

    :param token_key_name: where it is known, and it is there, it names the token. Otherwise the token is the first
        parameter that is neither AWS's nor an SDK's own, nor a misspelt one of AWS's (A7, J1).
    """
    token = first(parameters, token_key_name) if token_key_name else None
    if token is None:
        token = next(iter(candidates(parameters)), None)
    authorizer = first(parameters, AUTHORIZER_NAME)
    signature = first(parameters, SIGNATURE)
    return Parts(
        authorizer=None if authorizer is None else authorizer.value,
        token_key_name=None if token is None else token.name,
        token=None if token is None else token.value,
        signature=None if signature is None else signature.value,
    )


def first(parameters: Iterable[Parameter], wanted: str) -> Parameter | None:
    """Return the first parameter of that name."""
    return next((parameter for parameter in parameters if parameter.is_named(wanted)), None)


def candidates(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Return the parameters that may be the token."""
    names = {parameter.name for parameter in parameters}
    sdk_own = grammar.SDK_NAMES if "SDK" in names else frozenset()
    return [
        parameter
        for parameter in parameters
        if parameter.value
        and parameter.name not in sdk_own
        and not parameter.name.lower().startswith("x-amz-")
        and meant(parameter.name) is None
    ]


def pieces_cut_off(parameters: Sequence[Parameter], parameter: Parameter) -> list[Parameter]:
    """Return the parameters after it that may be pieces of its value, cut off by a raw ``&``."""
    pieces = []
    for other in parameters[parameters.index(parameter) + 1 :]:
        if other.place is not parameter.place or other.name.lower().startswith("x-amz-"):
            break
        if other.name in grammar.SDK_NAMES:
            break
        pieces.append(other)
    return pieces


def showable(parameters: Iterable[Parameter]) -> list[str]:
    """Return the names that may be shown: no piece of a token is among them."""
    return grammar.showable_names([(parameter.name, parameter.value) for parameter in parameters])


def meant(name: str) -> str | None:
    """Return which of AWS's names a name looks like without being it, :data:`TOKEN` for a token's; None for others."""
    lowered = name.lower()
    if len(name) > _LONGEST_NAME or lowered in (AUTHORIZER_NAME, SIGNATURE) or lowered in SIGV4:
        return None
    letters = re.sub("[^a-z]", "", lowered)
    if letters in _SHORT_NAMES:
        return _SHORT_NAMES[letters]
    if letters.startswith("xamz") or "customauthorizer" in letters:
        if "sig" in letters:
            return SIGNATURE
        if "token" in letters:
            return TOKEN if letters.startswith("xamz") else None
        return AUTHORIZER_NAME if "name" in letters or "authorizer" in letters else None
    if len(letters) < _SHORTEST_ALIKE:
        return None
    alike = difflib.get_close_matches(letters, _LETTERS, n=1, cutoff=_ALIKE)
    return _LETTERS[alike[0]] if alike else None


def _parameter(place: CredentialsIn, name: str, value: str, raw_name: str, raw_value: str) -> Parameter:
    return Parameter(
        place=place,
        name=grammar.decode_leniently(name),
        value=grammar.decode_leniently(value),
        raw_name=raw_name,
        raw_value=raw_value,
    )
