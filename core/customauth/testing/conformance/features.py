"""Features both ways: what is declared works, and what is not is refused before a socket is opened."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from attrs import evolve, frozen

from customauth import Backend, CustomAuth, Endpoint, Feature, MqttVersion, Transport
from customauth.testing.certificates import other_name_identity
from customauth.testing.client_certificates import client_certificate
from customauth.testing.conformance.kit import ANYBODY, Kit, Way, each_version, is_refused, open_connection, run
from customauth.testing.mqtt_server import MqttPeer, MqttServer, mqtt_server
from customauth.testing.proxies import ProxyServer, http_proxy, socks5_proxy


@frozen(kw_only=True)
class _Request:
    """A request that needs a feature.

    :ivar shows: whether a connection shows that the feature was put to use.
    """

    endpoint: Endpoint
    way: Way
    credentials: CustomAuth = ANYBODY
    sdk_metrics: bool = False
    shows: Callable[[MqttPeer], bool] = lambda peer: peer.connect is not None


@contextlib.asynccontextmanager
async def _needing(
    feature: Feature, backend: Backend
) -> AsyncIterator[tuple[MqttServer, ProxyServer | None, _Request]]:
    """Give what a request that needs this feature is made to, and the request."""
    way = Way(MqttVersion.V5 if Feature.MQTT5 in backend.features else MqttVersion.V311)
    identity = other_name_identity() if feature is Feature.ADDRESS else None
    certificate = client_certificate()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            mqtt_server(identity=identity, client_ca_pem=certificate.certificate_pem)
        )
        plain = _Request(endpoint=server.endpoint, way=way)
        proxy: ProxyServer | None = None
        match feature:
            case Feature.MQTT5:
                request = evolve(plain, way=Way(MqttVersion.V5), shows=lambda peer: peer.version is MqttVersion.V5)
            case Feature.MQTT311:
                request = evolve(plain, way=Way(MqttVersion.V311), shows=lambda peer: peer.version is MqttVersion.V311)
            case Feature.WEBSOCKET:
                request = evolve(plain, way=Way(way.version, Transport.WSS), shows=lambda peer: peer.target is not None)
            case Feature.HTTP_PROXY | Feature.SOCKS5_PROXY:
                made = http_proxy if feature is Feature.HTTP_PROXY else socks5_proxy
                proxy = await stack.enter_async_context(
                    made(user=("pröxy" if made is http_proxy else "proxy", "s:c/r t"))
                )
                url = evolve(proxy.proxy, username=proxy.user[0], password=proxy.user[1]) if proxy.user else proxy.proxy
                request = evolve(plain, endpoint=evolve(server.endpoint, proxy=url))
            case Feature.CLIENT_CERTIFICATE:
                endpoint = evolve(server.endpoint, client_certificate=certificate)
                request = evolve(plain, endpoint=endpoint, shows=lambda peer: peer.certificate is not None)
            case Feature.ADDRESS:
                endpoint = evolve(
                    server.endpoint,
                    host="other.example",
                    port=443,
                    address="127.0.0.1",
                    address_port=server.endpoint.port,
                )
                request = evolve(plain, endpoint=endpoint, shows=lambda peer: peer.sni == "other.example")
            case Feature.OMIT_USERNAME:
                alone = CustomAuth(password=b"alone")
                request = evolve(plain, way=Way(MqttVersion.V5), credentials=alone, shows=_has_no_username)
            case _:
                request = evolve(plain, sdk_metrics=True, shows=_has_metrics)
        yield server, proxy, request


def _has_no_username(peer: MqttPeer) -> bool:
    return peer.connect is not None and peer.connect.username is None and peer.connect.password == b"alone"


def _has_metrics(peer: MqttPeer) -> bool:
    return peer.connect is not None and "SDK=" in (peer.connect.username or "")


# The others change nothing in a request: without them, what happens is said by the failure table and the data paths.
_REQUESTED = [
    Feature.MQTT5,
    Feature.MQTT311,
    Feature.WEBSOCKET,
    Feature.HTTP_PROXY,
    Feature.SOCKS5_PROXY,
    Feature.CLIENT_CERTIFICATE,
    Feature.ADDRESS,
    Feature.OMIT_USERNAME,
    Feature.SDK_METRICS,
]


class FeaturesConformance(Kit):
    """Declared or not: each is one of two truths."""

    def test_it_has_a_name_a_library_and_one_version_of_mqtt_at_least(self, backend: Backend) -> None:
        assert backend.name
        assert backend.library
        assert isinstance(backend.features, frozenset)
        assert backend.features & {Feature.MQTT5, Feature.MQTT311}

    @pytest.mark.parametrize("feature", _REQUESTED, ids=lambda feature: feature.value)
    def test_a_feature_works_or_is_refused_before_anything_is_dialled(self, backend: Backend, feature: Feature) -> None:
        async def scenario() -> None:
            async with _needing(feature, backend) as (server, proxy, request):
                attempt = open_connection(
                    backend, request.endpoint, request.way, request.credentials, sdk_metrics=request.sdk_metrics
                )
                if request.way.needs | {feature} <= backend.features:
                    async with await attempt as connection:
                        await connection.publish("conformance/a", b"x", qos=1)
                    peer = server.client()
                    assert request.shows(peer), f"{feature.value} is declared, and nothing shows that it was put to use"
                    assert proxy is None or proxy.connections == 1
                else:
                    missing = feature if feature not in backend.features else Feature.MQTT5
                    await is_refused(attempt, missing)
                    assert server.peers == []
                    assert proxy is None or proxy.connections == 0

        run(scenario())

    @each_version
    @pytest.mark.parametrize("feature", [Feature.HTTP_PROXY, Feature.SOCKS5_PROXY], ids=lambda feature: feature.value)
    @pytest.mark.parametrize("transport", Transport, ids=lambda transport: transport.value)
    def test_a_proxy_resolves_the_name_and_reaches_the_endpoint(
        self, backend: Backend, way: Way, feature: Feature, transport: Transport
    ) -> None:
        way = Way(way.version, transport)
        if not way.needs | {feature} <= backend.features:
            pytest.skip(f"backend {backend.name} does not declare all of it")
        made: Any = http_proxy if feature is Feature.HTTP_PROXY else socks5_proxy

        async def scenario() -> None:
            async with mqtt_server(identity=other_name_identity()) as server:
                known = {"other.example": ("127.0.0.1", server.endpoint.port)}
                async with made(names=known) as proxy:
                    endpoint = evolve(server.endpoint, host="other.example", port=443, proxy=proxy.proxy)
                    async with await open_connection(backend, endpoint, way) as connection:
                        await connection.publish("conformance/a", b"x" * 100_000, qos=1)
                    assert proxy.asked == ["other.example:443"]
                    peer = server.client()
                    assert peer.sni == "other.example"

        run(scenario())
