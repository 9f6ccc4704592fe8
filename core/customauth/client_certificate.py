"""What a client shows beside its credentials, where the domain wants both."""

from __future__ import annotations

import re

from attrs import field, frozen

from customauth.errors import EndpointError

_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")


def _certificate(_: object, __: object, pem: bytes) -> None:
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise EndpointError(
            "the client certificate is no PEM certificate; give one that begins with -----BEGIN CERTIFICATE-----"
        )


def _key(_: object, __: object, pem: bytes) -> None:
    if b"ENCRYPTED" in pem:
        raise EndpointError(
            "the client certificate's private key is encrypted; give it without a passphrase: "
            "openssl pkey -in KEY -out PLAIN-KEY"
        )
    if not _PRIVATE_KEY.search(pem):
        raise EndpointError(
            "the client certificate's private key is no PEM key; give one that begins with -----BEGIN PRIVATE KEY-----"
        )


@frozen(kw_only=True)
class ClientCertificate:
    """A client certificate and its private key, both PEM: for a domain whose authentication is CUSTOM_AUTH_X509 (A63).

    :param certificate_pem: the certificate, followed by those of the CAs between it and the registered one.
    :param key_pem: the private key, unencrypted.
    :raises EndpointError: when one of them is something else, with the mend.
    """

    certificate_pem: bytes = field(validator=_certificate)
    key_pem: bytes = field(repr=False, validator=_key)
