"""Throwaway certificates for servers of tests: EC P-256, made once a process, in a folder that goes with it."""

from __future__ import annotations

import atexit
import functools
import ipaddress
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""What :func:`good_identity` is valid for."""


@frozen(kw_only=True)
class Identity:
    """A server's certificate and key, as the files that OpenSSL reads."""

    certificate_file: Path
    key_file: Path
    ca_pem: bytes = field(repr=False)


@frozen(kw_only=True)
class Authority:
    """A throwaway CA."""

    ca_pem: bytes = field(repr=False)
    folder: Path
    _certificate: x509.Certificate = field(repr=False)
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """Make a CA that keeps what it issues in ``folder``.

        :raises OSError: when the folder cannot be written.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"customauth test CA {folder.name}")
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(ca_pem=_pem(certificate), folder=folder, certificate=certificate, key=key)

    def issue(self, *names: str, expired: bool = False) -> Identity:
        """Sign a server certificate for host names and IP addresses.

        :param expired: whether it ended yesterday; else it is valid for a day.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(names[0]), self._certificate.subject, key.public_key(), expired=expired)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate_file = self.folder / f"{certificate.serial_number}.pem"
        key_file = certificate_file.with_suffix(".key")
        certificate_file.write_bytes(_pem(certificate))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Identity(certificate_file=certificate_file, key_file=key_file, ca_pem=self.ca_pem)


@functools.cache
def authority() -> Authority:
    """Return this process's CA."""
    return Authority.create(_folder())


@functools.cache
def good_identity() -> Identity:
    """Return a certificate for this machine's local names."""
    return authority().issue(*LOCAL_NAMES)


@functools.cache
def other_name_identity() -> Identity:
    """Return a certificate for a name that nobody dials."""
    return authority().issue("other.example")


@functools.cache
def expired_identity() -> Identity:
    """Return a certificate for the local names that is no longer valid."""
    return authority().issue(*LOCAL_NAMES, expired=True)


@functools.cache
def stranger_identity() -> Identity:
    """Return a certificate for the local names of a CA that nobody trusts."""
    return Authority.create(_folder()).issue(*LOCAL_NAMES)


def stranger_ca_pem() -> bytes:
    """Return a CA that signed none of :func:`authority`'s servers."""
    return stranger_identity().ca_pem


def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="customauth-testing-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, expired: bool = False
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=-1 if expired else 1))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
