"""What a backend can do beyond the contract that all of them keep."""

from __future__ import annotations

import enum


class Feature(enum.Enum):
    """What a backend can do. A request that needs more is refused before anything is dialled."""

    MQTT5 = "mqtt5"
    """MQTT 5."""
    MQTT311 = "mqtt311"
    """MQTT 3.1.1."""
    WEBSOCKET = "websocket"
    """MQTT over WebSocket, with headers and query of the core's making (A23, A26, A27)."""
    HTTP_PROXY = "http-proxy"
    """Reach the endpoint through an HTTP proxy by CONNECT."""
    SOCKS5_PROXY = "socks5-proxy"
    """Reach the endpoint through a SOCKS5 proxy."""
    CLIENT_CERTIFICATE = "client-certificate"
    """Send a client certificate beside the credentials (CUSTOM_AUTH_X509)."""
    ADDRESS = "address"
    """Dial an address that differs from the endpoint's name."""
    OMIT_USERNAME = "omit-username"
    """Send a password and no user name, which MQTT 5 allows and 3.1.1 does not."""
    CONNACK_CODE_311 = "connack-code-311"
    """Report the return code of a refusing MQTT 3.1.1 CONNACK. Without it a refusal looks like a closed connection."""
    BACK_PRESSURE = "back-pressure"
    """Read no more from the server while a subscription's buffer is full. Without it messages wait in memory."""
    SDK_METRICS = "sdk-metrics"
    """Append the library's own metrics to the user name, as the AWS SDKs do by default (A7)."""
