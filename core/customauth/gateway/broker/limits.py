"""AWS IoT Core's limits on what is published and subscribed to, each with its fact."""

from __future__ import annotations

from customauth.mqtt import MqttVersion

MAX_PAYLOAD = 131_072
"""Bytes of a payload (E21)."""

MAX_TOPIC_BYTES = 256
"""Bytes of a topic or filter (E22)."""

MAX_SLASHES = 7
"""Slashes of a topic or filter (E22)."""

MAX_SHARE_NAME = 128
"""Characters of a shared subscription's group (E22)."""

MAX_FILTERS = 8
"""Filters of one SUBSCRIBE (E25)."""

MAX_SUBSCRIPTIONS = 50
"""Subscriptions of one connection (E26)."""

MAX_UNACKNOWLEDGED = 100
"""QoS 1 messages towards a client that it has not acknowledged (E29)."""

KEEP_UNACKNOWLEDGED = {MqttVersion.V311: 3600.0, MqttVersion.V5: 960.0}
"""Seconds that a QoS 1 message waits for its acknowledgement, by version (E30)."""

MAX_ALIASES = 8
"""Topic aliases of one connection, each way (E2, E36)."""

MAX_EXPIRY = 604_800
"""Seconds of a message expiry (E40)."""

MAX_USER_PROPERTIES = 8192
"""Bytes of all user properties of a packet (E47)."""

MAX_CORRELATION_DATA = 8192
"""Bytes of correlation data (E47)."""

MAX_CONTENT_TYPE = 256
"""Bytes of a content type (E47)."""
