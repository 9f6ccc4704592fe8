"""MQTT 3.1.1 through ``awscrt.mqtt``."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from awscrt import io, mqtt

from customauth import Connack, ConnectRequest, EndpointError, Message

from ._client import AwscrtConnection, Operation
from ._failures import Failure, lost
from ._options import NEVER_SECONDS, handshake_transform, ping_timeout_ms, proxy_options, socket_options, tls_context

if TYPE_CHECKING:
    from customauth import Will

# What AWS reads a keep alive of 0 as (E10); awscrt cannot send 0.
_LONGEST_KEEP_ALIVE = 1200

_REFUSED = 0x80

# See _watch. No wildcard, nothing reserved, and nobody's.
_NO_FILTER = "customauth/nothing"

# By their numbers: making an enumeration's member of one takes longer.
_QOS = (mqtt.QoS.AT_MOST_ONCE, mqtt.QoS.AT_LEAST_ONCE)


class Mqtt311Connection(AwscrtConnection):
    """A client of ``awscrt.mqtt``. It makes one attempt by itself, which only the end of its socket ends."""

    # Watching them takes a round trip.
    batch_size = 1 << 18
    least_watched = 1 << 14

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        endpoint = request.endpoint
        keep_alive = request.keep_alive or _LONGEST_KEEP_ALIVE
        self._ping_timeout_ms = ping_timeout_ms(request, keep_alive)
        transform = handshake_transform(request, lambda: self.is_given_up)
        try:
            # None once stopped: awscrt holds our callbacks, and its garbage is not collected across that border.
            self._client: mqtt.Connection | None = mqtt.Connection(
                mqtt.Client(io.ClientBootstrap.get_or_create_static_default(), tls_context(endpoint)),
                host_name=endpoint.host,
                port=endpoint.port,
                client_id=request.client_id,
                clean_session=request.clean_start,
                on_connection_interrupted=self._on_interrupted,
                reconnect_min_timeout_secs=NEVER_SECONDS,
                reconnect_max_timeout_secs=NEVER_SECONDS,
                keep_alive_secs=keep_alive,
                ping_timeout_ms=self._ping_timeout_ms,
                will=_will(request.will),
                username=request.username,
                password=request.password,
                socket_options=socket_options(request, self.mark),
                use_websockets=transform is not None,
                websocket_handshake_transform=transform,
                proxy_options=proxy_options(endpoint.proxy),
                disable_metrics=not request.sdk_metrics,
            )
        except RuntimeError as error:
            raise EndpointError(f"awscrt does not take an option of the connection: {error}") from error
        self._connecting: Future[dict[str, bool]] = Future()

    def start(self) -> None:
        """Make the attempt."""
        client = self._client
        if client is not None:
            client.on_message(self._on_message)
            self._connecting = client.connect()
            self._connecting.add_done_callback(self._on_connect)

    def stop(self) -> None:
        """Disconnect once the attempt has ended, which awscrt cannot hasten."""
        self._connecting.add_done_callback(self._leave)

    def _begin_publish(self, message: Message) -> Operation | None:
        client = self._client
        if client is None:
            return None
        return _begun(*client.publish(message.topic, message.payload, _QOS[message.qos], message.retain))

    def _begin_subscribe(self, topic_filter: str, qos: int) -> Operation | None:
        client = self._client
        return None if client is None else _begun(*client.subscribe(topic_filter, _QOS[qos]))

    def _begin_unsubscribe(self, topic_filter: str) -> Operation | None:
        client = self._client
        return None if client is None else _begun(*client.unsubscribe(topic_filter))

    @staticmethod
    def _read_puback(operation: Operation) -> tuple[int, str | None]:
        operation.result()
        return 0, None

    @staticmethod
    def _read_suback(operation: Operation) -> tuple[int, str | None]:
        try:
            return int(operation.result()["qos"]), None
        except mqtt.SubscribeError:
            return _REFUSED, None

    _read_unsuback = _read_puback

    def _watch(self, operation: Operation) -> Operation | None:
        # awscrt calls a publish at QoS 0 done when it is queued. What the server has answered stood behind it: the end
        # of a subscription that there is not.
        return self._begin_unsubscribe(_NO_FILTER)

    # On awscrt's threads.

    def _on_connect(self, connecting: Future[dict[str, bool]]) -> None:
        error = connecting.exception()
        if error is None:
            self._report(Connack(session_present=connecting.result()["session_present"]))
        else:
            self._report(Failure(error=error))

    def _on_message(self, topic: str, payload: bytes, dup: bool, qos: mqtt.QoS, retain: bool, **_: Any) -> None:
        self._report_message(Message(topic=topic, payload=payload, qos=qos.value, retain=retain, duplicate=dup))

    def _on_interrupted(self, *, error: Exception, **_: Any) -> None:
        self._report_end(lost(error, self._ping_timeout_ms))
        self.stop()

    def _leave(self, connecting: Future[dict[str, bool]]) -> None:
        client = self._client
        if client is None:
            return
        if connecting.exception() is not None:
            self._on_left(None)
        else:
            # It fails when the connection is closed already, which is as good.
            client.disconnect().add_done_callback(self._on_left)

    def _on_left(self, _: Future[dict[str, bool]] | None) -> None:
        self._client = None
        self._report_stopped()


def _will(will: Will | None) -> mqtt.Will | None:
    return None if will is None else mqtt.Will(will.topic, _QOS[will.qos], will.payload, will.retain)


def _begun(operation: Operation, packet_id: int) -> Operation:
    """Raise what awscrt put into an operation to which it gave no packet identifier."""
    if not packet_id:
        operation.result()
    return operation
