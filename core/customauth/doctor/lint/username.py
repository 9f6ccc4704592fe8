"""The grammar of the user name: one ``?``, ``&`` between the parameters, ``=`` in each (A1, A5, J1)."""

from __future__ import annotations

import re
from collections.abc import Callable

from customauth import _parameters as grammar
from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.sight import Sight, reported
from customauth.doctor.lint.verification import verifies
from customauth.doctor.parameters import candidates, first, in_username
from customauth.doctor.setup import Origin
from customauth.doctor.wrapping import Wrapping, wrapping_of
from customauth.request import CredentialsIn

NAME = "user name"

_KNOWN = re.compile(r"x-amz-customauthorizer-(?:name|signature)(?![A-Za-z0-9_-])", re.IGNORECASE)
_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,128}=")
# Something follows the =, or it would be the end of a signature whose lines are wrapped.
_JOINED_BY_OTHERS = re.compile(r"[;,|\s]\s*(?P<name>[A-Za-z0-9_-]{1,128})=(?=[^=\s])")
_TOKEN_LIKE = re.compile(r"token|jwt|signature", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_-]")
# What people put for & and for =, as it may be shown.
_SEPARATORS = (
    ("&amp;", "&amp;"),
    ("amp;", "&amp;"),
    ("%26", "%26"),
    ("%3b", "%3B"),
    (";", ";"),
    (",", ","),
    ("|", "|"),
    ("/", "/"),
    (" ", "a blank"),
    ("\t", "a tab"),
    ("\n", "a line end"),
)
_EQUALS = (("%3d", "%3D"), (":", ":"), (" ", "a blank"))


def username(sight: Sight) -> Check:
    """Look at how the parameters stand in the user name."""
    text = sight.setup.username
    around = _about_wrapping(sight)
    if text is None:
        return reported(NAME, *around, *_about_nothing(sight), otherwise="none is sent")
    wrapping = _wrapping(sight, text)
    text = text if wrapping is None else wrapping.inside
    if "?" not in text:
        return reported(NAME, *around, *_without_mark(sight, text), otherwise="a user part without parameters")
    findings = _with_two_marks(sight, text) or _about_joints(sight, text)
    return reported(NAME, *around, *findings, otherwise=f"parameters after the ?: {len(in_username(text))}")


def _about_wrapping(sight: Sight) -> list[Finding]:
    """Look for quotes and the like, which a device sends too when it is given them."""
    setup = sight.setup
    findings = []
    for name, text in ((NAME, setup.username), ("query", setup.query)):
        wrapping = None if text is None else _wrapping(sight, text)
        if wrapping is not None:
            which = "that is sent" if setup.origin is Origin.CAPTURE else "as it was read"
            find = sight.likely if wrapping.sure else sight.possible
            findings.append(find("username-wrapped", f"the {name} {which} has {wrapping.what}"))
    return findings


def _wrapping(sight: Sight, text: str) -> Wrapping | None:
    if sight.setup.origin is Origin.FLAGS and sight.setup.broken is None:
        # It was put together here: what stands around its user part is that value's own.
        return None
    wrapping = wrapping_of(text)
    # A token that was signed with the quote at its end has it rightly.
    return None if wrapping is not None and wrapping.is_end and verifies(sight) else wrapping


def _about_nothing(sight: Sight) -> list[Finding]:
    setup = sight.setup
    if sight.parameters or setup.password is not None or setup.broken_rule is not None:
        return []
    return [sight.likely("credentials-missing", "neither user name nor password nor parameters are sent")]


def _without_mark(sight: Sight, text: str) -> list[Finding]:
    match = _KNOWN.search(text)
    if match is None:
        return []
    evidence = f"{match[0].lower()} stands in the user name, and no ? before it"
    if "%3f" in text[: match.start()].lower():
        evidence += ": the ? is percent-encoded (%3F)"
    return [sight.certain("question-mark-missing", evidence)]


def _with_two_marks(sight: Sight, text: str) -> list[Finding]:
    head, _, tail = text.rpartition("?")
    if "?" not in head:
        return []
    read = in_username(text)
    user, *others = head.split("?")
    unread = [parameter for piece in others for parameter in in_username(f"?{piece}")]
    lost = [
        name
        for name in _wanted(sight)
        if first([*in_username(f"?{user}"), *unread], name) is not None and first(read, name) is None
    ]
    if first(read, grammar.SIGNATURE) is not None and candidates(unread) and not candidates(read):
        lost.append("the token")
    marks = text.count("?")
    if not lost:
        evidence = f"the user name has {marks} question marks; AWS reads all parameters after the last one"
        return [sight.possible("double-question-mark", evidence)]
    if not _PARAMETER.match(tail):
        # No second list of parameters begins there, so it is the middle of a value.
        return [
            sight.certain("token-unencoded", "a ? stands in a parameter's value, and AWS reads only what follows it")
        ]
    evidence = f"the user name has {marks} question marks, and AWS does not read {', '.join(lost)} before the last one"
    return [sight.certain("double-question-mark", evidence)]


def _wanted(sight: Sight) -> list[str]:
    key_name = sight.setup.expected_token_key_name
    return [grammar.AUTHORIZER_NAME, grammar.SIGNATURE, *([key_name] if key_name else [])]


def _about_joints(sight: Sight, text: str) -> list[Finding]:
    """Look for a parameter that begins where none can, or is not followed by ``=``."""
    _, tail = grammar.split_username(text)
    tail = tail or ""
    for match in _KNOWN.finditer(tail):
        before, after, name = tail[: match.start()], tail[match.end() :], match[0].lower()
        if before and not before.endswith("&") and not _WORD.match(before[-1]):
            what = _shown(before.lower()[-5:], _SEPARATORS, str.endswith)
            return [sight.certain("parameters-not-joined", f"{what} stands before {name}, not &")]
        if after and not after.startswith(("=", "&")) and (not before or before.endswith("&")):
            what = _shown(after.lower(), _EQUALS, str.startswith)
            return [sight.certain("parameters-not-joined", f"{what} follows {name}, not =")]
        if before.lower().endswith(("%26", "&amp;")):
            return [sight.certain("parameters-not-joined", f"the & before {name} is encoded")]
    return _about_values(sight)


def _about_values(sight: Sight) -> list[Finding]:
    """Look for a parameter inside the value of one of AWS's own."""
    read = [parameter for parameter in sight.parameters if parameter.place is CredentialsIn.USERNAME]
    for wanted in (grammar.SIGNATURE, grammar.AUTHORIZER_NAME):
        parameter = first(read, wanted)
        match = None if parameter is None else _JOINED_BY_OTHERS.search(parameter.value)
        if match is None or (wanted == grammar.AUTHORIZER_NAME and not _may_be_joined(sight, match)):
            continue
        what = _shown(match[0][:1], _SEPARATORS, str.startswith)
        return [sight.certain("parameters-not-joined", f"another parameter follows {wanted} after {what}, not &")]
    return []


def _may_be_joined(sight: Sight, match: re.Match[str]) -> bool:
    # An authorizer's name may hold , and = (B1).
    if not match[0].startswith(","):
        return True
    return match["name"] == sight.setup.expected_token_key_name or _TOKEN_LIKE.search(match["name"]) is not None


def _shown(text: str, known: tuple[tuple[str, str], ...], fits: Callable[[str, str], bool]) -> str:
    return next((shown for written, shown in known if fits(text, written)), "something else")
