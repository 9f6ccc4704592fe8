"""What the libraries on Python's ``ssl`` are given by an application that knows its CA."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path


@functools.cache
def tls_context(ca_file: Path) -> ssl.SSLContext:
    """Return the TLS settings, made once: the CA, the name checked, ALPN ``mqtt``."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["mqtt"])
    return context
