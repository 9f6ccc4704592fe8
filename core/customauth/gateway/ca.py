"""A throwaway certificate authority in a folder, so that clients can trust the gateway's certificate."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from customauth._files import write_private, write_public

_CA_DAYS = 3650
# What TLS clients of today still take from a server.
_SERVER_DAYS = 397
# A kept certificate must not end while the gateway runs.
_LEAST_VALIDITY = timedelta(days=30)


@frozen(kw_only=True)
class ServerIdentity:
    """Files that a TLS server needs, and the CA file that its clients need."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def server_identity(folder: Path, names: Sequence[str]) -> ServerIdentity:
    """Give a server certificate for the names, signed by the folder's CA; what is missing is made.

    A certificate that is there already is kept while it covers all the names and is valid for 30 days more.
    Whoever may do so at the same time as others locks the folder, and loads the files before it lets go.

    :raises ValueError: when the folder holds a CA that cannot be read, or half of one.
    :raises OSError: when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    identity = ServerIdentity(
        ca_file=folder / "ca.pem", certificate_file=folder / "server.pem", key_file=folder / "server-key.pem"
    )
    ca_key_file = folder / "ca-key.pem"
    if identity.ca_file.exists() or ca_key_file.exists():
        ca, ca_key = _load_ca(identity.ca_file, ca_key_file)
    else:
        ca, ca_key = _make_ca()
        write_private(ca_key_file, _key_pem(ca_key))
        write_public(identity.ca_file, ca.public_bytes(serialization.Encoding.PEM))
    if not _is_still_good(identity, ca, names):
        key = _new_key()
        certificate = _make_server_certificate(ca, ca_key, key, names)
        write_private(identity.key_file, _key_pem(key))
        write_public(identity.certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
    return identity


def _is_still_good(identity: ServerIdentity, ca: x509.Certificate, names: Sequence[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(identity.certificate_file.read_bytes())
        key = serialization.load_pem_private_key(identity.key_file.read_bytes(), None)
        certificate.verify_directly_issued_by(ca)
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.ExtensionNotFound):
        return False
    now = datetime.now(UTC)
    return (
        key.public_key() == certificate.public_key()
        and certificate.not_valid_before_utc <= now
        and now + _LEAST_VALIDITY <= certificate.not_valid_after_utc
        and set(map(_general_name, names)) <= set(covered)
    )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_ca(ca_file: Path, key_file: Path) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    try:
        ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"the CA in {ca_file.parent} cannot be read ({error}); remove both files or name another"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != ca.public_key():
        raise ValueError(f"{key_file.name} is not the key of {ca_file}; remove both files or name another folder")
    if ca.not_valid_after_utc <= datetime.now(UTC):
        raise ValueError(f"{ca_file} expired on {ca.not_valid_after_utc:%Y-%m-%d}; remove it and {key_file.name}")
    return ca, key


def _make_ca() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = _new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "customauth local CA")])
    builder = (
        _certificate(name, name, key, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
    )
    return builder.sign(key, hashes.SHA256()), key


def _make_server_certificate(
    ca: x509.Certificate, ca_key: rsa.RSAPrivateKey, key: rsa.RSAPrivateKey, names: Sequence[str]
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = (
        _certificate(subject, ca.subject, key, _SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(issuer_key, critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())


def _certificate(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour of slack for clocks that are a little behind.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=False,
        key_encipherment=not key_cert_sign,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
