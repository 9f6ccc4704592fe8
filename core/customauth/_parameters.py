"""The grammar of the parameters that follow the last ``?`` of an MQTT user name (A1-A11, J1): pure text functions.

``k=v&k=v``: split at ``&``, each piece at its first ``=``, both sides percent-decoded once.
"""

from __future__ import annotations

import contextlib
import re
from urllib.parse import quote, unquote

AUTHORIZER_NAME = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"
SDK_NAMES = frozenset({"SDK", "Platform", "Metadata", "Version"})
"""The parameters that AWS's SDKs append on their own account (A7, J1)."""

# Printable ASCII but for % & ? + # : what the AWS SDKs leave raw and the grammar bears (A9, A11, J1).
_RAW_IN_VALUE = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in "%&?+#")
_RAW_IN_KEY = _RAW_IN_VALUE.replace("=", "")
_SHOWABLE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

Parameters = list[tuple[str, str]]


def encode_key(text: str) -> str:
    """Percent-encode a parameter's name where it would break the grammar."""
    return quote(text, safe=_RAW_IN_KEY)


def encode_value(text: str) -> str:
    """Percent-encode a parameter's value where it would break the grammar."""
    return quote(text, safe=_RAW_IN_VALUE)


def encode_wholly(text: str) -> str:
    """Percent-encode all but letters, digits and ``_.-~``, the slash included (A8, A9)."""
    return quote(text, safe="")


def split_username(username: str) -> tuple[str, str | None]:
    """Split a user name at its last ``?`` into the user part and the raw parameters, None when it has no ``?`` (A5)."""
    user, mark, parameters = username.rpartition("?")
    return (user, parameters) if mark else (username, None)


def split_parameters(text: str) -> Parameters:
    """Split ``k=v&k=v`` into pairs, neither side decoded; a piece without ``=`` has an empty value."""
    pairs = (piece.partition("=") for piece in text.split("&") if piece)
    return [(key, value) for key, _, value in pairs]


def decode(text: str) -> str:
    """Percent-decode once; ``+`` stays ``+`` (A14).

    :raises ValueError: when a ``%`` is not followed by two hexadecimal digits or the bytes are not UTF-8.
    """
    if _BAD_PERCENT.search(text):
        raise ValueError("holds a % that is not followed by two hexadecimal digits; write it as %25")
    with contextlib.suppress(UnicodeDecodeError):
        return unquote(text, errors="strict")
    # Raised out here: the UnicodeDecodeError in its context would hold the value.
    raise ValueError("is not UTF-8 after percent-decoding")


def decode_leniently(text: str) -> str:
    """Percent-decode once, or return the text as it stands when it cannot be decoded."""
    try:
        return decode(text)
    except ValueError:
        return text


def same_name(key: str, wanted: str) -> bool:
    """Compare parameter names: AWS's own two without regard to case, any other exactly (A17)."""
    return key.lower() == wanted if wanted in (AUTHORIZER_NAME, SIGNATURE) else key == wanted


def first(parameters: Parameters, wanted: str) -> str | None:
    """Return the first value of that name (A16), None when there is none."""
    return next((value for key, value in parameters if same_name(key, wanted)), None)


def showable_names(parameters: Parameters) -> list[str]:
    """Return the names that an error or a log may show: the known ones, and the first other that has a value.

    Any further one may be a piece of a token whose ``&`` was not encoded, and one without a value a whole token.
    """
    # A set, since a stranger may send ten thousand of them.
    known = {key for key, _ in parameters if key.lower() in (AUTHORIZER_NAME, SIGNATURE) or key in SDK_NAMES}
    first_other = next((key for key, _ in parameters if key not in known), None)
    return [
        key
        for key, value in parameters
        if value.strip("=") and (key in known or (key == first_other and _SHOWABLE.fullmatch(key)))
    ]
