"""What each part of the credentials must look like: converters and validators that name the mend, never the value."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from customauth import _parameters as grammar
from customauth.errors import CredentialError

MAX_USERNAME_BYTES = 65535  # A21
MAX_PASSWORD_BYTES = 65535  # A21
MAX_TOKEN_LENGTH = 6144  # A21
MAX_SIGNATURE_LENGTH = 2560  # A21
MAX_NAME_LENGTH = 128  # B1, B3
MIN_SIGNATURE_BYTES = 256  # the smallest key AWS takes has 2048 bits (B7)

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_HEXADECIMAL = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def plain_signature(signature: str) -> str:
    """Turn a signature, raw base64 or percent-encoded, into plain base64, or say what happened to it (A8, A10)."""
    if "%" in signature:
        signature = decoded("the signature", signature)
        encoded_once(signature)
    if not signature:
        raise CredentialError("the signature is empty; sign the token, or leave the token out too")
    if re.search(r"[\r\n]", signature):
        raise CredentialError("the signature has line breaks; join the lines (openssl base64 -A does not wrap)")
    if " " in signature:
        raise CredentialError("the signature has spaces: a + was decoded to a space on the way; send it as %2B")
    if re.search(r"[-_]", signature):
        raise CredentialError("the signature is base64url; replace - with + and _ with / and pad it with = (B18)")
    if _HEXADECIMAL.fullmatch(signature):
        raise CredentialError("the signature is hexadecimal; give it in base64 (openssl base64 -A)")
    if not _BASE64.fullmatch(signature):
        raise CredentialError("the signature is not base64; give the RSA-SHA256 signature of the token in base64")
    if len(signature) % 4:
        raise CredentialError("the signature is cut off or lacks its = padding; copy it whole, the = included")
    if len(signature) > MAX_SIGNATURE_LENGTH:
        raise CredentialError(
            f"the signature is longer than {MAX_SIGNATURE_LENGTH} characters (A21); give the signature alone"
        )
    try:
        size = len(base64.b64decode(signature, validate=True))
    except binascii.Error:
        raise CredentialError("the signature is not base64; its = padding stands in the wrong place") from None
    if size < MIN_SIGNATURE_BYTES:
        raise CredentialError(
            f"the signature is {size} bytes, but a 2048-bit key makes {MIN_SIGNATURE_BYTES}; it is cut off or of "
            "another kind"
        )
    return signature


def encoded_once(signature: str) -> None:
    """Refuse a signature that is still percent-encoded after it was decoded."""
    if "%" in signature:
        raise CredentialError("the signature is percent-encoded once too often; start from its plain base64")


def authorizer_name(name: str | None) -> None:
    """Refuse an authorizer name that AWS cannot have (B1, J9)."""
    if name is not None and not isinstance(name, str):
        raise CredentialError(f"the authorizer name is a {type(name).__name__}; give a text")
    if name == "":
        raise CredentialError(
            "the authorizer name is empty; leave it out to use the endpoint's default authorizer (A60)"
        )
    if name is not None:
        length("the authorizer name", MAX_NAME_LENGTH)(None, None, name)


def user_part(user: str) -> None:
    """Refuse a user part that would be cut or could not be sent."""
    if not isinstance(user, str):
        raise CredentialError(f"the user part is a {type(user).__name__}; give a text")
    if "?" in user:
        raise CredentialError(
            "the user part holds a '?': AWS reads parameters after the last '?' (A5); give authorizer, token and "
            "signature by themselves, and choose a user name without '?'"
        )
    if "\0" in user:
        raise CredentialError("the user part holds a NUL, which MQTT cannot carry; remove it")
    check_text("the user part", user)


def password_bytes(password: str | bytes | None) -> bytes | None:
    """Encode a text password as UTF-8; bytes are taken as they are."""
    if isinstance(password, str):
        check_text("the password", password)
        password = password.encode()
    if password is not None and len(password) > MAX_PASSWORD_BYTES:
        raise CredentialError(f"the password is longer than {MAX_PASSWORD_BYTES} bytes (A21); choose a shorter one")
    return password


def check_text(what: str, text: str) -> None:
    """Refuse a text that UTF-8 cannot carry."""
    # Looked for, not tried: the UnicodeEncodeError in the error's context would hold the text.
    if _LONE_SURROGATE.search(text):
        raise CredentialError(f"{what} is not valid Unicode (a lone surrogate); give it as UTF-8")


def decoded(what: str, text: str) -> str:
    """Percent-decode once, or say which part could not be."""
    try:
        return grammar.decode(text)
    except ValueError as error:
        raise CredentialError(f"{what} {error}") from None


def parameters(text: str) -> grammar.Parameters:
    """Split ``k=v&k=v`` and percent-decode both sides, or say which parameter could not be."""
    return [
        (decoded(f"the name of parameter {number}", key), decoded(f"parameter {number}", value))
        for number, (key, value) in enumerate(grammar.split_parameters(text), start=1)
    ]


def length(what: str, longest: int) -> Callable[[object, object, str], None]:
    """Make an attrs validator for a text of 1 to ``longest`` characters."""

    def check(_: object, __: object, text: str) -> None:
        if not 1 <= len(text) <= longest:
            raise CredentialError(f"{what} has {len(text)} characters; AWS takes 1 to {longest} (A21, B1, B3)")
        check_text(what, text)

    return check
