"""Sign tokens with a key that never leaves AWS Key Management Service (extra ``aws``)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from customauth.aws.account import client as client_of
from customauth.aws.account import open_session, translated
from customauth.credentials import CustomAuth, SignedToken
from customauth.errors import AwsError, CredentialError

ALGORITHM = "RSASSA_PKCS1_V1_5_SHA_256"
"""What AWS IoT verifies (B17), in the words of KMS."""

# KMS takes longer messages as their digest.
_MOST_BYTES = 4096


class KmsSigner:
    """Sign with an RSA key of AWS KMS whose usage is ``SIGN_VERIFY``.

    Nothing is asked, and boto3 not imported, before the first signature. The caller needs ``kms:Sign``, and
    ``kms:GetPublicKey`` for :meth:`public_pem`. A signer may be used by several threads.

    :param key_id: the key's id or ARN, or an alias as ``alias/NAME`` or by its ARN.
    :param client: a client of boto3 for KMS; one is made unless given.
    :param region: None for that of an ARN, of the profile or of the environment.
    :param profile: of AWS's configuration.
    """

    def __init__(
        self, key_id: str, *, client: Any = None, region: str | None = None, profile: str | None = None
    ) -> None:
        if not key_id:
            raise CredentialError("which key of KMS? give its id, its ARN or alias/NAME")
        self.key_id = key_id
        self._region = region
        self._profile = profile
        self._client = client

    def __repr__(self) -> str:
        return f"KmsSigner({self.key_id!r})"

    def sign(self, token: str) -> str:
        """Sign a token as :func:`customauth.signing.sign` does: RSASSA-PKCS1-v1_5 with SHA-256, in base64 (B17).

        :raises CredentialError: the key cannot sign in this way, is disabled or unknown, or the token is no text that
            UTF-8 can carry.
        :raises AwsError: AWS refused for another reason, or was not reached; :class:`AwsNotSetUp` before it was asked.
        """
        try:
            message = token.encode()
        except UnicodeEncodeError:
            raise CredentialError("the token is no text that UTF-8 can carry") from None
        if not message:
            raise CredentialError("the token is empty; give what is to be signed")
        kind = "RAW"
        if len(message) > _MOST_BYTES:
            message, kind = hashlib.sha256(message).digest(), "DIGEST"
        answer = self._ask("sign", KeyId=self.key_id, Message=message, MessageType=kind, SigningAlgorithm=ALGORITHM)
        return base64.b64encode(answer["Signature"]).decode("ascii")

    def public_pem(self) -> bytes:
        """Return the public key in PEM, as ``--token-signing-public-keys`` wants it (B8).

        :raises CredentialError: as :meth:`sign`, and for a key that is not RSA of at least 2048 bits (B7).
        :raises AwsError: as :meth:`sign`.
        """
        from customauth.signing import load_public_key

        der = self._ask("get_public_key", KeyId=self.key_id)["PublicKey"]
        lines = base64.encodebytes(der).replace(b"\n", b"")
        body = b"\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
        pem = b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n"
        load_public_key(pem)
        return pem

    def credentials(
        self,
        *,
        token_key_name: str,
        token: str | Callable[[], str],
        authorizer: str | None = None,
        username: str = "",
        password: str | bytes | None = None,
    ) -> Callable[[], Awaitable[CustomAuth]]:
        """Return a source of credentials for :func:`customauth.connect` or a session: it signs anew at every attempt.

        KMS is asked in a thread, so that the event loop goes on.

        :param token: the token, or a function that makes the next one; it is called in that thread.
        """

        def make() -> CustomAuth:
            value = token() if callable(token) else token
            signed = SignedToken(key_name=token_key_name, value=value, signature=self.sign(value))
            return CustomAuth(authorizer=authorizer, username=username, password=password, token=signed)

        return lambda: asyncio.to_thread(make)

    def _ask(self, operation: str, **parameters: Any) -> Any:
        if self._client is None:
            session = open_session(region=self._region or _region_of(self.key_id), profile=self._profile)
            self._client = client_of(session, "kms")
        try:
            with translated():
                return getattr(self._client, operation)(**parameters)
        except AwsError as error:
            mend = _MENDS.get(error.code)
            if mend is not None:
                raise CredentialError(f"the KMS key {self.key_id} cannot be used ({error.code}); {mend}") from error
            if error.code == "AccessDeniedException":
                permission = "kms:Sign" if operation == "sign" else "kms:GetPublicKey"
                error.hint = f"allow {permission} on the key, in its key policy or to the identity of the credentials"
            raise


_MENDS = {
    "DisabledException": "enable it: aws kms enable-key",
    "InvalidArnException": "give its id, its ARN or alias/NAME",
    "InvalidKeyUsageException": "take an RSA key made with --key-usage SIGN_VERIFY",
    "KMSInvalidStateException": "take a key that is enabled and not to be deleted",
    "NotFoundException": "check its id or alias, and the region",
    "UnsupportedOperationException": "take an RSA key made with --key-usage SIGN_VERIFY",
    "ValidationException": "take an RSA key (--key-spec RSA_2048) made with --key-usage SIGN_VERIFY",
}


def _region_of(key_id: str) -> str | None:
    """Return the region of an ARN."""
    parts = key_id.split(":")
    return parts[3] or None if len(parts) > 5 and parts[0] == "arn" else None
