"""Write one parameter of a set-up anew, and leave the others as they travel."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from customauth import _parameters as grammar
from customauth.doctor.parameters import SIGNATURE, Parameter, parameters_of, parts_of
from customauth.doctor.setup import Setup
from customauth.request import CredentialsIn


def rewritten(
    setup: Setup,
    changed: Parameter,
    *,
    name: str | None = None,
    value: str | None = None,
    more: Sequence[tuple[str, str]] = (),
    without: Sequence[Parameter] = (),
) -> Setup:
    """Write one parameter anew as :class:`~customauth.CustomAuth` would, and leave the others as they travel."""
    place = changed.place
    written = [(name or changed.name, changed.value if value is None else value), *more]
    if place is CredentialsIn.HEADERS:
        kept = {each: text for each, text in setup.headers.items() if each != changed.raw_name}
        return reading(evolve(setup, headers=kept | dict(written)))
    pieces: list[str] = []
    for each in (each for each in parameters_of(setup) if each.place is place and each not in without):
        pieces += [_written(place, *pair) for pair in written] if each == changed else [raw(each)]
    joined = "&".join(pieces)
    if place is CredentialsIn.QUERY:
        return reading(evolve(setup, query=joined))
    user, _ = grammar.split_username(setup.username or "")
    return reading(evolve(setup, username=f"{user}?{joined}"))


def raw(parameter: Parameter) -> str:
    """Return it as it travels."""
    return f"{parameter.raw_name}={parameter.raw_value}" if parameter.raw_value else parameter.raw_name


def reading(setup: Setup) -> Setup:
    """Return it with the parts that are read of what travels now."""
    return evolve(setup, parts=parts_of(parameters_of(setup), setup.expected_token_key_name))


def _written(place: CredentialsIn, name: str, value: str) -> str:
    if place is CredentialsIn.QUERY:
        return f"{grammar.encode_wholly(name)}={grammar.encode_wholly(value)}"
    encode = grammar.encode_wholly if name.lower() == SIGNATURE else grammar.encode_value
    return f"{grammar.encode_key(name)}={encode(value)}"
