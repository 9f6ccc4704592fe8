"""What a person sees; every rule's symptom begins with one of these."""

from __future__ import annotations

NO_ADDRESS = "the endpoint's name is not resolved"
NO_TCP = "no TCP connection comes about: it is refused, or not answered in time"
PROXY_REFUSES = "the proxy refuses"
NO_TLS = "the TLS handshake fails"
CLOSED_AFTER_TLS = "TLS comes about, and the server then closes without a word, whatever the credentials"
NO_UPGRADE = "no WebSocket is opened: the HTTP status is not 101"
NO_ANSWER = "CONNECT is not answered, or not with MQTT"
PACKET_REFUSED = (
    "the CONNECT packet is refused for its own sake: CONNACK 0x80, 0x84, 0x85, 0x90, 0x97 or 0x9B to MQTT 5"
)
REFUSED = "the login is refused (MQTT 5: CONNACK 0x87; MQTT 3.1.1: closed without a CONNACK)"
REFUSED_UNASKED = f"{REFUSED}, and the function is not run"
REFUSED_ASKED = f"{REFUSED}, and the function is run"
REQUEST_REFUSED = "connected, but a publish or a subscription is refused, or ends the connection"
WITHHELD = "connected and subscribed, but messages do not arrive"
ENDED = "an accepted connection ends"
OTHERWISE = "connected, but otherwise than asked for"

SYMPTOMS = (
    NO_ADDRESS,
    NO_TCP,
    PROXY_REFUSES,
    NO_TLS,
    CLOSED_AFTER_TLS,
    NO_UPGRADE,
    NO_ANSWER,
    PACKET_REFUSED,
    REFUSED,
    REFUSED_UNASKED,
    REFUSED_ASKED,
    REQUEST_REFUSED,
    WITHHELD,
    ENDED,
    OTHERWISE,
)
"""All of them, in the order in which an attempt meets them."""
