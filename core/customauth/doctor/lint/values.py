"""Values that stand wrongly: in quotes, exchanged, in another field, or never filled in (A1, A19, B1, B17)."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from customauth import _parameters as grammar
from customauth.doctor.finding import Certainty, Check, Finding
from customauth.doctor.lint.sight import Sight, reported
from customauth.doctor.lint.verification import verifies
from customauth.doctor.setup import Setup
from customauth.doctor.values import (
    exchanged_setup,
    is_exchanged,
    is_placeholder,
    misplaced_in,
    replaced_setup,
    unquoted,
    unquoted_setup,
)


def values(sight: Sight) -> Check | None:
    """Look at how the values stand; None where nothing is to be said of them."""
    findings = [*_placeholders(sight), *_quotes(sight), *_places(sight)]
    return reported("values", *findings, otherwise="") if findings else None


def put_right(sight: Sight) -> Sight:
    """Return what the checks behind this one look at: the signature for itself, not the quotes around it."""
    setup = unquoted_setup(sight.setup, names_only=True)
    if is_exchanged(setup) or _is_surely_exchanged(setup, sight):
        setup = unquoted_setup(exchanged_setup(setup), names_only=True)
    return sight if setup == sight.setup else evolve(Sight.of(setup, sight.now), garbled=sight.garbled)


def _placeholders(sight: Sight) -> Iterator[Finding]:
    for name, text, certainty in _named(sight.setup):
        if is_placeholder(text):
            # No signature has any of those characters.
            sure = certainty is Certainty.LIKELY and (name == "signature" or is_placeholder(text, plain=True))
            find = sight.likely if sure else sight.possible
            evidence = f"the {name} is still the place for one, as ${{NAME}}, <name> or %s"
            yield find("placeholder-left", evidence, {"value": f"the {name}"})


def _quotes(sight: Sight) -> Iterator[Finding]:
    for name, text, certainty in _named(sight.setup):
        find = sight.possible if certainty is Certainty.POSSIBLE or name == "token" else sight.likely
        if unquoted(text) != text:
            yield find("value-quoted", f"the {name} has quotes around it", {"value": f"the {name}"})
        elif name in ("user part", "password") and text.strip() != text and text.strip():
            what = "blank" if text.strip("\r\n") == text else "line end"
            evidence = f"the {name} has a {what} before or behind it"
            yield sight.possible("value-quoted", evidence, {"value": f"the {name}"})


def _places(sight: Sight) -> Iterator[Finding]:
    setup = unquoted_setup(sight.setup, names_only=True)
    if _is_surely_exchanged(setup, sight):
        yield sight.certain(
            "token-and-signature-exchanged", "the token is a signature of what is sent as the signature"
        )
    elif is_exchanged(setup):
        size = len(setup.parts.token or "")
        evidence = f"the token has {size} characters of base64, as a signature has, and the signature has not"
        yield sight.likely("token-and-signature-exchanged", evidence)
    field = misplaced_in(setup)
    if field is not None:
        # Of what is put right: what a cure may show of it.
        told = Sight.of(replaced_setup(setup), sight.now).facts()
        evidence = f"the {field} holds parameters, and AWS reads none of them there"
        yield sight.likely("parameters-misplaced", evidence, told)


def _is_surely_exchanged(setup: Setup, sight: Sight) -> bool:
    return bool(setup.parts.signature) and verifies(Sight.of(exchanged_setup(setup), sight.now))


def _named(setup: Setup) -> Iterator[tuple[str, str, Certainty]]:
    """List the values by what they are called, and how sure it is that none has quotes of its own."""
    parts = setup.parts
    password = None if setup.password is None else setup.password.decode("utf-8", "replace")
    user = grammar.split_username(setup.username or "")[0]
    for name, text, certainty in (
        ("authorizer's name", parts.authorizer, Certainty.LIKELY),
        ("token", parts.token, Certainty.LIKELY),
        ("signature", parts.signature, Certainty.LIKELY),
        ("password", password, Certainty.POSSIBLE),
        ("user part", user, Certainty.POSSIBLE),
    ):
        if text:
            yield name, text, certainty
