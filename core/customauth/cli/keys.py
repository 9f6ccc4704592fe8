"""The key that signs: a file, or a key of AWS KMS."""

from __future__ import annotations

from customauth.cli import secrets

_KMS = "kms:"


def sign_with(key: str, token: str, *, option: str, passphrase: bytes | None) -> str:
    """Sign a token and return the signature in base64.

    :param key: a PEM file, or ``kms:`` and the id, ARN or alias of a key of AWS KMS.
    :param option: the option that names it.
    :raises Misuse: a file that cannot be read.
    :raises CredentialError: a key that cannot sign.
    :raises AwsError: KMS refused, or was not reached.
    """
    if key.startswith(_KMS):
        from customauth.aws.kms import KmsSigner

        return KmsSigner(key.removeprefix(_KMS)).sign(token)
    from customauth.signing import sign

    return sign(token, secrets.read_file(key, option), passphrase=passphrase)
