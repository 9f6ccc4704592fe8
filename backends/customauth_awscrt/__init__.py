"""The ``awscrt`` backend: MQTT 5 through the AWS IoT Device SDK v2 for Python, MQTT 3.1.1 through its ``awscrt``.

awscrt works on threads of its own. All clients of the process share awscrt's default bootstrap (one event-loop thread
for each processor), which is made at the first connect, stays for the life of the process, and is the same that other
users of awscrt in the process get unless they bring their own. It does not survive ``os.fork``.
"""

from __future__ import annotations

from typing import ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, MqttVersion, hookimpl


class AwscrtBackend(Backend):
    """AWS's own library. A refusing MQTT 3.1.1 CONNACK looks like a closed connection: awscrt hides its code."""

    name = "awscrt"
    library = "awsiotsdk"
    extra = "customauth[awscrt]"
    # The first whose awscrt can leave its metrics out of the user name in both protocol versions.
    minimum: ClassVar[tuple[int, ...]] = (1, 31)
    features: ClassVar[frozenset[Feature]] = frozenset(
        {Feature.MQTT5, Feature.MQTT311, Feature.OMIT_USERNAME, Feature.SDK_METRICS}
    )

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt; see :meth:`Backend.connect`.

        A second TLS connection, on which no MQTT is sent, is made where awscrt alone would not say why TLS failed.
        """
        from ._attempt import attempt

        if request.version is MqttVersion.V5:
            from ._mqtt5 import Mqtt5Client

            return await attempt(request, Mqtt5Client)
        from ._mqtt311 import Mqtt311Client

        return await attempt(request, Mqtt311Client)


@hookimpl
def customauth_backend() -> Backend:
    """Return this module's backend."""
    return AwscrtBackend()
