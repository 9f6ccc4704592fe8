"""Where and with what the numbers were taken."""

from __future__ import annotations

import os
import platform
import resource
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import customauth


def machine() -> dict[str, Any]:
    """Describe the machine."""
    found = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": found[0].partition(":")[2].strip() if found else platform.machine(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }


def versions(**others: str | None) -> dict[str, str | None]:
    """List the versions of what is measured, and of what measures.

    :param others: more of them; None for what is not installed.
    """
    return {
        "customauth": customauth.__version__,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        **others,
    }


def key_kind(certificate_file: Path) -> str:
    """Say which key a certificate has."""
    key = x509.load_pem_x509_certificate(certificate_file.read_bytes()).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    return type(key).__name__


def allow_many_files() -> int:
    """Raise the limit of open files as far as is allowed, for every process that is started from now on; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
