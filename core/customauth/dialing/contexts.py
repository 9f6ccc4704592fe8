"""The client's TLS settings, made once for each CA, client certificate and ALPN: the system's CAs take long to load."""

from __future__ import annotations

import functools
import ssl
from typing import TYPE_CHECKING

from customauth.endpoint import ALPN, Endpoint, Transport
from customauth.errors import EndpointError

if TYPE_CHECKING:
    from customauth.client_certificate import ClientCertificate


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the client's TLS settings, which connections share: change nothing in them.

    TLS 1.2 or later (A49), ALPN ``mqtt`` but none for a WebSocket (A30), the endpoint's CA or the system's, and the
    endpoint's client certificate.

    :raises EndpointError: when the CA holds no certificate, or the client certificate cannot be used.
    """
    alpn = (ALPN,) if endpoint.transport is Transport.MQTT else ()
    return tls_context_of(endpoint.ca_pem, endpoint.client_certificate, alpn)


@functools.lru_cache(maxsize=64)
def tls_context_of(
    ca_pem: bytes | None, certificate: ClientCertificate | None, alpn: tuple[str, ...]
) -> ssl.SSLContext:
    """Return what :func:`tls_context` does, for a CA, a client certificate and ALPN protocols of your own choice.

    :raises EndpointError: as :func:`tls_context`.
    """
    try:
        cadata = None if ca_pem is None else ca_pem.decode("ascii")
        context = ssl.create_default_context(cadata=cadata)
    except (ssl.SSLError, ValueError) as error:
        raise EndpointError(
            "the CA's certificate is damaged; give the file again, whole and in PEM (-----BEGIN CERTIFICATE-----)"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(alpn)
    # Python 3.13 turned strict RFC 5280 checks on; the same CA must work on every Python and every backend.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certificate is not None:
        _load(context, certificate)
    return context


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    import tempfile

    # OpenSSL reads them from a file alone: one that only this user may read, and that is gone at once.
    with tempfile.NamedTemporaryFile(prefix="customauth-", suffix=".pem") as file:
        file.write(certificate.certificate_pem.rstrip() + b"\n" + certificate.key_pem)
        file.flush()
        try:
            # An empty passphrase, or OpenSSL would ask for one at the terminal.
            context.load_cert_chain(file.name, password="")
        except (ssl.SSLError, ValueError) as error:
            raise EndpointError(
                "the client certificate cannot be used: it or its private key is damaged, or the key is another "
                "certificate's; give the two files that belong together, whole and in PEM"
            ) from error
