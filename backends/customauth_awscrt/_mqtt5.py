"""MQTT 5 through ``awscrt.mqtt5``."""

from __future__ import annotations

from awscrt import io, mqtt5

from customauth import ConnectRequest, Disconnected, EndpointError, Message, RequestError
from customauth.message import NO_PROPERTIES

from . import _mqtt5_packets as packets
from ._client import AwscrtConnection, Operation
from ._failures import Failure, lost, malformed
from ._options import (
    NEVER_SECONDS,
    handshake_transform,
    milliseconds,
    ping_timeout_ms,
    proxy_options,
    socket_options,
    tls_context,
)

# The core has the deadlines of requests; awscrt's own is a minute.
_ACK_TIMEOUT = 2**31 - 1


class Mqtt5Connection(AwscrtConnection):
    """A client of ``awscrt.mqtt5``."""

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._accepted = False
        # awscrt copies what it is given, and making a packet takes longer than sending it again.
        self._plain = mqtt5.PublishPacket()
        self._ping_timeout_ms = ping_timeout_ms(request, request.keep_alive)
        options = _client_options(request, self._ping_timeout_ms)
        options.socket_options = socket_options(request, self.mark)
        options.websocket_handshake_transform = handshake_transform(request, lambda: self.is_given_up)
        options.on_publish_callback_fn = self._on_publish
        options.on_lifecycle_event_connection_success_fn = self._on_success
        options.on_lifecycle_event_connection_failure_fn = self._on_failure
        options.on_lifecycle_event_disconnection_fn = self._on_disconnection
        options.on_lifecycle_event_stopped_fn = self._on_stopped
        try:
            # None once stopped: awscrt holds our callbacks, and its garbage is not collected across that border.
            self._client: mqtt5.Client | None = mqtt5.Client(options)
        except RuntimeError as error:
            raise EndpointError(f"awscrt does not take an option of the connection: {error}") from error

    def start(self) -> None:
        """Make the attempt."""
        if self._client is not None:
            self._client.start()

    def stop(self) -> None:
        """Send DISCONNECT where there is a connection, and stop."""
        client = self._client
        if client is not None:
            # awscrt sends the packet even where it has not sent its CONNECT yet, which is a protocol error.
            client.stop(mqtt5.DisconnectPacket() if self._accepted else None)

    def _begin_publish(self, message: Message) -> Operation | None:
        client = self._client
        plain = message.properties is NO_PROPERTIES
        packet = packets.filled(self._plain, message) if plain else packets.publish(message)
        return None if client is None else client.publish(packet)

    def _begin_subscribe(self, topic_filter: str, qos: int) -> Operation | None:
        client = self._client
        return None if client is None else client.subscribe(packets.subscribe(topic_filter, qos))

    def _begin_unsubscribe(self, topic_filter: str) -> Operation | None:
        client = self._client
        return None if client is None else client.unsubscribe(mqtt5.UnsubscribePacket([topic_filter]))

    _read_puback = staticmethod(packets.puback)
    _read_suback = staticmethod(packets.suback)
    _read_unsuback = staticmethod(packets.suback)

    # On awscrt's threads.

    def _on_success(self, data: mqtt5.LifecycleConnectSuccessData) -> None:
        self._accepted = True
        self._report(packets.connack(data.connack_packet))

    def _on_failure(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        # At once and here, so that awscrt never gets to its next attempt.
        self.stop()
        packet = data.connack_packet
        if packet is None:
            self._report(Failure(error=data.exception))
        else:
            code = packets.code(packet.reason_code)
            self._report(Failure(error=data.exception, reason_code=code, reason_string=packet.reason_string))

    def _on_publish(self, data: mqtt5.PublishReceivedData) -> None:
        try:
            message = packets.message(data.publish_packet)
        except RequestError as error:
            # awscrt lets properties pass that no message may have.
            self._report_end(malformed(error))
            if self._client is not None:
                self._client.stop(mqtt5.DisconnectPacket(mqtt5.DisconnectReasonCode.PROTOCOL_ERROR))
            return
        self._report_message(message)

    def _on_disconnection(self, data: mqtt5.LifecycleDisconnectData) -> None:
        said = data.disconnect_packet
        if said is None:
            ending = lost(data.exception, self._ping_timeout_ms)
        else:
            ending = Disconnected(packets.code(said.reason_code), reason_string=said.reason_string)
            ending.__cause__ = data.exception
        self._report_end(ending)
        self.stop()

    def _on_stopped(self, _: mqtt5.LifecycleStoppedData) -> None:
        self._client = None
        self._report_stopped()


def _client_options(request: ConnectRequest, ping_timeout: int) -> mqtt5.ClientOptions:
    endpoint = request.endpoint
    return mqtt5.ClientOptions(
        host_name=endpoint.host,
        port=endpoint.port,
        bootstrap=io.ClientBootstrap.get_or_create_static_default(),
        tls_ctx=tls_context(endpoint),
        http_proxy_options=proxy_options(endpoint.proxy),
        connect_options=packets.connect(request),
        session_behavior=(
            mqtt5.ClientSessionBehaviorType.CLEAN
            if request.clean_start
            else mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS
        ),
        # Its AWS_IOT_CORE_DEFAULTS hold publishing back to 100 messages a second. A limit belongs to the server, which
        # says when it is passed, and not to every connection and every server alike.
        extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
        # Otherwise what was not sent would wait for ever for a reconnect that never comes.
        offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
        retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.NONE,
        min_reconnect_delay_ms=NEVER_SECONDS * 1000,
        max_reconnect_delay_ms=NEVER_SECONDS * 1000,
        ping_timeout_ms=ping_timeout,
        connack_timeout_ms=milliseconds(request.timeout),
        ack_timeout_sec=_ACK_TIMEOUT,
        disable_metrics=not request.sdk_metrics,
    )
