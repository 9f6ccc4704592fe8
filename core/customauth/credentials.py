"""AWS IoT Core custom authentication, as data.

A device that has no client certificate is let in by a *custom authorizer*: a Lambda function of the account's owner,
registered under a name. What the device has to show goes into its MQTT CONNECT. The *password* is any bytes, for the
function to read. The *user name* is one line of text (A1)::

    alice?x-amz-customauthorizer-name=MyAuthorizer&x-amz-customauthorizer-signature=Qm9…%3D&token=open-sesame
    └─┬─┘ └──────────────────┬───────────────────┘ └──────────────────┬──────────────────┘ └───────┬────────┘
    user  which authorizer decides; left out for   proof that the token is from the holder  the token, under the
    part  the endpoint's default authorizer        of the private key: RSA-SHA256, base64   authorizer's token key name

AWS reads the parameters behind the ``?``, finds the authorizer, verifies the signature over exactly the token with the
authorizer's public key (B17), and only then calls the function, with all of it (B20). The function says whether the
device may connect and what it may do. An authorizer with *signing disabled* has no public key and needs neither token
nor signature. Over HTTP the three parameters travel as headers (A26) or as a URL query (A27). In code, the above is::

    token = SignedToken(key_name="token", value="open-sesame", signature="Qm9…=")
    CustomAuth(authorizer="MyAuthorizer", username="alice", password=b"…", token=token).mqtt_username()

:class:`CustomAuth` refuses credentials that cannot work, and is the only place that encodes them. What stands in
brackets, as (A1), is a fact of the specification that this package follows.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from attrs import field, frozen

from customauth import _checks as check
from customauth import _parameters as grammar
from customauth.errors import CredentialError


@frozen(kw_only=True)
class SignedToken:
    """A token, the name the authorizer knows it by, and its signature. There is no half of it.

    :param key_name: the authorizer's token key name, 1 to 128 characters (B3).
    :param value: the token, 1 to 6144 characters (A21).
    :param signature: RSA-SHA256 over exactly the token's bytes, in base64 (B17). Percent-encoded input is decoded.
    :raises CredentialError: with the mend, when a part cannot work.
    """

    key_name: str = field(validator=check.length("the token key name", check.MAX_NAME_LENGTH))
    value: str = field(repr=False, validator=check.length("the token", check.MAX_TOKEN_LENGTH))
    signature: str = field(repr=False, converter=check.plain_signature)

    def __attrs_post_init__(self) -> None:
        # Both could not be told from the parameters that are not the token (J1).
        if self.key_name.lower().startswith("x-amz-") or self.key_name == "SDK":
            raise CredentialError(
                f"{self.key_name!r} cannot be a token key name: AWS and its SDKs use it for something else; "
                "give the authorizer's token key name"
            )


@frozen(kw_only=True)
class CustomAuth:
    """What one device shows a custom authorizer.

    :param authorizer: the authorizer's name, or None for the endpoint's default authorizer (A4, A60).
    :param username: the user part, sent as it is (A18); it may be empty (A2) and cannot hold ``?`` (A5).
    :param password: any bytes, or a text that is sent as UTF-8; None sends none (A20).
    :param token: the signed token, or None for an authorizer with signing disabled (B21).
    :raises CredentialError: with the mend, when a part cannot work.
    """

    authorizer: str | None = None
    username: str = ""
    password: bytes | None = field(default=None, repr=False, converter=check.password_bytes)
    token: SignedToken | None = None

    def __attrs_post_init__(self) -> None:
        if self.token is not None and not isinstance(self.token, SignedToken):
            kind = type(self.token).__name__
            raise CredentialError(f"the token is a {kind}; give SignedToken(key_name=…, value=…, signature=…)")
        check.authorizer_name(self.authorizer)
        check.user_part(self.username)
        if len((self.mqtt_username() or "").encode()) > check.MAX_USERNAME_BYTES:
            raise CredentialError(
                f"the whole MQTT user name is longer than {check.MAX_USERNAME_BYTES} bytes (A21); shorten the user part"
            )

    def mqtt_username(self) -> str | None:
        """Return the user name of the CONNECT packet, None when there is nothing to send (A1, A8, A20).

        The signature is percent-encoded wholly; names and token only where they would break the grammar, because the
        AWS SDKs send the rest raw (A9, A11).
        """
        return self._username(self._named_values())

    def masked_username(self) -> str | None:
        """Return :meth:`mqtt_username` with the token and the signature masked, fit to be shown."""
        return self._username(self._named_values(mask=True))

    def http_headers(self) -> dict[str, str]:
        """Return the headers for a WebSocket upgrade or an HTTP publish; user part and password do not go there (A26).

        :raises CredentialError: when a name or the token has characters that a header cannot carry.
        """
        headers = dict(self._named_values())
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise CredentialError(f"the token key name {name!r} cannot be a header name; send it in the user name")
            if not _HEADER_VALUE.fullmatch(value):
                raise CredentialError(f"the value of header {name} is not plain ASCII text; send it in the user name")
        return headers

    def url_query(self) -> str:
        """Return the query, without ``?``, for a WebSocket URL or an HTTP publish (A27)."""
        return self._query(self._named_values())

    def masked_query(self) -> str:
        """Return :meth:`url_query` with the token and the signature masked, fit to be shown."""
        return self._query(self._named_values(mask=True))

    @classmethod
    def parse(
        cls, username: str | None, password: bytes | None = None, *, token_key_name: str | None = None
    ) -> CustomAuth:
        """Read the credentials back from what a device sends in its CONNECT: ``parse(mqtt_username()) == self``.

        :param token_key_name: the authorizer's token key name. Without it the token is the one parameter that is
            neither ``x-amz-*`` nor an SDK's own (J1).
        :raises CredentialError: when AWS would refuse or misread it, with the mend.
        """
        if (username or "").count("?") > 1:
            raise CredentialError(
                "the user name holds more than one '?': AWS reads parameters after the last one only (A5); "
                "join the parameters with & and percent-encode a '?' in a value as %3F"
            )
        user, text = grammar.split_username(username or "")
        return cls._from_parameters(check.parameters(text or ""), token_key_name, username=user, password=password)

    @classmethod
    def parse_query(cls, query: str, *, token_key_name: str | None = None) -> CustomAuth:
        """Read the credentials back from a URL query, with or without its ``?`` (A27); it is form-decoded (A14).

        :raises CredentialError: as :meth:`parse`.
        """
        form = query.removeprefix("?").replace("+", "%20")
        return cls._from_parameters(check.parameters(form), token_key_name)

    @classmethod
    def parse_headers(cls, headers: Mapping[str, str], *, token_key_name: str) -> CustomAuth:
        """Read the credentials back from HTTP headers, whose names have no case (A17, A26).

        :raises CredentialError: as :meth:`parse`.
        """
        pairs = [(token_key_name if k.lower() == token_key_name.lower() else k, v) for k, v in headers.items()]
        return cls._from_parameters(pairs, token_key_name)

    @classmethod
    def from_jwt(
        cls,
        jwt: str,
        *,
        token_key_name: str,
        authorizer: str | None = None,
        username: str = "",
        password: str | bytes | None = None,
    ) -> CustomAuth:
        """Use an RS256 JSON Web Token, which *is* a signed token: header and claims are the token (B18).

        :raises CredentialError: when it is no compact RS256 JWT.
        """
        segments = jwt.strip().split(".")
        if len(segments) != 3 or not all(_BASE64URL.fullmatch(segment) for segment in segments):
            raise CredentialError("not a compact JWT; give three base64url segments joined by dots")
        header, claims, signature = segments
        if _jwt_algorithm(header) != "RS256":
            raise CredentialError("the JWT is not signed with RS256; AWS verifies RSA-SHA256 only (B17)")
        padded = signature.translate(str.maketrans("-_", "+/")) + "=" * (-len(signature) % 4)
        token = SignedToken(key_name=token_key_name, value=f"{header}.{claims}", signature=padded)
        return cls(authorizer=authorizer, username=username, password=password, token=token)

    def _named_values(self, *, mask: bool = False) -> grammar.Parameters:
        """List name and value of each parameter, unencoded, in the order of the AWS SDK for Python (A6)."""
        values: grammar.Parameters = []
        if self.authorizer is not None:
            values.append((grammar.AUTHORIZER_NAME, self.authorizer))
        if self.token is not None:
            values.append((grammar.SIGNATURE, _MASK if mask else self.token.signature))
            values.append((self.token.key_name, _MASK if mask else self.token.value))
        return values

    def _username(self, values: grammar.Parameters) -> str | None:
        pieces = []
        for name, value in values:
            whole = name == grammar.SIGNATURE and value != _MASK
            encoded = grammar.encode_wholly(value) if whole else grammar.encode_value(value)
            pieces.append(f"{grammar.encode_key(name)}={encoded}")
        return f"{self.username}?{'&'.join(pieces)}" if pieces else self.username or None

    @staticmethod
    def _query(values: grammar.Parameters) -> str:
        encode = grammar.encode_wholly
        return "&".join(f"{encode(name)}={value if value == _MASK else encode(value)}" for name, value in values)

    @classmethod
    def _from_parameters(
        cls,
        pairs: grammar.Parameters,
        token_key_name: str | None,
        *,
        username: str = "",
        password: bytes | None = None,
    ) -> CustomAuth:
        """Build from decoded parameters; the first of a name counts (A16)."""
        key_name = _token_key_name(pairs) if token_key_name is None else token_key_name
        value = None if key_name is None else grammar.first(pairs, key_name)
        signature = grammar.first(pairs, grammar.SIGNATURE)
        authorizer = grammar.first(pairs, grammar.AUTHORIZER_NAME)
        token = None
        if key_name is not None and value is not None and signature is not None:
            check.encoded_once(signature)
            token = SignedToken(key_name=key_name, value=value, signature=signature)
        elif value is not None or signature is not None:
            # Only a name that the caller gave is shown: one found in the parameters may be a piece of a token.
            named = "" if token_key_name is None else f" named {token_key_name!r}"
            found = ", ".join(grammar.showable_names(pairs)) or "nothing with a name"
            if value is None:
                raise CredentialError(
                    f"there is a signature but no token{named} (found: {found}); "
                    "send the token under the authorizer's token key name"
                )
            raise CredentialError(
                f"there is a token{named} but no {grammar.SIGNATURE} (found: {found}); sign the token, "
                "or leave it out for an authorizer with signing disabled"
            )
        return cls(authorizer=authorizer, username=username, password=password, token=token)


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7E](?:[\x20-\x7E]*[\x21-\x7E])?")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_MASK = "***"


def _token_key_name(pairs: grammar.Parameters) -> str | None:
    """Find the one parameter that is neither AWS's nor an SDK's own: ``SDK`` and its details (A7, J1)."""
    keys = [key for key, _ in pairs]
    sdk_own = grammar.SDK_NAMES if "SDK" in keys else frozenset()
    candidates = {key for key in keys if key not in sdk_own and not key.lower().startswith("x-amz-")}
    if len(candidates) > 1:
        raise CredentialError(
            f"{len(candidates)} parameters could be the token; give the authorizer's token key name, "
            "and write a & inside a token as %26"
        )
    return candidates.pop() if candidates else None


def _jwt_algorithm(header: str) -> object:
    import json

    try:
        fields = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise CredentialError("not a JWT: its first segment is not a JSON object; give the token whole")
    return fields.get("alg")
