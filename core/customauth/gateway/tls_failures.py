"""TLS handshakes that fail: what the log says of them, and what to change."""

from __future__ import annotations

import shlex
import ssl
from pathlib import Path

from customauth.rules import RULES


def failure_line(failure: ssl.SSLError, ca_file: Path, name: str) -> tuple[str, str]:
    """Say in one line why a handshake failed, and what to change; and name the rule.

    :param ca_file: the CA that clients must trust.
    :param name: a name that they can connect to.
    """
    reason = failure.reason or "OPENSSL_ERROR"
    said = reason.lower().replace("_", " ")
    rule, more = "tls-failed", ""
    if "ALERT" in reason and "UNKNOWN_CA" in reason:
        rule, why = "tls-untrusted", f"the client does not trust the gateway's CA ({said})"
    elif "ALERT" in reason and "CERTIFICATE" in reason:
        rule, why = "tls-untrusted", f"the client refused the gateway's certificate ({said})"
        more = f", and connect to {name}"
    elif reason == "CERTIFICATE_VERIFY_FAILED":
        verified = getattr(failure, "verify_message", said)
        rule, why = "client-certificate-unknown", f"the client's certificate is not registered ({verified})"
        more = ": add it under [client_certificates.NAME] in the configuration"
    else:
        why = said
    fix = RULES[rule].advice({"ca_file": shlex.quote(str(ca_file))})
    return f"TLS handshake failed: {why}; fix: {fix}{more}", rule
