"""Keys and signatures: RSA key pairs, RSA-SHA256 over a token (B17), and AWS's check with the public key."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Protocol, TypeAlias

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from customauth import _checks as check
from customauth.credentials import SignedToken
from customauth.errors import CredentialError

KEY_SIZES = (2048, 3072, 4096)
"""The key sizes offered, in bits. AWS takes 2048 and more (B7, H5)."""

# The longest passphrase that OpenSSL takes.
_MAX_PASSPHRASE_BYTES = 1023

_NOT_RSA = "this is not an RSA key; AWS verifies RSA-SHA256 only (B17)"

_PrivateKey: TypeAlias = rsa.RSAPrivateKey
_PublicKey: TypeAlias = rsa.RSAPublicKey
_HEADER_LINE = re.compile(rb"^-----BEGIN [A-Z ]+-----\r?$", re.MULTILINE)


@frozen(kw_only=True)
class KeyPair:
    """A key pair in PEM.

    :ivar private_pem: PKCS#8, encrypted when a passphrase was given.
    :ivar public_pem: SubjectPublicKeyInfo, as ``--token-signing-public-keys`` wants it (B8).
    """

    private_pem: bytes = field(repr=False)
    public_pem: bytes


def generate_key_pair(bits: int = 2048, *, passphrase: bytes | None = None) -> KeyPair:
    """Make an RSA key pair for an authorizer.

    :param passphrase: encrypts the private key; 1 to 1023 bytes. None leaves it in clear.
    :raises CredentialError: for a size that is not in :data:`KEY_SIZES`, or such a passphrase.
    """
    if bits not in KEY_SIZES:
        raise CredentialError(f"a key of {bits} bits is not offered; choose one of {', '.join(map(str, KEY_SIZES))}")
    if passphrase is not None and not 1 <= len(passphrase) <= _MAX_PASSPHRASE_BYTES:
        raise CredentialError(f"the passphrase needs 1 to {_MAX_PASSPHRASE_BYTES} bytes; leave it out to use none")
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    encryption: serialization.KeySerializationEncryption = (
        serialization.NoEncryption() if passphrase is None else serialization.BestAvailableEncryption(passphrase)
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return KeyPair(private_pem=private, public_pem=_public_pem(key.public_key()))


def sign(token: str, private_pem: bytes, *, passphrase: bytes | None = None) -> str:
    """Sign a token: RSASSA-PKCS1-v1_5 with SHA-256 over its UTF-8 bytes, in plain base64 (B17).

    :param private_pem: PKCS#1 or PKCS#8, encrypted or not.
    :raises CredentialError: when the key is not a usable RSA private key, the passphrase is wrong or missing, or the
        token is not text that UTF-8 can carry.
    """
    return KeySigner(private_pem, passphrase=passphrase).sign(token)


class KeySigner:
    """A private key that is read once, for those who sign many tokens: reading it takes longer than signing.

    :param private_pem: PKCS#1 or PKCS#8, encrypted or not.
    :raises CredentialError: when it is not a usable RSA private key, or the passphrase is wrong or missing.
    """

    def __init__(self, private_pem: bytes, *, passphrase: bytes | None = None) -> None:
        self._key = _private_key(private_pem, passphrase)

    def sign(self, token: str) -> str:
        """Sign a token as :func:`sign` does.

        :raises CredentialError: when the token is not text that UTF-8 can carry.
        """
        check.check_text("the token", token)
        signature = self._key.sign(token.encode(), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode("ascii")


class Signer(Protocol):
    """What signs a token with a key of its own: a :class:`KeySigner`, or :class:`customauth.KmsSigner`."""

    def sign(self, token: str) -> str:
        """Return the signature of a token in plain base64 (B17)."""
        ...


def signed_token(
    key_name: str,
    value: str,
    private_pem: bytes | None = None,
    *,
    passphrase: bytes | None = None,
    signer: Signer | None = None,
) -> SignedToken:
    """Sign a token and give it the name that the authorizer knows it by.

    :param private_pem: the key that signs, as for :func:`sign`.
    :param signer: what signs in its place.
    :raises CredentialError: as :func:`sign` and :class:`SignedToken`, and for both a key and a signer, or neither.
    """
    if signer is None and private_pem is not None:
        return SignedToken(key_name=key_name, value=value, signature=sign(value, private_pem, passphrase=passphrase))
    if signer is None or private_pem is not None:
        raise CredentialError("what signs the token? give a private key or a signer, one of them")
    return SignedToken(key_name=key_name, value=value, signature=signer.sign(value))


def public_key_of(private_pem: bytes, *, passphrase: bytes | None = None) -> bytes:
    """Return the public key that goes with a private one, in PEM (SubjectPublicKeyInfo).

    :raises CredentialError: as :func:`sign`.
    """
    return _public_pem(_private_key(private_pem, passphrase).public_key())


def verify(token: str, signature: str, public_pem: bytes) -> bool:
    """Say whether the signature is of exactly this token, as AWS does before it calls the function (B20).

    :param signature: plain base64.
    :param public_pem: a public key; a certificate or private key is refused.
    :raises CredentialError: when the key is not a usable RSA public key.
    """
    return public_key_verifies(load_public_key(public_pem), token, signature)


def load_public_key(public_pem: bytes) -> _PublicKey:
    """Read a PEM public key, SubjectPublicKeyInfo or PKCS#1, of at least 2048 bits (B7).

    :raises CredentialError: when it is something else, with what it is where that can be told.
    """
    if b"PRIVATE KEY-----" in public_pem:
        raise CredentialError("this is a private key; give the public key (customauth keygen writes both)")
    if b"-----BEGIN" in public_pem and not _HEADER_LINE.search(public_pem):
        raise CredentialError("the header -----BEGIN PUBLIC KEY----- must be a line of its own, not indented (B8)")
    try:
        key = serialization.load_pem_public_key(public_pem)
    except ValueError:
        raise CredentialError(
            "this is not a PEM public key; give one that begins with -----BEGIN PUBLIC KEY-----"
        ) from None
    except UnsupportedAlgorithm:
        raise CredentialError(_NOT_RSA) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise CredentialError(_NOT_RSA)
    _check_size(key.key_size)
    return key


def public_key_verifies(key: _PublicKey, token: str, signature: str) -> bool:
    """Say whether a loaded public key verifies the signature; a malformed signature verifies nothing."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, token.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _private_key(private_pem: bytes, passphrase: bytes | None) -> _PrivateKey:
    if b"PUBLIC KEY-----" in private_pem and b"PRIVATE KEY-----" not in private_pem:
        raise CredentialError("this is a public key; signing needs the private key")
    encrypted = b"ENCRYPTED" in private_pem
    try:
        key = serialization.load_pem_private_key(private_pem, passphrase if encrypted else None)
    except TypeError:
        raise CredentialError("the private key is encrypted; give its passphrase (--passphrase-file PATH)") from None
    except UnsupportedAlgorithm:
        raise CredentialError(_NOT_RSA) from None
    except ValueError:
        if encrypted:
            raise CredentialError(
                "the passphrase is wrong or the key is damaged; try it with: openssl pkey -noout -in KEY.pem"
            ) from None
        raise CredentialError(
            "this is not a PEM private key; give one that begins with -----BEGIN PRIVATE KEY----- or "
            "-----BEGIN RSA PRIVATE KEY-----"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CredentialError(_NOT_RSA)
    _check_size(key.key_size)
    return key


def _check_size(bits: int) -> None:
    if bits < KEY_SIZES[0]:
        raise CredentialError(f"the key has {bits} bits; AWS takes {KEY_SIZES[0]} and more (B7)")


def _public_pem(key: _PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
