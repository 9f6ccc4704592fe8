"""The ``awscrt`` backend: AWS's own library, the ``awscrt`` under the AWS IoT Device SDK v2 for Python.

awscrt works on threads of its own. All clients of the process share awscrt's default bootstrap (one event-loop thread
for each processor), which is made at the first connect, stays for the life of the process, and is the same that other
users of awscrt in the process get unless they bring their own. It does not survive ``os.fork``.
"""

from __future__ import annotations

from typing import ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, MqttVersion, hookimpl


class AwscrtBackend(Backend):
    """AWS's own library. What stands in its way is told by its features, or here:

    - Messages that nobody takes wait in memory: awscrt reads on whatever happens, and withholding acknowledgements,
      which it allows on MQTT 5, stops nothing at QoS 0.
    - A refusing MQTT 3.1.1 CONNACK looks like a closed connection: awscrt hides its code.
    - On MQTT 5 a received message is never marked as a duplicate: awscrt does not say. AWS does not either (E20).
    - An attempt of MQTT 3.1.1, and one that waits for the answer to its upgrade, cannot be given up: after a timeout or
      a cancellation it goes on in awscrt until it ends by itself. It makes no further one.
    - On MQTT 3.1.1 a keep alive of 0 goes out as 1200 (E10) and an empty password as none, and the end of a
      subscription that there is not follows each 256 KiB of publishes at QoS 0, to see how far they have come.
    - Given a client certificate, it speaks only to a server that asks for one.
    - It sets no TCP_NODELAY and has no option for it, so that a connect takes some 40 ms more than it must.
    """

    name = "awscrt"
    # All that is imported. The extra installs it through the SDK, which pins one release of it.
    library = "awscrt"
    extra = "customauth[awscrt]"
    # The first that can leave its metrics out of the user name in both protocol versions.
    minimum: ClassVar[tuple[int, ...]] = (0, 35)
    features: ClassVar[frozenset[Feature]] = frozenset(
        {
            Feature.MQTT5,
            Feature.MQTT311,
            Feature.WEBSOCKET,
            Feature.HTTP_PROXY,
            Feature.CLIENT_CERTIFICATE,
            Feature.OMIT_USERNAME,
            Feature.SDK_METRICS,
        }
    )

    async def connect(self, request: ConnectRequest) -> Connection:
        """Make one attempt; see :meth:`Backend.connect`.

        A second connection, on which no MQTT is sent, is made where awscrt alone would not say why there is none.
        """
        from ._attempt import attempt

        if request.version is MqttVersion.V5:
            from ._mqtt5 import Mqtt5Connection

            return await attempt(Mqtt5Connection(request))
        from ._mqtt311 import Mqtt311Connection

        return await attempt(Mqtt311Connection(request))


@hookimpl
def customauth_backend() -> Backend:
    """Return this module's backend."""
    return AwscrtBackend()
