"""CUSTOM_AUTH_X509: a client certificate beside the authorizer, with real certificates over real TLS."""

from __future__ import annotations

import hashlib
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aloop import run
from customauth.gateway import Decision, Grant, Reason, Refusal
from customauth.mqtt import MqttVersion
from gateways import ALLOW, Keys, Running, StartGateway, allow, connect, named, signed
from httpclient import ask

OPEN = ("x-amz-customauthorizer-name", "open")
# An answer whose principalId is that of the certificate, as AWS wants it (A65).
ECHOING = """
import json

def handler(event, context):
    with open("events", "a") as file:
        file.write(json.dumps(event) + "\\n")
    with open("answer.json") as file:
        answer = json.load(file)
    return answer | {"principalId": event["protocolData"]["tls"]["principalId"]}
"""
CERTIFICATE = """
[client_certificates.device]
certificate = "device.crt"
status = "ACTIVE"
"""


@frozen
class Device:
    """A client certificate in files: ``NAME.crt`` alone, ``NAME.pem`` with its private key."""

    folder: Path
    name: str
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def principal_id(self) -> str:
        return hashlib.sha256(self.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pem"


def make_device(folder: Path, name: str, *, issuer: ec.EllipticCurvePrivateKey | None = None) -> Device:
    """Make a certificate, its subject the same for all.

    :param issuer: the key that signs it, None for its own.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AWS IoT Certificate")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an issuer")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(issuer or key, hashes.SHA256())
    )
    device = Device(folder, name, certificate)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.crt").write_text(device.pem)
    device.file.write_bytes(device.pem.encode() + private)
    return device


def domain(protocol: str = "SECURE_MQTT", kind: str = "CUSTOM_AUTH_X509") -> str:
    return f"""
[domain_configurations.both]
server_name = "both.example"
authentication_type = "{kind}"
application_protocol = "{protocol}"
"""


async def enters(running: Running, device: Device | None, username: str | None = named("open"), **more: Any) -> bool:
    """Return whether a client with a certificate is accepted over MQTT."""
    file = None if device is None else device.file
    async with running.client(sni="both.example", alpn=(), certificate=file) as client:
        answer = await client.connect(connect(username, **more))
        return answer is not None and answer.reason_code == 0


def refused(decision: Decision) -> Refusal:
    assert isinstance(decision.outcome, Refusal)
    return decision.outcome


@pytest.mark.fact("A63", "A64", "C5", "C13", "A18")
@pytest.mark.parametrize("version", [MqttVersion.V311, MqttVersion.V5])
def test_the_function_sees_a_registered_certificate_and_its_id(
    start_gateway: StartGateway, tmp_path: Path, keys: Keys, version: MqttVersion
) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        async with start_gateway(function=ECHOING, authorizers=CERTIFICATE + domain()) as running:
            username = signed(keys.old)
            assert await enters(running, device, username, version=version, password=b"pw")
            event = json.loads(running.events()[0])
            assert event["protocols"] == ["tls", "mqtt"]
            assert event["protocolData"] == {
                "tls": {
                    "serverName": "both.example",
                    "x509CertificatePem": device.pem,
                    "principalId": device.principal_id,
                },
                "mqtt": {"username": username, "password": "cHc=", "clientId": "device"},
            }
            assert event["signatureVerified"] is True
            outcome = running.decisions[0].outcome
            assert isinstance(outcome, Grant)
            assert outcome.principal_id == device.principal_id

    run(main())


@pytest.mark.fact("A63", "A64")
@pytest.mark.parametrize("port", [443, 8443])
def test_over_https_the_function_sees_it_too(start_gateway: StartGateway, tmp_path: Path, port: int) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        tables = CERTIFICATE + domain("HTTPS")
        async with start_gateway(function=ECHOING, authorizers=tables, further_ports={8443: 0}) as running:
            how: dict[str, Any] = {"sni": "both.example", "host": "both.example", "certificate": device.file}
            found = await ask(running, "/topics/a", OPEN, body=b"1", port=port, **how)
            assert found is not None
            assert found.status == 200
            assert json.loads(running.events()[0])["protocolData"]["tls"]["principalId"] == device.principal_id

    run(main())


@pytest.mark.fact("A63")
def test_without_a_certificate_nobody_is_let_in(start_gateway: StartGateway, tmp_path: Path) -> None:
    async def main() -> None:
        make_device(tmp_path, "device")
        async with start_gateway(authorizers=CERTIFICATE + domain()) as running:
            assert not await enters(running, None)
            assert running.events() == []
            assert refused(running.decisions[0]).reason is Reason.NOT_AUTHENTICATED
            assert "wants a client certificate" in refused(running.decisions[0]).why

    run(main())


@pytest.mark.fact("A63")
@pytest.mark.parametrize("status", ["", 'status = "INACTIVE"'])
def test_an_inactive_certificate_lets_nobody_in(start_gateway: StartGateway, tmp_path: Path, status: str) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        tables = f'[client_certificates.device]\ncertificate = "device.crt"\n{status}\n{domain()}'
        async with start_gateway(authorizers=tables) as running:
            assert not await enters(running, device)
            assert running.events() == []
            assert "device is INACTIVE" in refused(running.decisions[0]).why

    run(main())


@pytest.mark.fact("A63")
@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_that_is_not_registered_fails_in_tls(
    start_gateway: StartGateway, tmp_path: Path, highest: ssl.TLSVersion
) -> None:
    async def main() -> None:
        make_device(tmp_path, "device")
        # The same subject, so that it is not the name that tells them apart.
        stranger = make_device(tmp_path, "stranger")
        async with start_gateway(authorizers=CERTIFICATE + domain()) as running:
            assert await first_byte(running, stranger, highest) == b""
            await running.emptied()
            assert running.events() == []
            assert running.decisions == []
            assert len(running.notes()) == 1

    run(main())


async def first_byte(running: Running, device: Device, highest: ssl.TLSVersion) -> bytes:
    """Return the first byte of the answer to a CONNECT, empty where TLS failed."""
    how: dict[str, Any] = {"sni": "both.example", "alpn": (), "certificate": device.file, "highest": highest}
    try:
        # TLS 1.3 lets the client finish before the server has looked.
        async with running.client(**how) as client:
            await client.send_packet(connect(named("open")))
            return await client.reader.read(1)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.fact("A63", "A49")
@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_registered_certificate_is_taken_under_either_version_of_tls(
    start_gateway: StartGateway, tmp_path: Path, highest: ssl.TLSVersion
) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        async with start_gateway(function=ECHOING, authorizers=CERTIFICATE + domain()) as running:
            assert await first_byte(running, device, highest) == b"\x20"

    run(main())


@pytest.mark.fact("A63")
def test_certificates_of_any_issuer_and_of_one_subject_are_told_apart(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    async def main() -> None:
        issuer = ec.generate_private_key(ec.SECP256R1())
        devices = [make_device(tmp_path, name, issuer=issuer) for name in ("device", "second")]
        tables = CERTIFICATE + CERTIFICATE.replace("device", "second") + domain()
        async with start_gateway(function=ECHOING, authorizers=tables) as running:
            for device in devices:
                assert await enters(running, device)
            seen = [json.loads(event)["protocolData"]["tls"]["principalId"] for event in running.events()]
            assert seen == [device.principal_id for device in devices]

    run(main())


@pytest.mark.fact("A65")
def test_a_principal_that_is_not_the_certificates_is_refused(start_gateway: StartGateway, tmp_path: Path) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        async with start_gateway(authorizers=CERTIFICATE + domain()) as running:
            assert not await enters(running, device)
            assert len(running.events()) == 1
            refusal = refused(running.decisions[0])
            assert refusal.reason is Reason.FUNCTION_FAILED
            assert "not the certificate's" in refusal.why

    run(main())


CONNECT_ONLY = allow("client/device", action="iot:Connect")
PUBLISH_ONLY = allow("topic/a", action="iot:Publish")
DENY = allow("topic/a", action="iot:Publish", effect="Deny")


@pytest.mark.fact("A66")
@pytest.mark.parametrize(
    ("returned", "attached", "status"),
    [
        pytest.param([PUBLISH_ONLY], None, 200, id="the function alone"),
        pytest.param(None, PUBLISH_ONLY, 200, id="the certificate alone"),
        pytest.param([], PUBLISH_ONLY, 200, id="the certificate, the function nothing"),
        pytest.param([CONNECT_ONLY], PUBLISH_ONLY, 200, id="the union"),
        pytest.param([CONNECT_ONLY], None, 403, id="neither"),
        pytest.param(None, None, 403, id="nothing at all"),
        pytest.param([DENY], PUBLISH_ONLY, 403, id="denied by the function"),
        pytest.param([PUBLISH_ONLY], DENY, 403, id="denied by the certificate's policy"),
    ],
)
def test_the_certificates_policies_and_the_functions_are_one_set(
    start_gateway: StartGateway, tmp_path: Path, returned: object, attached: object, status: int
) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        answer = {name: value for name, value in (ALLOW | {"policyDocuments": returned}).items() if value is not None}
        policies = "" if attached is None else f"policy_documents = ['{json.dumps(attached)}']\n"
        tables = CERTIFICATE + policies + domain("HTTPS")
        async with start_gateway(function=ECHOING, answer=answer, authorizers=tables) as running:
            how: dict[str, Any] = {"sni": "both.example", "certificate": device.file}
            found = await ask(running, "/topics/a", OPEN, body=b"1", **how)
            assert found is not None
            assert found.status == status

    run(main())


@pytest.mark.fact("A66")
def test_a_policy_attached_to_the_certificate_can_allow_a_connect(start_gateway: StartGateway, tmp_path: Path) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        tables = CERTIFICATE + f"policy_documents = ['{json.dumps(CONNECT_ONLY)}']\n" + domain()
        answer = ALLOW | {"policyDocuments": []}
        async with start_gateway(function=ECHOING, answer=answer, authorizers=tables) as running:
            assert await enters(running, device)
            assert not await enters(running, device, client_id="another")

    run(main())


@pytest.mark.fact("A66", "C20")
def test_without_a_certificate_the_policies_are_not_optional(start_gateway: StartGateway) -> None:
    async def main() -> None:
        answer = {name: value for name, value in ALLOW.items() if name != "policyDocuments"}
        async with start_gateway(answer=answer) as running:
            await running.outcome(connect(named("open")))
            assert "List of policies cannot be null" in refused(running.decisions[0]).why

    run(main())


@pytest.mark.fact("A67")
def test_on_a_plain_name_a_certificate_is_ignored(start_gateway: StartGateway, tmp_path: Path) -> None:
    async def main() -> None:
        make_device(tmp_path, "device")
        stranger = make_device(tmp_path, "stranger")
        tables = CERTIFICATE + domain(kind="CUSTOM_AUTH")
        async with start_gateway(authorizers=tables) as running:
            assert await enters(running, stranger)
            async with running.client(certificate=stranger.file) as client:
                assert await client.connect(connect(named("open"))) is not None
            for event, name in zip(running.events(), ("both.example", "localhost"), strict=True):
                assert json.loads(event)["protocolData"]["tls"] == {"serverName": name}

    run(main())


@pytest.mark.fact("A63")
def test_by_the_host_header_alone_there_is_no_certificate(start_gateway: StartGateway, tmp_path: Path) -> None:
    async def main() -> None:
        device = make_device(tmp_path, "device")
        async with start_gateway(function=ECHOING, authorizers=CERTIFICATE + domain("HTTPS")) as running:
            how: dict[str, Any] = {"sni": None, "host": "both.example", "certificate": device.file}
            found = await ask(running, "/topics/a", OPEN, body=b"1", **how)
            assert found is not None
            assert found.status == 403
            assert running.events() == []

    run(main())
