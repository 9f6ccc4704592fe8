"""TLS handshakes that fail: what the log says of them, and what to change."""

from __future__ import annotations

import shlex
import ssl
from pathlib import Path


def failure_line(failure: ssl.SSLError, ca_file: Path, name: str) -> str:
    """Say in one line why a handshake failed, and what to change.

    :param ca_file: the CA that clients must trust.
    :param name: a name that they can connect to.
    """
    reason = failure.reason or "OPENSSL_ERROR"
    trust = f"--cafile {shlex.quote(str(ca_file))}"
    said = reason.lower().replace("_", " ")
    if "ALERT" in reason and "UNKNOWN_CA" in reason:
        why = f"the client does not trust the gateway's CA ({said})"
        fix = f"let it trust the gateway's CA: {trust}"
    elif "ALERT" in reason and "CERTIFICATE" in reason:
        why = f"the client refused the gateway's certificate ({said})"
        fix = f"let it trust the gateway's CA: {trust}, and connect to {name}"
    elif reason == "CERTIFICATE_VERIFY_FAILED":
        why = f"the client's certificate is not registered ({getattr(failure, 'verify_message', said)})"
        fix = "add it under [client_certificates.NAME] in the configuration (A63)"
    else:
        why, fix = said, "let the client use TLS 1.2 or 1.3 with its library's own choice of ciphers"
    return f"TLS handshake failed: {why}; fix: {fix}"
