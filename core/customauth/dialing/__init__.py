"""One asyncio dialer for every backend that wants it: each way to the server, each failure with its stage and class.

What carries MQTT is always an :class:`asyncio.Transport`: TLS, or a WebSocket in TLS, over TCP or through a proxy.
"""

from customauth.dialing.contexts import tls_context
from customauth.dialing.deadline import Deadline, timed_stages
from customauth.dialing.dialer import dial, probe_tls

__all__ = ("Deadline", "dial", "probe_tls", "timed_stages", "tls_context")
