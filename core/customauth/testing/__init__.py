"""Fixtures for test suites of your own, switched on by ``pytest_plugins = ["customauth.testing"]`` (extra ``testing``).

``customauth_gateway`` is a local gateway that behaves as AWS IoT Core does::

    def test_my_device_logs_in(customauth_gateway):
        my_client.connect("localhost", customauth_gateway.port, cafile=customauth_gateway.ca_file, ...)
        assert customauth_gateway.decisions[-1].outcome.principal_id == "device"

It runs the sample. For your own authorizers override the fixture ``customauth_gateway_config``, of session scope, with
the path of a configuration file.

There is nothing to rewrite in here for pytest, who would warn where a conftest.py imports it, too: PYTEST_DONT_REWRITE.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from customauth._lazy import lazy_names

if TYPE_CHECKING:
    from .fixtures import customauth_gateway as customauth_gateway
    from .fixtures import customauth_gateway_config as customauth_gateway_config
    from .fixtures import customauth_session_gateway as customauth_session_gateway
    from .local_gateway import LocalGateway as LocalGateway

__all__ = ["LocalGateway", "customauth_gateway", "customauth_gateway_config", "customauth_session_gateway"]

# The comparison uses the servers and proxies of this package where pytest is not installed.
__getattr__: Callable[[str], object] = lazy_names(
    __name__,
    {
        "fixtures": ("customauth_gateway", "customauth_gateway_config", "customauth_session_gateway"),
        "local_gateway": ("LocalGateway",),
    },
)


def __dir__() -> list[str]:
    # pytest looks for fixtures by dir().
    return [*globals(), *__all__]
