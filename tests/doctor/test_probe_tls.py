"""What the probe makes of TLS handshakes, each cause staged for real."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

import aloop
import servers
import tlsrooms
from customauth import Endpoint
from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.probe import Reached
from customauth.gateway import running
from customauth.testing.certificates import stranger_identity
from probing import on_443, picky, plain_mqtt, probed, saying, setup_for
from programs import program


def test_the_check_tells_version_alpn_and_certificate() -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            seen = await probed(setup_for(server.endpoint))
            told = seen.check("TLS").detail
            assert "TLSv1.3, ALPN mqtt, certificate localhost, issued by customauth test CA" in told
            assert "for localhost, 127.0.0.1, ::1, until 20" in told
            assert "TLS without ALPN" not in seen.names()

    asyncio.run(main())


@pytest.mark.fact("A39")
@pytest.mark.fact("A47")
def test_on_port_443_the_other_ways_are_told_though_all_is_well() -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(setup_for(on_443(local.endpoint), username=None, password=None))
            assert "no ALPN" in seen.check("TLS without ALPN").detail
            assert "ALPN mqtt" in seen.check("TLS without SNI").detail
            assert {seen.check(name).outcome for name in ("TLS", "TLS without ALPN", "TLS without SNI")} == {
                Outcome.PASSED
            }

    asyncio.run(main())


def test_a_certificate_of_a_stranger_is_untrusted_and_its_issuer_is_told() -> None:
    async def main() -> None:
        async with servers.scripted_server(identity=stranger_identity()) as server:
            trusting = evolve(server.endpoint, ca_pem=servers.authority().ca_pem)
            seen = await probed(setup_for(trusting))
            assert seen.rules() == ["tls-untrusted"]
            assert "signed by customauth test CA" in seen.findings()[0].evidence
            assert seen.findings()[0].certainty is Certainty.CERTAIN
            # Nobody who is not trusted is told a password.
            assert server.connects() == []
            assert not any(peer.received for peer in server.peers)
            assert seen.result.reached is Reached.TCP

    asyncio.run(main())


def test_what_answers_in_the_name_of_aws_with_a_private_ca_intercepts() -> None:
    async def main() -> None:
        name = "a1b2-ats.iot.eu-west-1.amazonaws.com"
        async with servers.scripted_server(identity=servers.authority().issue(name)) as server:
            endpoint = on_443(evolve(server.endpoint, host=name, ca_pem=None))
            seen = await probed(setup_for(endpoint))
            assert seen.rules() == ["tls-untrusted"]
            assert "something between here and AWS intercepts TLS" in seen.findings()[0].evidence
            # The same CA, trusted by whoever administers this machine.
            seen = await probed(setup_for(evolve(endpoint, ca_pem=server.endpoint.ca_pem)))
            assert seen.rules() == []

    asyncio.run(main())


def test_a_certificate_for_another_name_names_those_that_it_is_for() -> None:
    async def main() -> None:
        async with servers.scripted_server(identity=servers.other_name_identity()) as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == ["tls-wrong-name"]
            assert seen.findings()[0].evidence == "the certificate is for other.example, not for localhost"
            assert seen.findings()[0].facts["names"] == "other.example"

    asyncio.run(main())


def test_an_expired_certificate_is_told_with_this_machines_clock() -> None:
    async def main() -> None:
        async with servers.scripted_server(identity=servers.expired_identity()) as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == ["tls-expired"]
            assert "this machine's clock says" in seen.findings()[0].evidence

    asyncio.run(main())


def test_a_ca_file_that_cannot_be_read_is_untrusted() -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
            seen = await probed(setup_for(evolve(server.endpoint, ca_pem=broken)))
            assert seen.rules() == ["tls-untrusted"]

    asyncio.run(main())


@pytest.mark.fact("A47")
@pytest.mark.fact("F14")
def test_a_name_that_is_not_served_is_refused() -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(setup_for(evolve(on_443(local.endpoint), host="elsewhere.example")))
            assert seen.rules() == ["sni-refused"]
            assert "works" in seen.check("TLS without SNI").detail

    asyncio.run(main())


def test_a_name_on_which_something_hangs_up_is_likely_refused() -> None:
    async def main() -> None:
        async with (
            servers.scripted_server() as server,
            picky(server.endpoint, lambda hello: hello.server_name is not None) as endpoint,
        ):
            seen = await probed(setup_for(endpoint))
            assert seen.rules() == ["sni-refused"]
            assert seen.findings()[0].certainty is Certainty.LIKELY

    asyncio.run(main())


@pytest.mark.fact("A40")
@pytest.mark.fact("F15")
def test_an_unknown_alpn_is_wrong_where_mqtt_is_taken() -> None:
    async def main() -> None:
        async with running() as local:
            seen = await probed(setup_for(on_443(local.endpoint), alpn=("mqtts",)))
            assert seen.rules() == ["alpn-wrong"]
            assert seen.findings()[0].evidence == "the server refuses the ALPN mqtts and takes mqtt"
            assert "no application protocol" in seen.check("TLS").detail
            assert "_ssl.c" not in seen.check("TLS").detail

    asyncio.run(main())


def test_a_server_that_refuses_the_alpn_mqtt_is_told() -> None:
    async def main() -> None:
        async with servers.alpn_refusing_server() as endpoint:
            seen = await probed(setup_for(endpoint))
            assert seen.rules() == ["alpn-refused"]
            assert seen.findings()[0].certainty is Certainty.CERTAIN

    asyncio.run(main())


@pytest.mark.parametrize(("offered", "rule"), [((), "alpn-missing"), (("h2",), "alpn-wrong")], ids=["none", "another"])
def test_hanging_up_on_all_but_the_alpn_mqtt_gives_the_alpn_away(offered: tuple[str, ...], rule: str) -> None:
    async def main() -> None:
        async with (
            servers.scripted_server() as server,
            picky(server.endpoint, lambda hello: "mqtt" not in hello.alpn) as endpoint,
        ):
            seen = await probed(setup_for(endpoint, alpn=offered))
            assert seen.rules() == [rule]
            assert seen.findings()[0].certainty is Certainty.CERTAIN

    asyncio.run(main())


def test_hanging_up_on_the_alpn_mqtt_alone_is_a_refusal() -> None:
    async def main() -> None:
        async with (
            servers.scripted_server() as server,
            picky(server.endpoint, lambda hello: "mqtt" in hello.alpn) as endpoint,
        ):
            seen = await probed(setup_for(endpoint))
            assert seen.rules() == ["alpn-refused"]

    asyncio.run(main())


def test_an_alpn_that_tls_cannot_carry_is_wrong() -> None:
    async def main() -> None:
        async with servers.scripted_server() as server:
            for name in ("", "x" * 256, "mqtt\N{SNOWMAN}"):
                seen = await probed(setup_for(server.endpoint, alpn=(name,)))
                assert seen.rules() == ["alpn-wrong"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("words", "first", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "HTTP (HTTP/1.1 400 Bad Request)"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", True, "SSH (SSH-2.0-OpenSSH_9.6)"),
        (b"220 mail.example ESMTP\r\n", True, "FTP or SMTP"),
        (b"\x00\x01what", False, "what is neither TLS nor known here"),
    ],
    ids=["http", "ssh", "smtp", "unknown"],
)
def test_what_speaks_no_tls_is_known_by_its_first_bytes(words: bytes, first: bool, told: str) -> None:
    async def main() -> None:
        async with saying(words, first=first) as endpoint:
            seen = await probed(setup_for(endpoint))
            assert seen.rules() == ["not-tls"]
            assert seen.findings()[0].evidence.endswith(f"answers with {told}")

    asyncio.run(main())


def test_a_port_of_plain_mqtt_is_known_by_its_answer_to_a_connect_without_credentials() -> None:
    async def main() -> None:
        async with plain_mqtt() as endpoint:
            seen = await probed(setup_for(endpoint))
            assert seen.rules() == ["not-tls"]
            assert "MQTT without TLS" in seen.findings()[0].evidence

    asyncio.run(main())


def test_a_server_that_hangs_up_on_every_handshake_is_a_failure_of_tls() -> None:
    async def main() -> None:
        async with servers.hanging_up_server() as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == ["tls-failed"]

    asyncio.run(main())


def test_a_server_that_is_silent_is_a_failure_of_tls() -> None:
    async def main() -> None:
        async with servers.silent_server() as server:
            seen = await probed(setup_for(server.endpoint, timeout=0.3))
            assert seen.rules() == ["tls-failed"]
            assert "no answer to the ClientHello" in seen.check("TLS").detail

    aloop.run(main())


@program("openssl", package="openssl")
@pytest.mark.fact("A49")
def test_a_server_of_old_tls_is_a_failure_of_tls() -> None:
    async def main() -> None:
        async with tlsrooms.s_server("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0") as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == ["tls-failed"]
            assert "protocol version" in seen.findings()[0].evidence

    asyncio.run(main())


@program("openssl", package="openssl")
@pytest.mark.fact("A63")
def test_a_server_that_wants_a_client_certificate_is_known_by_its_alert() -> None:
    async def main() -> None:
        async with tlsrooms.s_server("-Verify", "1", "-tls1_3") as server:
            seen = await probed(setup_for(server.endpoint))
            assert seen.rules() == ["client-certificate-needed"]
            assert "certificate required" in seen.check("CONNECT with MQTT 5").detail

    asyncio.run(main())


@pytest.mark.fact("A41")
def test_a_client_certificate_wanted_on_8883_of_a_default_endpoint_is_the_wrong_port() -> None:
    async def main() -> None:
        name = "a1b2-ats.iot.eu-west-1.amazonaws.com"
        async with servers.scripted_server(
            servers.CloseAfterConnect(), identity=servers.authority().issue(name)
        ) as server:
            at = Endpoint(
                host=name, port=8883, address="127.0.0.1", address_port=server.port, ca_pem=server.endpoint.ca_pem
            )
            seen = await probed(setup_for(at))
            assert seen.rules() == ["wrong-port"]

    asyncio.run(main())


@pytest.mark.fact("A47")
def test_an_address_as_endpoint_is_the_cause_where_the_certificate_is_not_for_it() -> None:
    async def main() -> None:
        async with servers.scripted_server(identity=servers.other_name_identity()) as server:
            seen = await probed(setup_for(evolve(server.endpoint, host="127.0.0.1")))
            assert seen.rules() == ["endpoint-is-address", "tls-wrong-name"]

    asyncio.run(main())
