"""MQTT 3.1.1 through awscrt itself: the SDK's builder for it would force port 443."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from awscrt import io, mqtt

from customauth import Connack, ConnectRequest, EndpointError

from ._client import NEVER_SECONDS, Client, Failure, milliseconds

_ALPN = "mqtt"

# What AWS reads a keep alive of 0 as (E10); awscrt cannot send 0.
_LONGEST_KEEP_ALIVE = 1200


class Mqtt311Client(Client):
    """A client of ``awscrt.mqtt``. It makes one attempt by itself, which nothing can cancel."""

    def __init__(self, request: ConnectRequest) -> None:
        super().__init__(request)
        keep_alive = request.keep_alive or _LONGEST_KEEP_ALIVE
        socket_options = io.SocketOptions()
        socket_options.connect_timeout_ms = milliseconds(request.timeout)
        self._connection = mqtt.Connection(
            mqtt.Client(io.ClientBootstrap.get_or_create_static_default(), _tls_context(request)),
            host_name=request.endpoint.host,
            port=request.endpoint.port,
            client_id=request.client_id,
            clean_session=request.clean_start,
            on_connection_interrupted=self._on_interrupted,
            reconnect_min_timeout_secs=NEVER_SECONDS,
            reconnect_max_timeout_secs=NEVER_SECONDS,
            keep_alive_secs=keep_alive,
            # The wait for a CONNACK too. awscrt ends the process when it is not shorter than the keep alive.
            ping_timeout_ms=min(milliseconds(request.timeout), keep_alive * 1000 - 1),
            username=request.credentials.mqtt_username(),
            password=request.credentials.password,
            socket_options=socket_options,
            disable_metrics=not request.sdk_metrics,
        )
        self._connecting: Future[dict[str, bool]] = Future()

    def start(self) -> None:
        """Make the attempt."""
        self._connecting = self._connection.connect()
        self._connecting.add_done_callback(self._on_connect)

    def stop(self) -> None:
        """Disconnect once the attempt has ended, which nothing can hasten."""
        self._connecting.add_done_callback(self._disconnect)

    def _on_connect(self, connecting: Future[dict[str, bool]]) -> None:
        error = connecting.exception()
        if error is None:
            self._report(Connack(session_present=connecting.result()["session_present"]))
        else:
            self._report(Failure(error=error))

    def _disconnect(self, connecting: Future[dict[str, bool]]) -> None:
        if connecting.exception() is not None:
            self._report_stopped()
        else:
            # It fails when the connection is closed already, which is as good.
            self._connection.disconnect().add_done_callback(lambda _: self._report_stopped())

    def _on_interrupted(self, **_: Any) -> None:
        self._connection.disconnect()


def _tls_context(request: ConnectRequest) -> io.ClientTlsContext:
    options = io.TlsContextOptions()
    # awscrt's own minimum is TLS 1.0 (A49).
    options.min_tls_ver = io.TlsVersion.TLSv1_2
    options.alpn_list = [_ALPN]
    if request.endpoint.ca_pem is not None:
        options.override_default_trust_store(request.endpoint.ca_pem)
    try:
        return io.ClientTlsContext(options)
    except RuntimeError as error:
        raise EndpointError(f"awscrt does not take the CA file: {error}") from error
