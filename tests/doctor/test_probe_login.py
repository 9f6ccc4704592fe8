"""CONNECT as the probe sends it, how it ends, and what that means: real gateways and servers that follow a script."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import aloop
import servers
from customauth import CustomAuth, MqttVersion, Transport, mqtt
from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.probe import Ending, Reached
from customauth.doctor.probe.masking import Masking
from customauth.doctor.probe.packets import CannotBeSent, connect_bytes
from customauth.doctor.setup import Parts, Setup, WillPart
from customauth.gateway import RunningGateway, running
from customauth.request import ConnectRequest, CredentialsIn
from customauth.testing.mqtt_server import mqtt_server, usual
from probing import Seen, on_443, probed, setup_for

V5, V311 = MqttVersion.V5, MqttVersion.V311
VERSIONS = pytest.mark.parametrize("version", [V5, V311], ids=["5", "311"])


def device(local: RunningGateway, credentials: CustomAuth | None = None, **more: object) -> Setup:
    used = credentials or local.unsigned
    assert used is not None
    sent = {"username": used.mqtt_username(), "password": used.password}
    return setup_for(on_443(local.endpoint), **(sent | more))


def gateway_file(folder: Path, *topics: str, settings: str = "") -> Path:
    """Write a gateway whose authorizer ``open`` lets everybody connect, and use these topics."""
    (folder / "authorizer.py").write_text(f"""
def handler(event, context):
    arn = "arn:aws:iot:us-east-1:123456789012:"
    statements = [{{"Effect": "Allow", "Action": "iot:Connect", "Resource": arn + "client/*"}}]
    for topic in {topics!r}:
        statements.append({{"Effect": "Allow", "Action": "iot:Subscribe", "Resource": arn + "topicfilter/" + topic}})
        statements.append({{"Effect": "Allow", "Action": "iot:Publish", "Resource": arn + "topic/" + topic}})
    policy = {{"Version": "2012-10-17", "Statement": statements}}
    return {{"isAuthenticated": True, "principalId": "tester", "policyDocuments": [policy]}}
""")
    file = folder / "gateway.toml"
    file.write_text(
        f'[gateway]\nnames = ["localhost"]\n{settings}\n[authorizers.open]\nstatus = "ACTIVE"\n'
        'function = "authorizer.py:handler"\nsigning_disabled = true\n'
    )
    return file


# Healthy devices


@VERSIONS
@pytest.mark.parametrize("kind", ["unsigned", "signed"])
def test_a_healthy_device_has_no_findings(version: MqttVersion, kind: str) -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(device(local, getattr(local, kind), version=version))
            assert seen.rules() == []
            assert seen.result.connected is True
            assert seen.result.accepted
            assert seen.result.reached is Reached.CONNECTED
            assert [decision.line()[:5] for decision in local.decisions] == ["ALLOW"] * len(seen.result.attempts)
            # MQTT 5 first, because only 5 gives a reason.
            assert seen.result.attempts[0].version is V5
            assert seen.result.attempts[-1].version is version

    asyncio.run(main())


@VERSIONS
@pytest.mark.parametrize("place", list(CredentialsIn), ids=lambda place: place.value)
@pytest.mark.fact("A25")
def test_a_healthy_device_over_a_websocket_has_no_findings(version: MqttVersion, place: CredentialsIn) -> None:
    async def main() -> None:
        async with running() as local:
            assert local.signed is not None
            endpoint = evolve(on_443(local.endpoint), transport=Transport.WSS)
            request = ConnectRequest(
                endpoint=endpoint,
                credentials=local.signed,
                client_id="device",
                credentials_in=place,
                version=version,
            )
            headers = local.signed.http_headers() if place is CredentialsIn.HEADERS else {}
            query = local.signed.url_query() if place is CredentialsIn.QUERY else None
            setup = setup_for(
                endpoint,
                alpn=(),
                version=version,
                username=request.username,
                password=request.password,
                headers=headers,
                query=query,
            )
            seen = await probed(setup)
            assert seen.rules() == []
            assert seen.result.connected is True

    asyncio.run(main())


def test_an_accepted_connection_says_goodbye_so_that_no_will_is_published() -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            setup = setup_for(server.endpoint, version=V311, will=WillPart(topic="last", qos=1, payload=b"words"))
            seen = await probed(setup)
            spoken = [peer for peer in server.peers if peer.connect is not None]
            for peer in spoken:
                await peer.ended.wait()
            assert [peer.said_disconnect for peer in spoken] == [True, True]
            assert all(packet.will is not None for packet in server.connects())
            assert seen.rules() == []

    asyncio.run(main())


@pytest.mark.fact("E15")
def test_the_device_s_own_client_id_is_used_and_that_is_told() -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            seen = await probed(setup_for(server.endpoint, client_id="pump-7", client_id_given=True))
            assert "'pump-7' has lost its connection" in seen.check("CONNECT with MQTT 5").detail
            assert [packet.client_id for packet in server.connects()] == ["pump-7"]

    asyncio.run(main())


# What goes out


@given(
    st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.none() | st.binary(),
    st.sampled_from([V5, V311]),
)
def test_user_name_and_password_go_out_as_they_are(
    username: str | None, password: bytes | None, version: MqttVersion
) -> None:
    setup = Setup(username=username, password=password, client_id="device")
    if version is V311 and username is None and password is not None:
        with pytest.raises(CannotBeSent) as caught:
            connect_bytes(setup, version)
        assert caught.value.finding.rule == "packet-malformed"
        return
    made = connect_bytes(setup, version)
    for data in (made.data, made.masked):
        (frame,) = mqtt.FrameReader(1 << 20).feed(data)
        packet = mqtt.decode(frame, None)
        assert isinstance(packet, mqtt.Connect)
        if data is made.data:
            assert (packet.username, packet.password) == (username, password)
        else:
            assert set(packet.username or "") <= {"*"}
            assert set(packet.password or b"") <= set(b"*")
    assert len(made.data) == len(made.masked)


@pytest.mark.fact("A21")
@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"username": "x" * 65536}, "username-too-long"),
        ({"password": b"x" * 65536}, "password-too-long"),
        ({"client_id": "a\0b"}, "packet-malformed"),
        ({"username": None, "version": V311}, "packet-malformed"),
    ],
    ids=["user name", "password", "client id", "password alone"],
)
def test_what_mqtt_cannot_carry_is_not_sent(more: dict[str, object], rule: str) -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            seen = await probed(setup_for(server.endpoint, **more))
            assert seen.rules() == [rule]
            assert seen.result.connected is None

    asyncio.run(main())


def test_a_device_that_is_refused_shows_no_secret_anywhere() -> None:
    async def main() -> None:
        said = "user pump-user has not the password of-the-pump, nor c2lnbmVkLWJ5LW1l"
        async with servers.scripted_server(servers.Refuse(0x87, said)) as server:
            setup = setup_for(
                server.endpoint,
                username="pump-user?x-amz-customauthorizer-signature=c2lnbmVkLWJ5LW1l&token=the-token-itself",
                password=b"of-the-pump",
                parts=Parts(signature="c2lnbmVkLWJ5LW1l", token="the-token-itself"),
            )
            seen = await probed(setup)
            assert "pump-user has not the password ***, nor ***" in seen.check("CONNECT with MQTT 5").detail
            for secret in ("of-the-pump", "c2lnbmVkLWJ5LW1l", "the-token-itself"):
                assert secret not in seen.text()

    asyncio.run(main())


@given(st.text(min_size=4), st.text(), st.text())
def test_no_line_holds_a_secret(secret: str, before: str, after: str) -> None:
    setup = Setup(password=secret.encode(errors="surrogatepass"), parts=Parts(token=secret))
    line = Masking.of(setup).line(before + secret + after, longest=1 << 20)
    assert secret not in line or secret in "***"


# Refusals


def refused_by(version: MqttVersion, code: int, **more: object) -> Seen:
    async def main() -> Seen:
        async with servers.scripted_server(servers.Refuse(code, "because")) as server:
            return await probed(setup_for(server.endpoint, version=version, **more))

    return asyncio.run(main())


WILL = {"will": WillPart(topic="a/#", qos=2)}


@pytest.mark.fact("F1")
@pytest.mark.fact("E12")
@pytest.mark.parametrize(
    ("code", "more", "rules"),
    [
        (0x87, {}, ["not-authorized"]),
        (0x86, {}, ["not-authorized"]),
        (0x85, {}, ["client-id-refused"]),
        (0x85, {"client_id": "x" * 129}, ["client-id-too-long"]),
        (0x85, {"client_id": "$GEN/1"}, ["client-id-reserved"]),
        (0x85, {"client_id": ""}, ["client-id-empty"]),
        (0x90, WILL, ["will-topic"]),
        (0x9B, WILL, ["will-qos2"]),
        (0x97, {}, ["connect-too-often"]),
        (0x81, {}, ["packet-malformed"]),
        (0x88, {}, []),
    ],
)
def test_a_refusal_of_mqtt_5_is_read_by_its_code(code: int, more: dict[str, object], rules: list[str]) -> None:
    seen = refused_by(V5, code, **more)
    assert seen.rules() == rules
    assert seen.check("CONNECT with MQTT 5").outcome is Outcome.STOPPED
    assert seen.result.connected is False
    own = seen.result.attempt(V5)
    assert own is not None
    assert (own.ending, own.reason_code, own.reason_string) == (Ending.REFUSED, code, "because")


@pytest.mark.parametrize(("code", "rule"), [(1, "protocol-version"), (2, "client-id-refused"), (5, "not-authorized")])
def test_a_refusal_of_mqtt_311_is_read_by_its_code(code: int, rule: str) -> None:
    seen = refused_by(V311, code)
    assert seen.rules() == [rule]
    assert seen.check("CONNECT with MQTT 3.1.1").outcome is Outcome.STOPPED


def test_a_refused_login_alone_is_only_possible() -> None:
    assert refused_by(V5, 0x87).findings()[0].certainty is Certainty.POSSIBLE


@VERSIONS
@pytest.mark.fact("F1")
@pytest.mark.fact("F3")
def test_a_wrong_password_is_a_refused_login(version: MqttVersion) -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(device(local, password=b"looking-glass", version=version))
            assert seen.rules() == ["not-authorized"]
            # What MQTT 3.1.1 is not told, MQTT 5 is.
            assert "CONNACK 0x87" in seen.findings()[0].evidence
            assert seen.result.connected is False
            assert not seen.result.accepted
            if version is V311:
                assert seen.result.attempts[-1].ending is Ending.CLOSED
                assert seen.check("CONNECT with MQTT 5").findings == ()

    asyncio.run(main())


@pytest.mark.fact("E8")
@pytest.mark.fact("E19")
@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"client_id": "x" * 129}, "client-id-too-long"),
        ({"will": WillPart(topic="last/words", qos=2)}, "will-qos2"),
        ({"will": WillPart(topic="last/#", qos=1)}, "will-topic"),
    ],
    ids=["client id", "qos", "topic"],
)
@VERSIONS
def test_what_aws_takes_from_nobody_is_certain_in_both_versions(
    version: MqttVersion, more: dict[str, object], rule: str
) -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(device(local, version=version, **more))
            assert seen.rules() == [rule]
            assert seen.findings()[0].certainty is Certainty.CERTAIN

    asyncio.run(main())


@pytest.mark.fact("A47")
def test_an_address_as_endpoint_is_a_likely_cause_of_a_refusal() -> None:
    async def main() -> None:
        async with running() as local:
            endpoint = evolve(on_443(local.endpoint), host="127.0.0.1", address=None)
            seen = await probed(evolve(device(local), endpoint=endpoint))
            assert seen.rules() == ["not-authorized", "endpoint-is-address"]
            assert seen.finding("endpoint-is-address").certainty is Certainty.LIKELY

    asyncio.run(main())


# What differs tells


@VERSIONS
@pytest.mark.fact("A39")
@pytest.mark.fact("A40")
@pytest.mark.fact("A50")
@pytest.mark.parametrize(
    ("alpn", "rule"),
    [((), "alpn-missing"), (("x-amzn-mqtt-ca",), "alpn-wrong"), (("http/1.1",), "alpn-wrong")],
    ids=["none", "certificate", "http"],
)
def test_the_alpn_is_certain_where_another_one_is_answered(
    version: MqttVersion, alpn: tuple[str, ...], rule: str
) -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(device(local, alpn=alpn, version=version))
            assert seen.rules() == [rule]
            assert seen.findings()[0].certainty is Certainty.CERTAIN
            assert seen.check("CONNECT with MQTT 5 and ALPN mqtt").findings != ()
            assert seen.result.connected is False
            # The credentials themselves are good.
            assert seen.result.accepted

    asyncio.run(main())


def test_a_missing_alpn_and_a_refused_login_are_both_seen() -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(device(local, alpn=(), password=b"looking-glass"))
            assert seen.rules() == ["alpn-missing"]
            assert "CONNACK 0x87" in seen.findings()[0].evidence
            assert not seen.result.accepted

    asyncio.run(main())


@pytest.mark.fact("A55")
def test_a_server_that_needs_no_alpn_is_not_blamed_for_it() -> None:
    async def main() -> None:
        async with servers.scripted_server(alpn=None) as server:
            seen = await probed(setup_for(server.endpoint, alpn=()))
            assert seen.rules() == []
            assert seen.result.connected is True

    asyncio.run(main())


@pytest.mark.fact("E1")
@pytest.mark.parametrize("code", [0x84, None], ids=["refused", "closed"])
def test_a_server_of_mqtt_311_alone_is_known_by_taking_that(code: int | None) -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> list[mqtt.Packet | bytes]:
        if isinstance(packet, mqtt.Connect) and version is V5:
            # As a server answers that does not know MQTT 5 at all.
            return [b"\x20\x02\x00\x01"] if code else [b"\x00"]
        return list(usual(packet, version))

    async def main() -> None:
        async with mqtt_server(answers) as server:
            seen = await probed(setup_for(server.endpoint))
            assert "protocol-version" in seen.rules()
            assert seen.finding("protocol-version").certainty is Certainty.CERTAIN
            own = seen.result.attempt(V5)
            assert own is not None
            assert own.reason_code == code
            assert seen.result.connected is False
            assert seen.result.accepted
            # Whoever speaks 3.1.1 is not concerned.
            seen = await probed(setup_for(server.endpoint, version=V311))
            assert seen.rules() == []
            assert seen.result.connected is True
            assert seen.check("CONNECT with MQTT 5").outcome is Outcome.WARNED

    asyncio.run(main())


def test_a_server_that_never_answers_is_likely_at_fault() -> None:
    async def main() -> None:
        async with servers.scripted_server(servers.NeverAnswer()) as server:
            seen = await probed(setup_for(server.endpoint, timeout=0.5))
            assert seen.rules() == ["no-connack"]
            assert seen.findings()[0].certainty is Certainty.LIKELY
            own = seen.result.attempt(V5)
            assert own is not None
            assert own.ending is Ending.SILENT

    aloop.run(main())


@pytest.mark.parametrize("abruptly", [False, True])
def test_mqtt_5_that_is_closed_without_a_connack_is_hardly_aws(abruptly: bool) -> None:
    async def main() -> None:
        async with servers.scripted_server(servers.CloseAfterConnect(abruptly=abruptly)) as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == ["not-mqtt", "domain-wrong-type"]
            assert {finding.certainty for finding in seen.findings()} == {Certainty.POSSIBLE}
            assert "without a CONNACK" in seen.check("CONNECT with MQTT 5").detail

    asyncio.run(main())


@pytest.mark.fact("A53")
def test_a_domain_for_another_login_is_possible_where_nobody_answers(tmp_path: Path) -> None:
    domain = '[domain_configurations.theirs]\nserver_name = "theirs.example"\nauthentication_type = "AWS_X509"\n'
    domain += 'application_protocol = "SECURE_MQTT"\n'

    async def main() -> None:
        file = gateway_file(tmp_path)
        file.write_text(file.read_text() + domain)
        async with running(file) as local:
            endpoint = evolve(on_443(local.endpoint), host="theirs.example")
            seen = await probed(setup_for(endpoint))
            assert "domain-wrong-type" in seen.rules()

    asyncio.run(main())


def test_http_in_place_of_mqtt_is_told() -> None:
    async def main() -> None:
        answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        async with mqtt_server(lambda packet, version: [answer]) as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == ["not-mqtt"]
            assert "HTTP (HTTP/1.1 400 Bad Request)" in seen.findings()[0].evidence
            assert ("< in place of CONNACK", answer) in seen.traced

    asyncio.run(main())


# Often, and sessions that are kept


@pytest.mark.fact("E9")
def test_two_connects_of_one_client_id_are_a_second_apart(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(gateway_file(tmp_path, settings="enforce_quotas = true")) as local:
            seen = await probed(setup_for(on_443(local.endpoint), version=V311), pause=1.1)
            assert seen.rules() == []
            assert [attempt.ending for attempt in seen.result.attempts] == [Ending.ACCEPTED, Ending.ACCEPTED]

    asyncio.run(main())


@pytest.mark.fact("E9")
def test_a_connect_that_came_too_soon_after_another_client_s_is_made_again() -> None:
    said = iter([0x97, 0])

    def answers(packet: mqtt.Packet, version: MqttVersion) -> list[mqtt.Packet]:
        if isinstance(packet, mqtt.Connect):
            return [mqtt.Connack(session_present=False, reason_code=next(said))]
        return list(usual(packet, version))

    async def main() -> None:
        async with mqtt_server(answers) as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == []
            assert seen.check("CONNECT with MQTT 5").outcome is Outcome.WARNED
            assert seen.result.connected is True

    asyncio.run(main())


@pytest.mark.fact("E37")
def test_a_session_that_is_kept_is_taken_up_and_left_alone() -> None:
    async def main() -> None:
        async with mqtt_server() as server:
            setup = setup_for(
                server.endpoint, version=V311, clean_start=False, session_expiry=None, subscribe=("commands",)
            )
            seen = await probed(setup)
            assert seen.check("SUBSCRIBE commands").outcome is Outcome.SKIPPED
            # MQTT 5 would not take it up.
            packets = [peer.connect for peer in server.peers if peer.connect is not None]
            assert [(packet.version, packet.clean_start) for packet in packets] == [(V311, False)]

    asyncio.run(main())


@pytest.mark.fact("E37")
def test_a_refused_device_with_a_kept_session_is_told_the_reason_by_mqtt_5() -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(device(local, version=V311, clean_start=False, password=b"looking-glass"))
            assert [attempt.version for attempt in seen.result.attempts] == [V311, V5]
            assert set(seen.rules()) == {"not-authorized"}

    asyncio.run(main())


@pytest.mark.fact("E39")
def test_no_session_is_left_of_a_probe_that_began_a_new_one() -> None:
    async def main() -> None:
        async with mqtt_server() as server:
            await probed(setup_for(server.endpoint, session_expiry=3600))
            (peer,) = (peer for peer in server.peers if peer.connect is not None)
            await peer.ended.wait()
            (goodbye,) = peer.all(mqtt.Disconnect)
            assert goodbye.properties == {mqtt.Property.SESSION_EXPIRY_INTERVAL: 0}

    asyncio.run(main())


# Topics


@VERSIONS
@pytest.mark.fact("D22")
def test_topics_that_the_policy_denies_are_told_and_others_granted(version: MqttVersion, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(gateway_file(tmp_path, "mine")) as local:
            setup = setup_for(
                on_443(local.endpoint), version=version, subscribe=("mine", "yours", "a/#/b"), publish=("mine", "yours")
            )
            seen = await probed(setup, publish=True)
            assert seen.rules() == ["policy-subscribe", "filter-invalid", "policy-publish"]
            assert {finding.certainty for finding in seen.findings()} == {Certainty.CERTAIN}
            assert seen.check("SUBSCRIBE mine").outcome is Outcome.PASSED
            assert seen.check("PUBLISH mine").outcome is Outcome.PASSED
            assert seen.finding("policy-subscribe").facts == {"filter": "yours"}
            assert seen.result.subscribed == {"mine": 1, "yours": 0x87, "a/#/b": 0x8F}
            assert seen.result.published == {"mine": 0, "yours": 0x87}
            assert seen.result.connected is True

    asyncio.run(main())


def test_nothing_is_published_unless_it_is_asked_for() -> None:
    async def main() -> None:
        async with mqtt_server() as server:
            seen = await probed(setup_for(server.endpoint, publish=("alarm",)))
            assert seen.check("PUBLISH alarm").outcome is Outcome.SKIPPED
            assert all(peer.all(mqtt.Publish) == [] for peer in server.peers)
            seen = await probed(setup_for(server.endpoint, publish=("alarm",)), publish=True)
            assert seen.check("PUBLISH alarm").outcome is Outcome.PASSED

    asyncio.run(main())


@pytest.mark.fact("D22")
def test_a_connection_that_ends_in_place_of_an_answer_is_likely_the_policy() -> None:
    async def main() -> None:
        def answers(packet: mqtt.Packet, version: MqttVersion) -> list[mqtt.Packet]:
            if isinstance(packet, mqtt.Subscribe):
                server.peers[-1].end()
                return []
            return list(usual(packet, version))

        async with mqtt_server(answers) as server:
            seen = await probed(setup_for(server.endpoint, subscribe=("a", "b")))
            assert seen.rules() == ["policy-subscribe"]
            assert seen.findings()[0].certainty is Certainty.LIKELY
            assert seen.check("SUBSCRIBE b").outcome is Outcome.SKIPPED

    asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "rule"), [(0x8F, "filter-invalid"), (0x97, "too-many-subscriptions"), (0x80, "policy-subscribe")]
)
def test_a_refused_filter_is_read_by_its_code(code: int, rule: str) -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> list[mqtt.Packet]:
        if isinstance(packet, mqtt.Subscribe):
            return [mqtt.Suback(packet_id=packet.packet_id, reason_codes=(code,))]
        return list(usual(packet, version))

    async def main() -> None:
        async with mqtt_server(answers) as server:
            assert (await probed(setup_for(server.endpoint, subscribe=("a",)))).rules() == [rule]

    asyncio.run(main())


def test_an_abandoned_probe_closes_its_connection() -> None:
    from customauth.doctor.probe import probe

    async def main() -> None:
        async with mqtt_server() as server:
            checks = probe(setup_for(server.endpoint, subscribe=("a",)))
            async for check in checks:
                if check.name.startswith("CONNECT"):
                    break
            await checks.aclose()  # type: ignore[attr-defined]  # an async generator
            (peer,) = (peer for peer in server.peers if peer.connect is not None)
            async with asyncio.timeout(20):
                await peer.ended.wait()

    asyncio.run(main())
