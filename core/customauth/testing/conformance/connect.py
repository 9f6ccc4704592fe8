"""The CONNECT that goes out, and the CONNACK that comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import evolve

from customauth import (
    Backend,
    CredentialError,
    CredentialsIn,
    CustomAuth,
    Feature,
    MessageProperties,
    MqttVersion,
    SignedToken,
    Transport,
    Will,
    mqtt,
)
from customauth.mqtt import Property
from customauth.testing.certificates import other_name_identity
from customauth.testing.client_certificates import client_certificate
from customauth.testing.conformance.kit import Kit, Way, each_version, every_way, is_refused, open_connection, run
from customauth.testing.mqtt_server import Content, MqttPeer, mqtt_server, usual

_SIGNED = CustomAuth(
    authorizer="My=Authorizer",
    username="gerät/1",
    password=b"\x00\xff\xfe binary",
    token=SignedToken(key_name="token", value="open sesame/+&=%", signature="/+Q" + "m" * 339 + "=="),
)
# A header can carry these.
_PLAIN = CustomAuth(
    authorizer="Plain",
    username="user-part",
    password=b"pw",
    token=SignedToken(key_name="token", value="open/+&=%", signature="/+Q" + "m" * 339 + "=="),
)
_PROPERTIES = MessageProperties(
    response_topic="answers/für/mich",
    correlation_data=b"\x00\x01\xff",
    content_type="application/json",
    message_expiry=3600,
    user_properties=(("b", "2"), ("a", "1"), ("b", "ä")),
    utf8=True,
)
# All that a server may say unasked when it accepts.
_CONNACK: dict[str, tuple[Property, Any]] = {
    "reason_string": (Property.REASON_STRING, "welcome"),
    "assigned_client_id": (Property.ASSIGNED_CLIENT_IDENTIFIER, "$GEN/1"),
    "server_keep_alive": (Property.SERVER_KEEP_ALIVE, 33),
    "session_expiry": (Property.SESSION_EXPIRY_INTERVAL, 900),
    "receive_maximum": (Property.RECEIVE_MAXIMUM, 7),
    "maximum_qos": (Property.MAXIMUM_QOS, 1),
    "retain_available": (Property.RETAIN_AVAILABLE, 0),
    "maximum_packet_size": (Property.MAXIMUM_PACKET_SIZE, 149_504),
    "topic_alias_maximum": (Property.TOPIC_ALIAS_MAXIMUM, 8),
    "wildcard_subscriptions": (Property.WILDCARD_SUBSCRIPTION_AVAILABLE, 0),
    "subscription_identifiers": (Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE, 0),
    "shared_subscriptions": (Property.SHARED_SUBSCRIPTION_AVAILABLE, 0),
    "user_properties": (Property.USER_PROPERTY, [("b", "2"), ("a", "1"), ("b", "3")]),
}


async def _one_connection(backend: Backend, way: Way, credentials: CustomAuth, **options: Any) -> MqttPeer:
    async with mqtt_server() as server:
        await (await open_connection(backend, server.endpoint, way, credentials, **options)).aclose()
        peer = server.client()
        await peer.ended.wait()
        return peer


def _connect_of(peer: MqttPeer) -> mqtt.Connect:
    assert peer.connect is not None
    return peer.connect


class ConnectConformance(Kit):
    """What a server sees of a connection, and what is read of its CONNACK."""

    @every_way
    def test_the_connect_on_the_wire_is_what_was_asked_for(self, backend: Backend, way: Way) -> None:
        peer = run(
            _one_connection(backend, way, _SIGNED, client_id="client-ü", keep_alive=77, clean_start=False, timeout=20.0)
        )
        sent = _connect_of(peer)
        assert (sent.version, sent.client_id, sent.keep_alive) == (way.version, "client-ü", 77)
        assert (sent.username, sent.password) == (_SIGNED.mqtt_username(), _SIGNED.password)
        assert sent.clean_start is False
        assert sent.will is None
        assert peer.sni == "localhost"
        assert peer.alpn == ("mqtt" if way.transport is Transport.MQTT else None)
        assert peer.tls_version in ("TLSv1.2", "TLSv1.3")
        assert len(peer.all(mqtt.Disconnect)) == 1, "aclose() sends DISCONNECT"

    @every_way
    def test_a_websocket_is_opened_at_mqtt_with_the_subprotocol_and_no_credentials(
        self, backend: Backend, way: Way
    ) -> None:
        peer = run(_one_connection(backend, way, _SIGNED))
        if way.transport is Transport.MQTT:
            assert peer.target is None
            return
        headers = {name.lower(): value for name, value in peer.headers}
        assert peer.target == "/mqtt"
        assert headers["sec-websocket-protocol"] == "mqtt"
        assert not [name for name in headers if name.startswith("x-amz-") or name == "token"]

    @each_version
    def test_no_user_name_and_no_password_are_sent_when_there_are_none(self, backend: Backend, way: Way) -> None:
        sent = _connect_of(run(_one_connection(backend, way, CustomAuth())))
        assert (sent.username, sent.password) == (None, None)
        assert len(sent.client_id) == 36

    @each_version
    def test_an_empty_password_is_sent_as_one(self, backend: Backend, way: Way) -> None:
        sent = _connect_of(run(_one_connection(backend, way, CustomAuth(username="u", password=b""))))
        assert (sent.username, sent.password) == ("u", b"")

    @each_version
    def test_a_keep_alive_of_0_is_sent(self, backend: Backend, way: Way) -> None:
        assert _connect_of(run(_one_connection(backend, way, CustomAuth(), keep_alive=0))).keep_alive == 0

    @each_version
    @pytest.mark.parametrize("qos", [0, 1])
    @pytest.mark.parametrize("retain", [False, True])
    def test_the_will_is_sent(self, backend: Backend, way: Way, qos: int, retain: bool) -> None:
        will = Will(topic="will/ü", payload=b"\x00gone", qos=qos, retain=retain)
        sent = _connect_of(run(_one_connection(backend, way, CustomAuth(username="u"), will=will))).will
        assert sent is not None
        assert (sent.topic, sent.payload, sent.qos, sent.retain) == ("will/ü", b"\x00gone", qos, retain)
        assert not sent.properties

    def test_what_only_mqtt_5_can_say_is_sent(self, backend: Backend) -> None:
        way = Way(MqttVersion.V5)
        if not way.needs <= backend.features:
            pytest.skip(f"backend {backend.name} does not declare mqtt5")
        will = Will(topic="will", delay=5, properties=_PROPERTIES)
        pairs = (("z", "1"), ("a", "2"), ("z", "ä"))
        sent = _connect_of(
            run(_one_connection(backend, way, CustomAuth(), will=will, session_expiry=4711, user_properties=pairs))
        )
        assert sent.properties[Property.SESSION_EXPIRY_INTERVAL] == 4711
        assert sent.properties[Property.USER_PROPERTY] == list(pairs)
        assert sent.will is not None
        assert sent.will.properties == {**_PROPERTIES.to_wire(), Property.WILL_DELAY_INTERVAL: 5}

    def test_a_password_alone_is_sent_or_refused_before_anything_is_dialled(self, backend: Backend) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:
                attempt = open_connection(backend, server.endpoint, Way(MqttVersion.V5), CustomAuth(password=b"alone"))
                if Feature.OMIT_USERNAME not in backend.features:
                    await is_refused(attempt, Feature.OMIT_USERNAME)
                    assert server.peers == []
                    return
                await (await attempt).aclose()
                (sent,) = server.connects()
                assert (sent.username, sent.password) == (None, b"alone")

        run(scenario())

    def test_a_password_alone_is_refused_on_mqtt_311(self, backend: Backend) -> None:
        async def scenario() -> None:
            async with mqtt_server() as server:
                with pytest.raises(CredentialError, match="user name"):
                    await open_connection(
                        backend, server.endpoint, Way(MqttVersion.V311), CustomAuth(password=b"alone")
                    )
                assert server.peers == []

        run(scenario())

    @each_version
    def test_credentials_in_headers_are_in_no_user_name(self, backend: Backend, way: Way) -> None:
        peer = self._over_a_websocket(backend, way, CredentialsIn.HEADERS)
        if peer is None:
            return
        headers = {name.lower(): value for name, value in peer.headers}
        expected = {name.lower(): value for name, value in _PLAIN.http_headers().items()}
        assert expected.items() <= headers.items()
        assert peer.target == "/mqtt"
        sent = _connect_of(peer)
        assert (sent.username, sent.password) == ("user-part", b"pw")

    @each_version
    def test_credentials_in_the_query_are_in_no_user_name(self, backend: Backend, way: Way) -> None:
        peer = self._over_a_websocket(backend, way, CredentialsIn.QUERY)
        if peer is None:
            return
        assert peer.target == f"/mqtt?{_PLAIN.url_query()}"
        sent = _connect_of(peer)
        assert (sent.username, sent.password) == ("user-part", b"pw")

    def _over_a_websocket(self, backend: Backend, way: Way, where: CredentialsIn) -> MqttPeer | None:
        """Connect; return None where a backend without WebSockets has refused to, as it should."""

        async def scenario() -> MqttPeer | None:
            async with mqtt_server() as server:
                attempt = open_connection(
                    backend, server.endpoint, Way(way.version, Transport.WSS), _PLAIN, credentials_in=where
                )
                if Feature.WEBSOCKET not in backend.features:
                    await is_refused(attempt, Feature.WEBSOCKET)
                    assert server.peers == []
                    return None
                await (await attempt).aclose()
                return server.peers[0]

        return run(scenario())

    @every_way
    def test_a_client_certificate_is_shown_or_refused_before_anything_is_dialled(
        self, backend: Backend, way: Way
    ) -> None:
        certificate = client_certificate()

        async def scenario() -> None:
            async with mqtt_server(client_ca_pem=certificate.certificate_pem) as server:
                await (await open_connection(backend, server.endpoint, way)).aclose()
                assert server.peers[0].certificate is None
                attempt = open_connection(backend, evolve(server.endpoint, client_certificate=certificate), way)
                if Feature.CLIENT_CERTIFICATE not in backend.features:
                    await is_refused(attempt, Feature.CLIENT_CERTIFICATE)
                    assert len(server.peers) == 1
                    return
                await (await attempt).aclose()
                assert server.peers[1].certificate is not None

        run(scenario())

    @every_way
    def test_an_address_is_dialled_in_place_of_the_name_or_refused(self, backend: Backend, way: Way) -> None:
        async def scenario() -> None:
            async with mqtt_server(identity=other_name_identity()) as server:
                endpoint = evolve(
                    server.endpoint,
                    host="other.example",
                    port=443,
                    address="127.0.0.1",
                    address_port=server.endpoint.port,
                )
                attempt = open_connection(backend, endpoint, way)
                if Feature.ADDRESS not in backend.features:
                    await is_refused(attempt, Feature.ADDRESS)
                    assert server.peers == []
                    return
                await (await attempt).aclose()
                assert [peer.sni for peer in server.peers] == ["other.example"]

        run(scenario())

    @each_version
    def test_the_librarys_own_metrics_are_added_on_demand_or_refused(self, backend: Backend, way: Way) -> None:
        credentials = CustomAuth(username="alice", authorizer="A")

        async def scenario() -> None:
            async with mqtt_server() as server:
                attempt = open_connection(backend, server.endpoint, way, credentials, sdk_metrics=True)
                if Feature.SDK_METRICS not in backend.features:
                    await is_refused(attempt, Feature.SDK_METRICS)
                    assert server.peers == []
                    return
                await (await attempt).aclose()
                username = _connect_of(server.peers[0]).username
                assert username is not None
                assert username.startswith(f"{credentials.mqtt_username()}&SDK=")

        run(scenario())

    @every_way
    def test_the_connack_is_read_in_full(self, backend: Backend, way: Way) -> None:
        v5 = way.version is MqttVersion.V5
        properties: mqtt.Properties = dict(_CONNACK.values()) if v5 else {}

        def answers(packet: mqtt.Packet, version: MqttVersion) -> tuple[Content, ...]:
            if isinstance(packet, mqtt.Connect):
                return (mqtt.Connack(session_present=True, reason_code=0, properties=properties),)
            return usual(packet, version)

        async def scenario() -> Any:
            async with (
                mqtt_server(answers) as server,
                await open_connection(backend, server.endpoint, way, clean_start=False) as connection,
            ):
                return connection.connack

        connack = run(scenario())
        assert connack.session_present is True
        if v5:
            read = {name: getattr(connack, name) for name in _CONNACK}
            expected = {name: value for name, (_, value) in _CONNACK.items()}
            expected["user_properties"] = tuple(expected["user_properties"])
            assert read == expected

    @each_version
    def test_what_the_connack_does_not_say_has_the_value_of_the_specification(self, backend: Backend, way: Way) -> None:
        async def scenario() -> Any:
            async with mqtt_server() as server, await open_connection(backend, server.endpoint, way) as connection:
                return connection.connack

        connack = run(scenario())
        assert connack == type(connack)()

    @each_version
    def test_credentials_may_be_a_plain_or_an_async_function(self, backend: Backend, way: Way) -> None:
        async def fresh() -> CustomAuth:
            await asyncio.sleep(0)
            return CustomAuth(username="asked-async")

        async def scenario() -> list[str | None]:
            async with mqtt_server() as server:
                for source in (lambda: CustomAuth(username="asked"), fresh):
                    await (await open_connection(backend, server.endpoint, way, source)).aclose()
                return [sent.username for sent in server.connects()]

        assert run(scenario()) == ["asked", "asked-async"]
