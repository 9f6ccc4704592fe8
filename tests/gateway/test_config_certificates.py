"""Registered client certificates in the configuration file."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest

from customauth.gateway import ConfigError, GatewayConfig
from customauth.gateway.ca import server_identity
from customauth.gateway.config_parse import parse_config
from customauth.policy import Request, decide

AUTHORIZER = '[authorizers.a]\nfunction = "auth.py:handler"\nsigning_disabled = true\n'
POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}}'


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give two certificates and the private key of one; that they are a server's matters to nobody."""
    first, second = (server_identity(tmp_path_factory.mktemp("ca"), ["device"]) for _ in range(2))
    return {
        "one.pem": first.certificate_file.read_text(),
        "two.pem": second.certificate_file.read_text(),
        "key.pem": first.key_file.read_text(),
    }


@pytest.fixture(autouse=True)
def files(tmp_path: Path, certificates: dict[str, str]) -> None:
    """Write the files that the configurations name."""
    one, two = certificates["one.pem"], certificates["two.pem"]
    contents = certificates | {
        "auth.py": "def handler(event, context): ...",
        "policy.json": POLICY,
        "broken.json": POLICY.replace("Allow", "Perhaps"),
        "both.pem": one + two,
        "with-key.pem": one + certificates["key.pem"],
        "noted.pem": f"subject=device\n{one}",
        "windows.pem": one.replace("\n", "\r\n"),
        "cut.pem": one.replace("\n-----END", "AAAA\n-----END"),
        "empty.pem": "",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content.encode())
    (tmp_path / "latin.json").write_bytes(b'{"Id": "\xe4"}')


def parsed(lines: str, folder: Path) -> GatewayConfig:
    return parse_config(AUTHORIZER + lines, file=folder / "gateway.toml")


def table(certificate: str, lines: str = "", *, name: str = "pump-7") -> str:
    return f'[client_certificates.{name}]\ncertificate = "{certificate}"\n{lines}'


@pytest.mark.fact("A64")
def test_the_principal_is_the_fingerprint_of_the_certificate(certificates: dict[str, str], tmp_path: Path) -> None:
    (registered,) = parsed(table("one.pem"), tmp_path).client_certificates
    assert registered.principal_id == hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificates["one.pem"])).hexdigest()
    assert registered.pem == certificates["one.pem"]


def test_what_is_left_out_is_inactive_and_allows_nothing(tmp_path: Path) -> None:
    (registered,) = parsed(table("one.pem"), tmp_path).client_certificates
    assert (registered.name, registered.active, registered.policy_documents) == ("pump-7", False, ())


@pytest.mark.fact("A66")
def test_policies_come_from_files_or_stand_in_the_file_itself(tmp_path: Path) -> None:
    lines = f"""status = "ACTIVE"\npolicy_documents = ["policy.json", '{POLICY.replace("Allow", "Deny")}']\n"""
    config = parsed(table("one.pem", lines), tmp_path)
    (registered,) = config.client_certificates
    assert registered.active
    request = Request(action="iot:Connect", resource=config.arn("client/pump"), client_id="pump")
    first, second = registered.policy_documents
    assert decide([first], request).allowed
    assert not decide([first, second], request).allowed
    assert config.files == (tmp_path / "gateway.toml", tmp_path / "one.pem", tmp_path / "policy.json")


@pytest.mark.parametrize("name", ["noted.pem", "windows.pem"])
def test_the_certificate_is_kept_without_what_stands_around_it(
    name: str, certificates: dict[str, str], tmp_path: Path
) -> None:
    (registered,) = parsed(table(name), tmp_path).client_certificates
    assert registered.pem == certificates["one.pem"]


def test_a_certificate_may_stand_in_the_file_itself(certificates: dict[str, str], tmp_path: Path) -> None:
    lines = f'[client_certificates.a]\ncertificate = """\n{certificates["one.pem"]}"""\n'
    config = parsed(lines + table("two.pem"), tmp_path)
    assert [registered.pem for registered in config.client_certificates] == [
        certificates["one.pem"],
        certificates["two.pem"],
    ]


@pytest.mark.parametrize(
    ("lines", "place", "says"),
    [
        ("[client_certificates.a]", "a.certificate", "name the PEM file"),
        (table("none.pem"), "pump-7.certificate", "none.pem: No such file"),
        (table("empty.pem"), "pump-7.certificate", "there is no X.509 certificate; give one in PEM"),
        (table("cut.pem"), "pump-7.certificate", "there is no X.509 certificate"),
        (table("policy.json"), "pump-7.certificate", "there is no X.509 certificate"),
        (table("both.pem"), "pump-7.certificate", "there is 2 certificates"),
        (table("with-key.pem"), "pump-7.certificate", "there is a private key; give the certificate alone"),
        (table("key.pem"), "pump-7.certificate", "there is a private key"),
        (
            table("one.pem") + table("noted.pem", name="other"),
            "other.certificate",
            "the same certificate as client_certificates.pump-7",
        ),
        (table("one.pem", 'status = "REVOKED"'), "pump-7.status", "write ACTIVE or INACTIVE (A63)"),
        (table("one.pem", 'policy_documents = "policy.json"'), "pump-7.policy_documents", "a list of texts"),
        (table("one.pem", "policy_documents = [1]"), "pump-7.policy_documents", "a list of texts"),
        (table("one.pem", 'policy_documents = ["no.json"]'), "pump-7.policy_documents", "no.json: No such file"),
        (
            table("one.pem", 'policy_documents = ["policy.json", "broken.json"]'),
            "pump-7.policy_documents",
            "broken.json: Statement.Effect",
        ),
        (table("one.pem", 'policy_documents = ["{"]'), "pump-7.policy_documents", "the document is not JSON"),
        (table("one.pem", 'policy_documents = ["latin.json"]'), "pump-7.policy_documents", "latin.json: 'utf-8'"),
        (table("one.pem", "key = 1"), "pump-7.key", "unknown; known here: certificate, policy_documents, status"),
        (table("one.pem", name='"a b"'), "'a b'", "1 to 128 letters, digits"),
        ("client_certificates.a = 1", "a", "a table"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_mend(lines: str, place: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{lines}\n{AUTHORIZER}", file=tmp_path / "gateway.toml")
    start = f"{tmp_path / 'gateway.toml'} line {caught.value.line}: client_certificates.{place}: "
    assert str(caught.value).startswith(start)
    assert says in str(caught.value)
