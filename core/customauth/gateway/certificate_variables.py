"""What policies may ask of a client certificate and of the thing that it belongs to (A66, D11, D12); pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

_NAME_PARTS: dict[str, ObjectIdentifier] = {
    "DistinguishedNameQualifier": NameOID.DN_QUALIFIER,
    "Country": NameOID.COUNTRY_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "State": NameOID.STATE_OR_PROVINCE_NAME,
    "CommonName": NameOID.COMMON_NAME,
    "SerialNumber": NameOID.SERIAL_NUMBER,
    "Title": NameOID.TITLE,
    "Surname": NameOID.SURNAME,
    "GivenName": NameOID.GIVEN_NAME,
    "Initials": NameOID.INITIALS,
    "Pseudonym": NameOID.PSEUDONYM,
    "GenerationQualifier": NameOID.GENERATION_QUALIFIER,
}


@frozen(kw_only=True)
class Thing:
    """The thing that a client certificate is attached to (D11)."""

    name: str
    type_name: str | None = None
    attributes: Mapping[str, str]


def certificate_variables(certificate: x509.Certificate, certificate_id: str) -> dict[str, str | tuple[str, ...]]:
    """Return a certificate's policy variables and condition keys (D12); what it does not have is left out."""
    found: dict[str, str | tuple[str, ...]] = {
        "iot:CertificateId": certificate_id,
        "iot:Certificate.SerialNumber": (str(certificate.serial_number),),
    }
    for side, name in (("Issuer", certificate.issuer), ("Subject", certificate.subject)):
        for part, oid in _NAME_PARTS.items():
            values = tuple(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))
            if values:
                found[f"iot:Certificate.{side}.{part}"] = values
    for part, values in _alternative_names(certificate):
        if values:
            found[f"iot:Certificate.Subject.AlternativeName.{part}"] = values
    found["iot:Certificate.AvailableKeys"] = tuple(key for key in found if key != "iot:CertificateId")
    return found


def thing_variables(thing: Thing) -> dict[str, str | tuple[str, ...]]:
    """Return the policy variables of a thing (D11)."""
    found: dict[str, str | tuple[str, ...]] = {
        "iot:Connection.Thing.IsAttached": "true",
        "iot:Connection.Thing.ThingName": thing.name,
    }
    if thing.type_name is not None:
        found["iot:Connection.Thing.ThingTypeName"] = thing.type_name
    for name, value in thing.attributes.items():
        found[f"iot:Connection.Thing.Attributes[{name}]"] = value
    return found


def _alternative_names(certificate: x509.Certificate) -> Iterable[tuple[str, tuple[str, ...]]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield "RFC822Name", tuple(names.get_values_for_type(x509.RFC822Name))
    yield "DNSName", tuple(names.get_values_for_type(x509.DNSName))
    yield "DirectoryName", tuple(name.rfc4514_string() for name in names.get_values_for_type(x509.DirectoryName))
    yield "UniformResourceIdentifier", tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
    yield "IPAddress", tuple(str(address) for address in names.get_values_for_type(x509.IPAddress))
