"""Read the tables ``[client_certificates.NAME]`` of a configuration."""

from __future__ import annotations

import hashlib
import re

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from customauth.gateway.certificate_variables import Thing, certificate_variables, thing_variables
from customauth.gateway.config import ClientCertificate
from customauth.gateway.config_table import Table
from customauth.policy import Policy, PolicyError, parse_policy

_NAME = re.compile(r"[\w.:=,@-]{1,128}", re.ASCII)


def parse_certificates(root: Table) -> tuple[ClientCertificate, ...]:
    """Read the registered client certificates (A63-A66).

    :raises ConfigError: when one is no X.509 certificate, or is there twice.
    """
    certificates: dict[str, ClientCertificate] = {}
    for name, table in root.tables("client_certificates"):
        certificate = _registered(name, table)
        same = certificates.get(certificate.principal_id)
        if same is not None:
            raise table.error("certificate", f"it is the same certificate as client_certificates.{same.name}")
        certificates[certificate.principal_id] = certificate
    return tuple(certificates.values())


def _registered(name: str, table: Table) -> ClientCertificate:
    if not _NAME.fullmatch(name):
        raise table.error(None, "a certificate's name has 1 to 128 letters, digits and _.:=,@-")
    certificate = _certificate(table)
    certificate_id = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    registered = ClientCertificate(
        name=name,
        pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
        principal_id=certificate_id,
        active=table.status("ACTIVE", "INACTIVE", "A63", default="INACTIVE"),
        policy_documents=tuple(_policy(table, text) for text in table.texts("policy_documents")),
        variables=certificate_variables(certificate, certificate_id) | _thing(table),
    )
    table.finish()
    return registered


def _thing(table: Table) -> dict[str, str | tuple[str, ...]]:
    name, type_name = table.text("thing_name"), table.text("thing_type")
    attributes = table.table("thing_attributes")
    if name is None:
        if type_name is not None or attributes.names():
            raise table.error("thing_name", "name the thing that has this type and these attributes (D11)")
        return {}
    return thing_variables(
        Thing(
            name=name,
            type_name=type_name,
            attributes={key: attributes.needed_text(key, "give a text") for key in attributes.names()},
        )
    )


def _certificate(table: Table) -> x509.Certificate:
    value = table.needed_text("certificate", "name the PEM file of the client's certificate")
    pem = value.encode() if "-----BEGIN" in value else table.read("certificate", value)
    if b"PRIVATE KEY-----" in pem:
        raise table.error("certificate", "there is a private key; give the certificate alone, the key stays secret")
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        certificates = []
    if len(certificates) != 1:
        found = f"{len(certificates)} certificates" if certificates else "no X.509 certificate"
        raise table.error(
            "certificate", f"there is {found}; give one in PEM, which begins with -----BEGIN CERTIFICATE-----"
        )
    return certificates[0]


def _policy(table: Table, text: str) -> Policy:
    inline = text.lstrip().startswith("{")
    try:
        document = text if inline else table.read("policy_documents", text).decode()
        return parse_policy(document)
    except (PolicyError, UnicodeDecodeError) as error:
        where = "" if inline else f"{text}: "
        raise table.error("policy_documents", f"{where}{error}") from error
