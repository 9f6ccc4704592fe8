"""TLS handshakes that fail: the client is sent OpenSSL's alert, and the log says what to change."""

from __future__ import annotations

import shlex
import ssl
from collections.abc import Callable
from pathlib import Path

# What OpenSSL says of a first record that is none, by version and by what the bytes happen to look like.
_PLAIN_TEXT = {
    "BAD_RECORD_TYPE",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNEXPECTED_MESSAGE",
    "WRONG_VERSION_NUMBER",
}
_SNI_REFUSED = "CALLBACK_FAILED"


def alerting(failed: Callable[[ssl.SSLError], None]) -> type[ssl.SSLObject]:
    """Make the class of TLS connections whose client sees why its handshake failed (F14).

    :param failed: called once for a connection whose handshake fails, but not where its SNI was refused.
    """

    class AlertingObject(ssl.SSLObject):
        _failure: ssl.SSLError | None = None

        def do_handshake(self) -> None:
            if self._failure is not None:
                raise self._failure
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as failure:
                self._failure = failure
                if failure.reason != _SNI_REFUSED:
                    failed(failure)
                # asyncio would close before it has written OpenSSL's alert. This makes it write the alert, and wait
                # for the client to go or for the limit of the handshake.
                raise ssl.SSLWantReadError from failure

    return AlertingObject


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
    elif reason in _PLAIN_TEXT:
        why = f"the client sent {'HTTP' if 'HTTP' in reason else 'plain text'} ({said})"
        fix = "this port speaks TLS; let the client use it"
    else:
        why, fix = said, "let the client use TLS 1.2 or 1.3 with its library's own choice of ciphers"
    return f"CLOSE TLS handshake failed: {why}; fix: {fix}"
