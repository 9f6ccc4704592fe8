"""The policy variables of a client certificate and of its thing (A66, D11, D12)."""

from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aloop import run
from customauth.gateway import ConfigError, load_config
from customauth.gateway.certificate_variables import Thing, certificate_variables, thing_variables
from gateways import ALLOW, ARN, StartGateway, connect, named

ECHOING = """
import json

def handler(event, context):
    with open("answer.json") as file:
        answer = json.load(file)
    return answer | {"principalId": event["protocolData"]["tls"]["principalId"]}
"""
DOMAIN = """
[domain_configurations.both]
server_name = "both.example"
authentication_type = "CUSTOM_AUTH_X509"
application_protocol = "SECURE_MQTT"
"""


def make(folder: Path, *, units: tuple[str, ...] = ("pumps", "north")) -> x509.Certificate:
    """Make ``device.crt`` and, with its private key, ``device.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "pump-7"),
            *(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units),
        ]
    )
    names = [x509.DNSName("pump-7.example"), x509.IPAddress(ipaddress.ip_address("192.0.2.7"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Makers")]))
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "device.crt").write_bytes(pem)
    (folder / "device.pem").write_bytes(pem + private)
    return certificate


@pytest.mark.fact("D12")
def test_a_certificate_has_the_variables_that_are_in_it(tmp_path: Path) -> None:
    found = certificate_variables(make(tmp_path), "the id")
    available = found.pop("iot:Certificate.AvailableKeys")
    assert found == {
        "iot:CertificateId": "the id",
        "iot:Certificate.SerialNumber": ("4711",),
        "iot:Certificate.Issuer.Organization": ("Makers",),
        "iot:Certificate.Subject.OrganizationalUnit": ("pumps", "north"),
        "iot:Certificate.Subject.CommonName": ("pump-7",),
        "iot:Certificate.Subject.AlternativeName.DNSName": ("pump-7.example",),
        "iot:Certificate.Subject.AlternativeName.IPAddress": ("192.0.2.7",),
    }
    assert set(available) == found.keys() - {"iot:CertificateId"}


@pytest.mark.fact("D11")
def test_a_thing_has_its_name_type_and_attributes() -> None:
    thing = Thing(name="pump-7", type_name="pump", attributes={"site": "north"})
    assert thing_variables(thing) == {
        "iot:Connection.Thing.IsAttached": "true",
        "iot:Connection.Thing.ThingName": "pump-7",
        "iot:Connection.Thing.ThingTypeName": "pump",
        "iot:Connection.Thing.Attributes[site]": "north",
    }
    bare = thing_variables(Thing(name="pump-8", attributes={}))
    assert "iot:Connection.Thing.ThingTypeName" not in bare


@pytest.mark.fact("A66", "D11", "D12", "D14")
@pytest.mark.parametrize(
    ("client", "allowed"),
    [
        ("${iot:Certificate.Subject.CommonName}", True),
        ("${iot:Certificate.Subject.OrganizationalUnit.1}-device", False),
        ("${iot:Connection.Thing.ThingName}", True),
        ("${iot:Connection.Thing.Attributes[role]}", True),
        ("${iot:Connection.Thing.Attributes[none]}", False),
        ("${iot:Certificate.Subject.Title}", False),
    ],
)
def test_policies_may_name_the_certificate_and_its_thing(
    start_gateway: StartGateway, tmp_path: Path, client: str, allowed: bool
) -> None:
    async def main() -> None:
        make(tmp_path)
        thing = 'thing_name = "pump-7"\nthing_attributes = { role = "pump-7" }\n'
        registered = f'\n[client_certificates.device]\ncertificate = "device.crt"\nstatus = "ACTIVE"\n{thing}'
        statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{ARN}:client/{client}"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        answer = ALLOW | {"policyDocuments": [policy]}
        async with (
            start_gateway(function=ECHOING, answer=answer, authorizers=registered + DOMAIN) as running,
            running.client(sni="both.example", alpn=(), certificate=tmp_path / "device.pem") as device,
        ):
            answered = await device.connect(connect(named("open"), client_id="pump-7"))
            assert answered is not None
            assert (answered.reason_code == 0) is allowed

    run(main())


def test_a_type_without_a_thing_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "f.py").write_text("def handler(event, context): ...")
    (tmp_path / "gateway.toml").write_text(
        '[authorizers.a]\nfunction = "f.py:handler"\nsigning_disabled = true\n'
        '[client_certificates.d]\ncertificate = "device.crt"\nthing_type = "pump"\n'
    )
    with pytest.raises(ConfigError, match=r"client_certificates\.d\.thing_name"):
        load_config(tmp_path / "gateway.toml")
