"""The ``awscrt`` backend: AWS's own library, the ``awscrt`` under the AWS IoT Device SDK v2 for Python.

awscrt works on threads of its own. All clients of the process share awscrt's default bootstrap (one event-loop thread
for each processor), which is made at the first connect, stays for the life of the process, and is the same that other
users of awscrt in the process get unless they bring their own. It does not survive ``os.fork``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from customauth import Backend, Connection, ConnectRequest, Feature, MqttVersion, hookimpl

if TYPE_CHECKING:
    from customauth import ComparisonClient


class AwscrtBackend(Backend):
    """AWS's own library. What stands in its way is told by its features, or here:

    - Messages that nobody takes wait in memory: awscrt reads on whatever happens, and withholding acknowledgements,
      which it allows on MQTT 5, stops nothing at QoS 0.
    - A refusing MQTT 3.1.1 CONNACK looks like a closed connection: awscrt hides its code.
    - On MQTT 3.1.1 bytes that are no MQTT are taken for the beginning of a packet, and another packet in place of the
      CONNACK is passed over. The connect deadline or the keep alive ends what comes of it.
    - On MQTT 5 a received message is never marked as a duplicate: awscrt does not say. AWS does not either (E20).
    - After a timeout or a cancellation the socket of the attempt is shut down (see ``_sockets``), which works on Linux.
      Elsewhere awscrt goes on with an attempt of MQTT 3.1.1 until it ends by itself, and waits for ever for the answer
      to an upgrade. It makes no further attempt.
    - On MQTT 3.1.1 a keep alive of 0 goes out as 1200 (E10), and an empty password as none.
    - On MQTT 3.1.1 it does not say when a publish at QoS 0 has left. So after each 256 KiB of them, and before the
      DISCONNECT that follows 16 KiB or more, an UNSUBSCRIBE goes out that no program asked for, from the filter
      ``customauth/nothing``, to which nobody is subscribed: its UNSUBACK says that all before it has arrived.
    - Given a client certificate, it speaks only to a server that asks for one.
    - It sets no TCP_NODELAY and has no option for it, so that a connect takes some 40 ms more than it must.
    """

    name = "awscrt"
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

    def comparison_client(self, request: ConnectRequest) -> ComparisonClient | None:
        """Return awscrt by itself. (:meth:`customauth.Backend.comparison_client`)"""
        from .raw import RawClient5, RawClient311

        return (RawClient5 if request.version is MqttVersion.V5 else RawClient311)(request)


@hookimpl
def customauth_backend() -> Backend:
    """Return this module's backend."""
    return AwscrtBackend()
