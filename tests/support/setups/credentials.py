"""Broken set-ups: what the device sends. Import as ``setups.credentials``."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from setups import functions
from setups.keys import STRANGER
from setups.staging import (
    KEY_NAME,
    NAME,
    PUMPS_AUTHORIZER,
    TOKEN,
    Case,
    Cloud,
    Place,
    jwt,
    sign,
    signature_of,
    token_whose_signature_has,
)

NAMED = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"

JWT_AUTHORIZER = PUMPS_AUTHORIZER.replace("signed.py", "jwt.py")


def encoded(text: str) -> str:
    return quote(text, safe="")


def raw(username: Callable[[], str], *more: str, key: bool = False) -> Callable[[Place], list[str]]:
    """Return the words for the raw user name of a device called pump-7."""

    def words(place: Place) -> list[str]:
        known = place.public_key if key else []
        given = ["--from-username-file", place.file("username", username())]
        return [*place.reach(), "-i", "pump-7", *given, *known, *more]

    return words


def signed(
    make: Callable[[Place], list[str]], *more: str, endpoint: str | None = None, key: bool = False
) -> Callable[[Place], list[str]]:
    """Return the words for the options that say who connects."""

    def words(place: Place) -> list[str]:
        known = place.public_key if key else []
        reached = place.reach() if endpoint is None else place.reach(endpoint)
        return [*reached, "-i", "pump-7", *make(place), *known, *more]

    return words


def _wrapped(text: str) -> str:
    """Return base64 as ``openssl base64`` prints it."""
    return re.sub("(.{64})", "\\1\n", text) + "\n"


def _plus() -> str:
    return token_whose_signature_has("+/")


def _jwt_words(place: Place, text: str) -> list[str]:
    return ["--authorizer", "pumps", "--token-key-name", KEY_NAME, "--jwt-file", place.file("jwt", text)]


def _browser(place: Place) -> list[str]:
    query = f"{NAMED}=pumps&{KEY_NAME}={_plus()}&{SIGNATURE}={sign(_plus())}"
    return [*place.reach(f"wss://{NAME}"), "-i", "pump-7", "--from-query-file", place.file("query", query)]


def _whole_jwt(place: Place) -> list[str]:
    text = jwt()
    third = text.rpartition(".")[2]
    plain = base64.b64encode(base64.urlsafe_b64decode(third + "==")).decode()
    return place.signed(text, plain)


_GRAMMAR: list[dict[str, Any]] = [
    {
        "name": "a second question mark",
        "story": "The SDK joins its own parameters with a second ? to a user name that has one already.",
        "cause": "double-question-mark",
        "facts": ("A5", "J9"),
        "words": raw(lambda: f"pump-7?{NAMED}=pumps?{SIGNATURE}={encoded(sign(TOKEN))}&{KEY_NAME}={TOKEN}"),
    },
    {
        "name": "no question mark",
        "story": "The parameters are joined to the user name with & as if the ? were there already.",
        "cause": "question-mark-missing",
        "facts": ("A1", "A5"),
        "words": raw(lambda: f"pump-7&{NAMED}=pumps&{SIGNATURE}={encoded(sign(TOKEN))}&{KEY_NAME}={TOKEN}"),
    },
    {
        "name": "semicolons between the parameters",
        "story": "The parameters are joined with semicolons.",
        "cause": "parameters-not-joined",
        "facts": ("A1", "J1"),
        "words": raw(lambda: f"pump-7?{NAMED}=pumps;{SIGNATURE}={encoded(sign(TOKEN))};{KEY_NAME}={TOKEN}"),
    },
    {
        "name": "a parameter's name with one hyphen more",
        "story": "The parameter is called x-amz-custom-authorizer-name.",
        "cause": "parameter-name-misspelt",
        "facts": ("A1",),
        "words": raw(
            lambda: f"?x-amz-custom-authorizer-name=pumps&{SIGNATURE}={encoded(sign(TOKEN))}&{KEY_NAME}={TOKEN}"
        ),
    },
    {
        "name": "the quotes of a .env file",
        "story": "The user name stands in quotes in a .env file, and docker --env-file hands them on.",
        "cause": "username-wrapped",
        "facts": ("A1", "A5"),
        "words": raw(lambda: f'"pump-7?{NAMED}=pumps&{SIGNATURE}={encoded(sign(TOKEN))}&{KEY_NAME}={TOKEN}"'),
    },
    {
        "name": "the quotes of a literal, behind the signature",
        "story": "The user name is copied out of C source with its quotes, and the signature stands last.",
        "cause": "username-wrapped",
        "facts": ("A1", "A5"),
        "words": raw(lambda: f'"pump-7?{NAMED}=pumps&{KEY_NAME}={TOKEN}&{SIGNATURE}={encoded(sign(TOKEN))}"', key=True),
    },
    {
        "name": "quotes around the authorizer's name",
        "story": "A template writes every value in quotes.",
        "cause": "value-quoted",
        "facts": ("A1", "B1"),
        "words": raw(lambda: f'pump-7?{NAMED}="pumps"&{SIGNATURE}={encoded(sign(TOKEN))}&{KEY_NAME}={TOKEN}'),
    },
    {
        "name": "quotes around the token, with nobody to verify it",
        "story": "The token is copied with its quotes, and the signature was made of it without.",
        "cause": "value-quoted",
        "facts": ("A1", "B17"),
        "words": raw(lambda: f'pump-7?{NAMED}=pumps&{SIGNATURE}={encoded(sign(TOKEN))}&{KEY_NAME}="{TOKEN}"'),
    },
    {
        "name": "quotes around the password",
        "story": "The password stands in quotes in a .env file, and docker --env-file hands them on.",
        "cause": "value-quoted",
        "facts": ("A19",),
        "words": signed(lambda place: place.password(password='"wonderland"')),
    },
    {
        "name": "a variable that nobody expanded",
        "story": "The user name stands in single quotes in a shell script.",
        "cause": "placeholder-left",
        "facts": ("A1",),
        "words": raw(lambda: f"pump-7?{NAMED}=pumps&{SIGNATURE}=${{SIGNATURE}}&{KEY_NAME}={TOKEN}"),
    },
    {
        "name": "token and signature exchanged",
        "story": "The two variables of a build script are exchanged.",
        "cause": "token-and-signature-exchanged",
        "facts": ("A1", "B17"),
        "words": raw(lambda: f"pump-7?{NAMED}=pumps&{SIGNATURE}={TOKEN}&{KEY_NAME}={encoded(sign(TOKEN))}", key=True),
    },
    {
        "name": "the parameters in the client id",
        "story": "The form of a client asks for a client id first, and the parameters are appended to that.",
        "cause": "parameters-misplaced",
        "facts": ("A1", "A22"),
        "words": lambda place: [*place.reach(), *place.password()[2:], "-i", f"pump-7?{NAMED}=meters"],
    },
    {
        "name": "nothing at all",
        "story": "The device is moved here from a broker that let everybody in: it sends no credentials.",
        "cause": "credentials-missing",
        "facts": ("A22",),
        "words": signed(lambda place: []),
    },
    {
        "name": "nothing at all in a WebSocket",
        "story": "The same through a WebSocket, whose upgrade is answered with 403.",
        "cause": "credentials-missing",
        "facts": ("A22", "F7"),
        "words": signed(lambda place: [], endpoint=f"wss://{NAME}"),
    },
    {
        "name": "a user name and a password, and no authorizer named",
        "story": "The device sends user name and password as to any broker; the account has no default authorizer.",
        "cause": "authorizer-not-named",
        "facts": ("A60",),
        "cloud": Cloud(),
        "words": signed(lambda place: place.password()[2:]),
    },
    {
        "name": "a signature without its token",
        "story": "The token, which was thought to be in the signature, is not sent.",
        "cause": "token-missing",
        "facts": ("F8",),
        "words": raw(lambda: f"pump-7?{NAMED}=pumps&{SIGNATURE}={encoded(sign(TOKEN))}"),
    },
    {
        "name": "a token without its signature",
        "story": "The token is sent alone, as a bearer token would be, to an authorizer that wants it signed.",
        "cause": "signature-missing",
        "facts": ("F8",),
        "cloud": Cloud(),
        "words": raw(lambda: f"pump-7?{NAMED}=pumps&{KEY_NAME}={TOKEN}"),
    },
    {
        "name": "the token under another name",
        "story": "The token travels as token; the authorizer's token key name is pump-token.",
        "cause": "token-key-name-mismatch",
        "facts": ("F8", "B3"),
        "cloud": Cloud(),
        "words": signed(lambda place: place.signed(key_name="token")),
    },
]

_SIGNATURES: list[dict[str, Any]] = [
    {
        "name": "a raw plus sign where it is a blank",
        "story": "The signature goes into the user name without any encoding, to a server that reads + as a blank.",
        "cause": "signature-unencoded",
        "facts": ("A8", "A14"),
        "gateway": "plus_is_space = true",
        "words": raw(lambda: f"?{NAMED}=pumps&{KEY_NAME}={_plus()}&{SIGNATURE}={sign(_plus())}", key=True),
    },
    {
        "name": "a raw plus sign in a URL",
        "story": "The browser's program puts the signature into the WebSocket's URL without encodeURIComponent().",
        "cause": "signature-unencoded",
        "facts": ("A14", "A27"),
        "words": _browser,
    },
    {
        "name": "blanks in the signature",
        "story": "A web form on the way has turned the + of the signature into blanks.",
        "cause": "signature-spaces",
        "facts": ("A14",),
        "words": signed(lambda place: place.signed(_plus(), sign(_plus()).replace("+", " "))),
    },
    {
        "name": "percent-encoded twice",
        "story": "The person encodes the signature, and so does the framework's query builder.",
        "cause": "signature-double-encoded",
        "facts": ("A10",),
        "words": raw(lambda: f"?{NAMED}=pumps&{KEY_NAME}={_plus()}&{SIGNATURE}={encoded(encoded(sign(_plus())))}"),
    },
    {
        "name": "base64url",
        "story": "The device's program in Java makes the signature with Base64.getUrlEncoder().",
        "cause": "signature-base64url",
        "facts": ("B18",),
        "words": signed(lambda place: place.signed(_plus(), sign(_plus()).replace("+", "-").replace("/", "_"))),
    },
    {
        "name": "line breaks from openssl",
        "story": "openssl base64 has wrapped the signature into lines of 64 characters.",
        "cause": "signature-line-breaks",
        "facts": ("B17",),
        "words": signed(lambda place: place.signed(signature=_wrapped(sign(TOKEN)))),
    },
    {
        "name": "a signature cut off at 255 characters",
        "story": "The device keeps the signature in a buffer of 256 bytes, so that 255 characters of 344 are left.",
        "cause": "signature-truncated",
        "facts": ("B17",),
        "words": raw(lambda: f"?{NAMED}=pumps&{KEY_NAME}={TOKEN}&{SIGNATURE}={encoded(sign(TOKEN)[:255])}"),
    },
    {
        "name": "a signature cut off where base64 allows it",
        "story": "A column of the database is 256 characters wide, and that is what is left of the signature.",
        "cause": "signature-truncated",
        "facts": ("B17",),
        "words": raw(lambda: f"?{NAMED}=pumps&{KEY_NAME}={TOKEN}&{SIGNATURE}={encoded(sign(TOKEN)[:256])}"),
    },
    {
        "name": "a signature without its padding",
        "story": "A parser that splits at = has taken the two = from the end of the signature.",
        "cause": "signature-truncated",
        "facts": ("B17",),
        "words": raw(lambda: f"?{NAMED}=pumps&{KEY_NAME}={TOKEN}&{SIGNATURE}={encoded(sign(TOKEN).rstrip('='))}"),
    },
    {
        "name": "a signature in hexadecimal",
        "story": "openssl dgst -sha256 -sign … -hex has printed the signature in hexadecimal digits.",
        "cause": "signature-not-base64",
        "facts": ("B17",),
        "words": signed(lambda place: place.signed(signature=signature_of(TOKEN.encode()).hex())),
    },
    {
        "name": "the private key of the other environment",
        "story": "The token is signed with the key of the test environment.",
        "cause": "signature-mismatch",
        "facts": ("B17", "B19"),
        "words": signed(lambda place: place.signed(signature=sign(TOKEN, by=STRANGER.private_pem)), key=True),
    },
    {
        "name": "a key pair that was made anew",
        "story": "The key pair was made again on the device; the authorizer still has the first public key.",
        "cause": "signature-mismatch",
        "facts": ("B19", "B20"),
        "cloud": Cloud(),
        "words": signed(lambda place: place.signed(signature=sign(TOKEN, by=STRANGER.private_pem)), "-V", "3.1.1"),
    },
    {
        "name": "echo without -n",
        "story": "The token was signed with echo TOKEN | openssl dgst, which signs the line end too.",
        "cause": "token-newline",
        "facts": ("B17",),
        "words": signed(lambda place: place.signed(signature=sign(f"{TOKEN}\n")), key=True),
    },
    {
        "name": "echo without -n, seen by the account",
        "story": "The same, and the public key is asked of AWS.",
        "cause": "token-newline",
        "facts": ("B17",),
        "cloud": Cloud(),
        "words": signed(lambda place: place.signed(signature=sign(f"{TOKEN}\n"))),
    },
]

_TOKENS: list[dict[str, Any]] = [
    {
        "name": "an ampersand in the token",
        "story": "The token is site=7&unit=3 and stands in the user name as it is.",
        "cause": "token-unencoded",
        "facts": ("A11", "A15"),
        "words": raw(
            lambda: f"?{NAMED}=pumps&{KEY_NAME}=site=7&unit=3&{SIGNATURE}={encoded(sign('site=7&unit=3'))}", key=True
        ),
    },
    {
        "name": "a token that is encoded twice",
        "story": "The token hall 7/unit 3 is percent-encoded by the person and by the query builder.",
        "cause": "token-double-encoded",
        "facts": ("A15",),
        "words": raw(
            lambda: (
                f"?{NAMED}=pumps&{KEY_NAME}={encoded(encoded('hall 7/unit 3'))}"
                f"&{SIGNATURE}={encoded(sign('hall 7/unit 3'))}"
            ),
            key=True,
        ),
    },
    {
        "name": "yesterday's JWT",
        "story": "The device keeps the JWT that it got at its first start; it ended yesterday.",
        "cause": "jwt-expired",
        "facts": ("B18",),
        "rest": JWT_AUTHORIZER,
        "files": {"jwt.py": functions.JWT},
        "words": signed(lambda place: _jwt_words(place, jwt(lasts=-80_000))),
    },
    {
        "name": "tomorrow's JWT",
        "story": "The clock of the server that issues the JWTs is a day ahead.",
        "cause": "jwt-not-yet-valid",
        "facts": ("B18",),
        "rest": JWT_AUTHORIZER,
        "files": {"jwt.py": functions.JWT},
        "words": signed(lambda place: _jwt_words(place, jwt(begins=86_400, lasts=90_000))),
    },
    {
        "name": "a token for everything",
        "story": "The token lists all rights of the device and has 7000 characters.",
        "cause": "token-too-long",
        "facts": ("A21",),
        "words": signed(lambda place: place.signed("pump-7." * 1000)),
    },
    {
        "name": "a JWT with a shared secret",
        "story": "The identity provider signs its JWTs with HS256.",
        "cause": "jwt-not-rs256",
        "facts": ("B17", "B18"),
        "rest": JWT_AUTHORIZER,
        "files": {"jwt.py": functions.JWT},
        "words": signed(lambda place: _jwt_words(place, jwt(algorithm="HS256"))),
    },
    {
        "name": "the whole JWT as the token",
        "story": "The token is the whole JWT with its third part, and that part is the signature too.",
        "cause": "jwt-whole-as-token",
        "facts": ("B18",),
        "rest": JWT_AUTHORIZER,
        "files": {"jwt.py": functions.JWT},
        "words": signed(_whole_jwt),
    },
]

CASES = tuple(Case(**given) for given in (*_GRAMMAR, *_SIGNATURES, *_TOKENS))
