"""What the policies of a connection may ask for, the same wherever they decide (D10-D12)."""

from __future__ import annotations

from datetime import UTC, datetime

from customauth.gateway.origin import Origin
from customauth.policy import Context, connection_context


def context_of(origin: Origin) -> Context:
    """Return the context of a request that a connection makes now."""
    context = connection_context(source_ip=origin.address, domain_name=origin.server_name, now=datetime.now(UTC))
    if origin.certificate is not None:
        context.update((key.lower(), value) for key, value in origin.certificate.variables.items())
    return context
