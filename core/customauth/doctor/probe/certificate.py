"""The server's certificate, told in a line; and whether something in between has issued it."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import frozen
from cryptography import x509
from cryptography.x509.oid import NameOID

from customauth.doctor.probe.aws_names import is_aws

# Who signs for amazonaws.com: Amazon's own CAs, and those before them.
_AWS_ISSUERS = ("amazon", "starfield", "verisign", "digicert")
# Products that end TLS on its way and sign with a CA of their own.
_INTERCEPTORS = (
    *("avast", "barracuda", "bitdefender", "blue coat", "bluecoat", "burp", "charles proxy", "check point"),
    *("cisco umbrella", "eset ssl", "fiddler", "forcepoint", "fortigate", "fortinet", "iboss", "kaspersky", "mcafee"),
    *("mitmproxy", "netskope", "palo alto", "portswigger", "skyhigh", "sonicwall", "sophos", "squid", "untangle"),
    *("watchguard", "websense", "zscaler"),
)
_MOST_NAMES = 4


@frozen(kw_only=True)
class Certificate:
    """What a server's certificate says."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, der: bytes) -> Certificate | None:
        """Read a certificate, None where it is damaged."""
        try:
            read = x509.load_der_x509_certificate(der)
            return cls(
                subject=_common(read.subject),
                issuer=_common(read.issuer),
                names=_names(read),
                begins=read.not_valid_before_utc,
                ends=read.not_valid_after_utc,
            )
        except ValueError:
            return None

    @property
    def self_signed(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.subject == self.issuer

    def described(self) -> str:
        """Return it in words."""
        issued = "signed by itself" if self.self_signed else f"issued by {self.issuer}"
        return f"{self.subject}, {issued}, for {self.named()}, until {self.ends:%Y-%m-%d}"

    def named(self) -> str:
        """Return the names that it is for."""
        if not self.names:
            return "no name"
        shown = ", ".join(self.names[:_MOST_NAMES])
        more = len(self.names) - _MOST_NAMES
        return f"{shown} and {more} more" if more > 0 else shown

    def validity(self, now: datetime | None = None) -> str:
        """Return since when or until when it is valid, and this machine's clock."""
        now = now or datetime.now(UTC)
        span = f"{self.begins:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M} UTC"
        return f"it is valid from {span}, and this machine's clock says {now:%Y-%m-%d %H:%M} UTC"

    def intercepted(self, host: str) -> str | None:
        """Say who seems to have issued it in the server's place, None where nothing speaks for that."""
        issuer = self.issuer.lower()
        if any(product in issuer for product in _INTERCEPTORS):
            return f"{self.issuer} intercepts TLS: it signs certificates in the server's place"
        if is_aws(host) and not any(known in issuer for known in _AWS_ISSUERS):
            return f"{self.issuer} does not sign for AWS: something between here and AWS intercepts TLS"
        return None


def _common(name: x509.Name) -> str:
    organisation = [str(each.value) for each in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    common = [str(each.value) for each in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    said = f"{common[0]} ({organisation[0]})" if common and organisation else (*common, *organisation, "a nameless")[0]
    return "".join(char if char.isprintable() else "?" for char in said)


def _names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(each) for each in found.get_values_for_type(x509.IPAddress))
    return (*found.get_values_for_type(x509.DNSName), *addresses)
