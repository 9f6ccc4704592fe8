"""MQTT 5 through the builder of the AWS IoT Device SDK."""

from __future__ import annotations

from awscrt import io, mqtt5
from awsiot import mqtt5_client_builder

from customauth import Connack, ConnectRequest, EndpointError

from ._client import NEVER_SECONDS, Client, Failure, milliseconds


class Mqtt5Client(Client):
    """A client of ``awscrt.mqtt5``."""

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        self._accepted = False
        endpoint, credentials = request.endpoint, request.credentials
        options = _client_options(request)
        options.on_lifecycle_event_connection_success_fn = self._on_success
        options.on_lifecycle_event_connection_failure_fn = self._on_failure
        options.on_lifecycle_event_disconnection_fn = self._on_disconnection
        options.on_lifecycle_event_stopped_fn = self._on_stopped
        try:
            # None once stopped: awscrt holds our callbacks, and its garbage is not collected across that border.
            self._client: mqtt5.Client | None = mqtt5_client_builder.direct_with_custom_authorizer(
                endpoint=endpoint.host,
                # Finished: the builder must encode nothing, as it would leave a signature's "/" raw (A11).
                auth_username=credentials.mqtt_username(),
                auth_password=credentials.password,
                client_options=options,
                ca_bytes=endpoint.ca_pem,
                cipher_pref=_cipher_preference(),
                enable_metrics_collection=request.sdk_metrics,
            )
        except RuntimeError as error:
            raise EndpointError(f"awscrt does not take the CA file or an option: {error}") from error

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

    def _on_success(self, data: mqtt5.LifecycleConnectSuccessData) -> None:
        self._accepted = True
        packet = data.connack_packet
        self._report(
            Connack(
                session_present=bool(packet.session_present),
                reason_string=packet.reason_string,
                assigned_client_id=packet.assigned_client_identifier,
                server_keep_alive=packet.server_keep_alive_sec,
            )
        )

    def _on_failure(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        # At once and here, so that awscrt never gets to its next attempt.
        self.stop()
        packet = data.connack_packet
        if packet is None:
            self._report(Failure(error=data.exception))
        else:
            self._report(
                Failure(error=data.exception, reason_code=int(packet.reason_code), reason_string=packet.reason_string)
            )

    def _on_disconnection(self, _: mqtt5.LifecycleDisconnectData) -> None:
        self.stop()

    def _on_stopped(self, _: mqtt5.LifecycleStoppedData) -> None:
        self._client = None
        self._report_stopped()


def _client_options(request: ConnectRequest) -> mqtt5.ClientOptions:
    socket_options = io.SocketOptions()
    socket_options.connect_timeout_ms = milliseconds(request.timeout)
    return mqtt5.ClientOptions(
        host_name=request.endpoint.host,
        port=request.endpoint.port,
        bootstrap=io.ClientBootstrap.get_or_create_static_default(),
        socket_options=socket_options,
        connect_options=mqtt5.ConnectPacket(client_id=request.client_id, keep_alive_interval_sec=request.keep_alive),
        session_behavior=(
            mqtt5.ClientSessionBehaviorType.CLEAN
            if request.clean_start
            else mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS
        ),
        # The builder's default, AWS_IOT_CORE_DEFAULTS, holds publishing back to 100 messages a second. A limit
        # belongs to the server, which says when it is passed, and not to every connection and every server alike.
        extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
        # Otherwise a publish that was not sent would wait for ever for a reconnect that never comes.
        offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
        retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.NONE,
        min_reconnect_delay_ms=NEVER_SECONDS * 1000,
        max_reconnect_delay_ms=NEVER_SECONDS * 1000,
        connack_timeout_ms=milliseconds(request.timeout),
    )


def _cipher_preference() -> io.TlsCipherPref:
    # The builder makes the TLS context and has no minimum version, and awscrt's own is TLS 1.0. This preference also
    # lifts it to TLS 1.2 (A49).
    wanted = io.TlsCipherPref.TLSv1_2_2025_07
    return wanted if wanted.is_supported() else io.TlsCipherPref.DEFAULT
