"""The throwaway CA: what clients must be able to trust, and what must stay private."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.verification import PolicyBuilder, Store

from aloop import run
from customauth.gateway.ca import ServerIdentity, server_identity


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def handshake(identity: ServerIdentity, server_name: str, *, ca_file: Path | None = None) -> None:
    """Let a client of the standard library check the certificate.

    :raises ssl.SSLError: when it does not trust it.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate_file, identity.key_file)
    client = ssl.create_default_context(cafile=str(ca_file or identity.ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT

    async def main() -> None:
        listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=server_name)
            await reader.read()
            writer.close()
            await writer.wait_closed()

    run(main())


def test_clients_trust_the_certificate_for_each_name_and_address(tmp_path: Path) -> None:
    names = ["localhost", "gateway.example", "127.0.0.1", "::1"]
    identity = server_identity(tmp_path, names)
    for name in names:
        handshake(identity, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(identity, "other.example")


def test_the_chain_keeps_the_rules_that_strict_clients_check(tmp_path: Path) -> None:
    identity = server_identity(tmp_path, ["localhost"])
    verifier = (
        PolicyBuilder().store(Store([certificate(identity.ca_file)])).build_server_verifier(x509.DNSName("localhost"))
    )
    assert len(verifier.verify(certificate(identity.certificate_file), [])) == 2
    lifetime = certificate(identity.certificate_file)
    assert (lifetime.not_valid_after_utc - lifetime.not_valid_before_utc).days <= 398


def test_another_folder_has_another_ca(tmp_path: Path) -> None:
    first, second = (server_identity(tmp_path / name, ["localhost"]) for name in ("one", "two"))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(first, "localhost", ca_file=second.ca_file)


@pytest.fixture
def made(tmp_path: Path) -> ServerIdentity:
    """Make an identity for two names and an address."""
    return server_identity(tmp_path, ["localhost", "gateway.example", "127.0.0.1"])


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def renewed(folder: Path, names: list[str]) -> bool:
    """Start again in a folder; the CA stays, the key goes with the certificate, and clients trust what is there."""
    before = contents(folder)
    identity = server_identity(folder, names)
    after = contents(folder)
    for name in names:
        handshake(identity, name)
    changed = {name for name in before if before[name] != after[name]}
    assert changed in (set(), {"server.pem", "server-key.pem"})
    return bool(changed)


@pytest.mark.parametrize(
    "names", [["localhost", "gateway.example", "127.0.0.1"], ["127.0.0.1", "localhost"], ["gateway.example"]]
)
def test_a_certificate_that_covers_the_names_is_kept(names: list[str], made: ServerIdentity, tmp_path: Path) -> None:
    assert not renewed(tmp_path, names)


@pytest.mark.parametrize("name", ["new.example", "a.gateway.example", "127.0.0.2", "::1"])
def test_a_certificate_that_does_not_cover_a_name_is_made_anew(name: str, made: ServerIdentity, tmp_path: Path) -> None:
    assert renewed(tmp_path, ["localhost", name])


@pytest.mark.parametrize("file", ["server.pem", "server-key.pem"])
@pytest.mark.parametrize("content", [None, b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_server_certificate_that_cannot_be_used_is_made_anew(
    file: str, content: bytes | None, made: ServerIdentity, tmp_path: Path
) -> None:
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    server_identity(tmp_path, ["localhost"])
    handshake(made, "localhost")


@pytest.mark.parametrize("files", [["server.pem"], ["server-key.pem"], ["server.pem", "server-key.pem"]])
def test_a_certificate_of_another_ca_or_key_is_made_anew(
    files: list[str], made: ServerIdentity, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    server_identity(other, ["localhost"])
    for file in files:
        (tmp_path / file).write_bytes((other / file).read_bytes())
    server_identity(tmp_path, ["localhost"])
    handshake(made, "localhost")


@pytest.mark.parametrize(("days", "kept"), [(31, True), (29, False), (-1, False)])
def test_a_certificate_is_kept_while_it_is_valid_for_30_days(
    days: int, kept: bool, made: ServerIdentity, tmp_path: Path
) -> None:
    old, ca = certificate(made.certificate_file), certificate(made.ca_file)
    ca_key = serialization.load_pem_private_key((tmp_path / "ca-key.pem").read_bytes(), None)
    assert isinstance(ca_key, rsa.RSAPrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(ca.subject)
        .public_key(old.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=300))
        .not_valid_after(datetime.now(UTC) + timedelta(days=days))
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    pem = builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    made.certificate_file.write_bytes(pem)
    assert renewed(tmp_path, ["localhost"]) != kept


def test_private_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    server_identity(tmp_path / "new" / "folder", ["localhost"])
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "new" / "folder").iterdir()}
    assert modes["ca-key.pem"] == modes["server-key.pem"] == 0o600
    assert set(modes) == {"ca.pem", "ca-key.pem", "server.pem", "server-key.pem"}


def test_a_common_name_is_cut_where_x509_ends_it(tmp_path: Path) -> None:
    name = f"{'a' * 60}.{'b' * 60}.example"
    handshake(server_identity(tmp_path, [name]), name)


@pytest.mark.parametrize("broken", ["ca.pem", "ca-key.pem"])
def test_a_ca_that_cannot_be_read_is_not_replaced(broken: str, tmp_path: Path) -> None:
    server_identity(tmp_path, ["localhost"])
    (tmp_path / broken).write_text("not PEM")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="cannot be read"):
        server_identity(tmp_path, ["localhost"])
    assert before == {file: file.read_bytes() for file in tmp_path.iterdir()}


@pytest.mark.parametrize("kept", ["ca.pem", "ca-key.pem"])
def test_half_a_ca_is_not_overwritten(kept: str, tmp_path: Path) -> None:
    server_identity(tmp_path / "made", ["localhost"])
    content = (tmp_path / "made" / kept).read_bytes()
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / kept).write_bytes(content)
    with pytest.raises(ValueError, match="remove both files or name another"):
        server_identity(folder, ["localhost"])
    assert [file.read_bytes() for file in folder.iterdir()] == [content]


def test_a_key_of_another_ca_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        server_identity(tmp_path / name, ["localhost"])
    (tmp_path / "one" / "ca-key.pem").write_bytes((tmp_path / "two" / "ca-key.pem").read_bytes())
    with pytest.raises(ValueError, match=r"ca-key\.pem is not the key of"):
        server_identity(tmp_path / "one", ["localhost"])


def test_keys_are_as_strong_as_clients_want(tmp_path: Path) -> None:
    identity = server_identity(tmp_path, ["localhost"])
    for file in (identity.ca_file, identity.certificate_file):
        key = certificate(file).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.key_size >= 2048


def test_a_ca_that_has_expired_is_named_with_what_to_do(tmp_path: Path) -> None:
    identity = server_identity(tmp_path, ["localhost"])
    key = serialization.load_pem_private_key((tmp_path / "ca-key.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    old = certificate(identity.ca_file)
    expired = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(key.public_key())
        .serial_number(old.serial_number)
        .not_valid_before(datetime.now(UTC) - timedelta(days=30))
        .not_valid_after(datetime.now(UTC) - timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    identity.ca_file.write_bytes(expired.public_bytes(serialization.Encoding.PEM))
    with pytest.raises(ValueError, match=r"ca\.pem expired on .*; remove it and ca-key\.pem"):
        server_identity(tmp_path, ["localhost"])
