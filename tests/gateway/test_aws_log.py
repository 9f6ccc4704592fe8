"""Records in the shape of AWS IoT's log events and metrics, for every way in which a real gateway refuses."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from aloop import put_forward, run
from customauth.gateway import Decision, DisconnectReason, Ending, Grant, Note, Reason, Record, Refusal
from customauth.gateway.aws_log import log_event, metric
from customauth.gateway.decision import Step
from customauth.mqtt import Connect, Disconnect, MqttVersion
from gateways import ALLOW, Keys, Running, StartGateway, allow, connect, named, signed
from rawclient import LIMIT

# C34. A client that sends no SNI has none that could be logged.
REQUIRED = {
    "timestamp",
    "logLevel",
    "traceId",
    "accountId",
    "status",
    "eventType",
    "protocol",
    "authenticationType",
    "sourceIp",
    "sourcePort",
    "targetPort",
    "reason",
    "details",
}
OPTIONAL = {"clientId", "principalId", "targetIp", "serverNameIndication"}
# C35
CODES = {
    "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR",
    "CUSTOM_AUTHORIZER_NOT_FOUND",
    "CUSTOM_AUTHORIZER_PARAMETER_INVALID",
    "NOT_AUTHENTICATED",
    "SECURITY_TOKEN_SIGNATURE_MISMATCH",
    "SECURITY_TOKEN_INVALID",
    "SECURITY_TOKEN_EXPIRED",
    "DOMAIN_CONFIGURATION_DISABLED",
    "DOMAIN_CONFIGURATION_INVALID",
    "SNI_MISUSED",
    "INTERNAL_SERVER_ERROR",
}
DOMAINS = """
[domain_configurations.off]
server_name = "off.example"
status = "DISABLED"

[domain_configurations.x509]
server_name = "x509.example"
authentication_type = "AWS_X509"
application_protocol = "SECURE_MQTT"
"""
RAISING = "def handler(event, context):\n    raise RuntimeError"
UPGRADE = (
    b"GET /mqtt?X-Amz-Signature=0 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)


def publish(authorizer: str = "open", *, host: str = "localhost") -> bytes:
    """Return the request that publishes to the topic ``a/b``."""
    return (
        f"POST /topics/a/b?x-amz-customauthorizer-name={authorizer} HTTP/1.1\r\nHost: {host}\r\n"
        "Content-Length: 2\r\nConnection: close\r\n\r\nhi"
    ).encode()


async def events_of(running: Running, sent: Connect | bytes, how: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send this, and return what AWS would have logged when it is answered."""
    running.records.clear()
    async with running.client(**how) as client:
        if isinstance(sent, bytes):
            await client.send(sent)
            async with asyncio.timeout(LIMIT):
                await client.reader.readuntil(b"\r\n\r\n")
        else:
            await client.send_packet(sent)
            await client.rest()
    events = [log_event(record) for record in running.records]
    return [event for event in events if event is not None]


@frozen(kw_only=True)
class Case:
    """One way to be refused.

    :ivar sent: what the client sends.
    :ivar how: options of the connection.
    :ivar counted: the metric's name, None where none counts (C33).
    """

    reason: str
    sent: Connect | bytes = field(factory=lambda: connect(named("open")))
    how: Mapping[str, Any] = field(factory=dict)
    answer: object = None
    function: str | None = None
    protocol: str = "MQTT"
    counted: str | None = "Connection.AuthNError"


FAILED = "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"
INVALID = "CUSTOM_AUTHORIZER_PARAMETER_INVALID"
NOT_FOUND = "CUSTOM_AUTHORIZER_NOT_FOUND"
HTTPS: dict[str, Any] = {"alpn": ()}
REFUSALS = {
    "unknown authorizer": Case(sent=connect(named("nobody")), reason=NOT_FOUND),
    "inactive authorizer": Case(sent=connect(named("asleep")), reason=NOT_FOUND),
    "no authorizer": Case(sent=connect("alice"), reason=NOT_FOUND),
    "unknown authorizer, MQTT 3.1.1": Case(sent=connect(named("nobody"), version=MqttVersion.V311), reason=NOT_FOUND),
    "no token": Case(sent=connect(named("signed")), reason=INVALID),
    "it raises": Case(function=RAISING, reason=FAILED),
    "an invalid answer": Case(answer={"isAuthenticated": True}, reason=FAILED),
    "not authenticated": Case(answer=ALLOW | {"isAuthenticated": False}, reason="NOT_AUTHENTICATED"),
    "no SNI": Case(how={"sni": None}, reason="SNI_MISUSED", counted=None),
    "no ALPN": Case(how={"alpn": ()}, reason="DOMAIN_CONFIGURATION_INVALID"),
    "a disabled domain": Case(how={"sni": "off.example"}, reason="DOMAIN_CONFIGURATION_DISABLED"),
    "a domain for certificates": Case(how={"sni": "x509.example"}, reason="DOMAIN_CONFIGURATION_INVALID"),
    "a client id too long": Case(sent=connect(named("open"), client_id="x" * 129), reason=INVALID),
    "publish, unknown authorizer": Case(sent=publish("nobody"), how=HTTPS, reason=NOT_FOUND, protocol="HTTP"),
    "publish, it raises": Case(sent=publish(), how=HTTPS, function=RAISING, reason=FAILED, protocol="HTTP"),
    "publish, neither SNI nor Host": Case(
        sent=publish(host="x"), how={"alpn": (), "sni": None}, reason="SNI_MISUSED", protocol="HTTP", counted=None
    ),
    "publish by Host alone": Case(
        sent=publish("nobody"), how={"alpn": (), "sni": None}, reason=NOT_FOUND, protocol="HTTP", counted=None
    ),
    "upgrade with SigV4": Case(sent=UPGRADE, how=HTTPS, reason="NOT_AUTHENTICATED", protocol="HTTP"),
}


@pytest.mark.fact("C33", "C34", "C35")
@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_attempt_is_an_event_with_awss_fields_and_code(case: Case, start_gateway: StartGateway) -> None:
    more = {} if case.function is None else {"function": case.function}
    answer = ALLOW if case.answer is None else case.answer

    async def main() -> dict[str, Any]:
        async with start_gateway(answer=answer, authorizers=DOMAINS, **more) as running:
            (found,) = await events_of(running, case.sent, case.how)
            counted = {} if case.counted is None else {(case.counted, case.protocol): 1}
            assert running.gateway.metrics == counted
            return found

    event = run(main())
    sni = case.how.get("sni", "localhost")
    assert event["reason"] == case.reason
    assert event["eventType"] == "Connection.AuthNError"
    assert (event["logLevel"], event["status"]) == ("ERROR", "Failure")
    assert event["protocol"] == case.protocol
    assert event["authenticationType"] == "CUSTOM_AUTH"
    assert set(event) - OPTIONAL == REQUIRED
    assert event.get("serverNameIndication") == sni
    assert event.get("clientId") == (case.sent.client_id if isinstance(case.sent, Connect) else None)
    assert "principalId" not in event
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", event["timestamp"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["traceId"])
    assert (event["accountId"], event["sourceIp"], event["targetPort"]) == ("123456789012", "127.0.0.1", 443)
    assert 0 < event["sourcePort"] < 65536
    assert event["details"]


@pytest.mark.fact("C35")
def test_a_bad_signature_is_an_invalid_parameter(start_gateway: StartGateway, keys: Keys) -> None:
    async def main() -> list[str]:
        async with start_gateway() as running:
            reasons = []
            for username in (signed(keys.stranger), signed(keys.old, sent="another token")):
                (event,) = await events_of(running, connect(username), {})
                reasons.append(event["reason"])
            return reasons

    assert run(main()) == [INVALID, INVALID]


@pytest.mark.fact("C35")
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.POLICY], ids=str)
def test_every_reason_that_we_give_is_logged_as_a_code_of_aws(reason: Reason) -> None:
    event = log_event(evolve(DECISION, outcome=Refusal(reason=reason, why="w", fix="f", rule="not-authorized")))
    assert event is not None
    assert event["reason"] in CODES


@pytest.mark.fact("C36", "C39")
@pytest.mark.parametrize(
    ("sent", "how", "event_type", "counted"),
    [
        (connect(named("open")), {}, "Connect", ("Connect.AuthError", "MQTT")),
        (publish(), HTTPS, "Publish-In", ("PublishIn.AuthError", "HTTP")),
    ],
    ids=["CONNECT", "HTTPS publish"],
)
def test_a_refusal_by_policy_is_an_authorization_failure_of_a_known_principal(
    sent: Connect | bytes,
    how: Mapping[str, Any],
    event_type: str,
    counted: tuple[str, str],
    start_gateway: StartGateway,
) -> None:
    async def main() -> dict[str, Any]:
        async with start_gateway(answer=ALLOW | {"policyDocuments": [allow("client/other")]}) as running:
            (event,) = await events_of(running, sent, how)
            assert running.gateway.metrics == {counted: 1}
            return event

    event = run(main())
    assert (event["eventType"], event["status"], event["logLevel"]) == (event_type, "Failure", "ERROR")
    assert (event["reason"], event["details"]) == ("AUTHORIZATION_FAILURE", "Authorization Failure")
    assert event["principalId"] == "tester"
    assert event.get("topicName") == ("a/b" if isinstance(sent, bytes) else None)
    assert "authenticationType" not in event


@pytest.mark.fact("C33")
def test_a_connection_to_another_name_is_neither_logged_nor_counted(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            with pytest.raises(ssl.SSLError):
                await events_of(running, b"", {"sni": "wrong.example"})
            await running.emptied()
            assert [log_event(record) for record in running.records] == [None]
            assert isinstance(running.records[0], Note)
            assert running.gateway.metrics == {}

    run(main())


@pytest.mark.fact("C38", "C39")
def test_a_session_is_a_connect_and_a_disconnect_of_the_same_principal(start_gateway: StartGateway) -> None:
    async def main() -> list[dict[str, Any]]:
        async with start_gateway() as running:
            async with running.client() as client:
                await client.connect(connect(named("open")))
                await client.send_packet(Disconnect())
                await client.rest()
            await running.emptied()
            assert running.gateway.metrics == {("Connect.Success", "MQTT"): 1}
            return [event for event in map(log_event, running.records) if event is not None]

    begun, ended = run(main())
    assert (begun["eventType"], ended["eventType"]) == ("Connect", "Disconnect")
    for event in (begun, ended):
        assert (event["status"], event["logLevel"]) == ("Success", "INFO")
        assert (event["principalId"], event["clientId"], event["protocol"]) == ("tester", "device", "MQTT")
    assert ended["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    assert begun["traceId"] == ended["traceId"]
    assert begun["sourcePort"] == ended["sourcePort"]


@pytest.mark.fact("C39")
def test_an_accepted_publish_is_logged_with_its_topic_and_principal(start_gateway: StartGateway) -> None:
    async def main() -> dict[str, Any]:
        async with start_gateway() as running:
            (event,) = await events_of(running, publish(), HTTPS)
            assert running.gateway.metrics == {("PublishIn.Success", "HTTP"): 1}
            return event

    event = run(main())
    assert (event["eventType"], event["status"], event["protocol"]) == ("Publish-In", "Success", "HTTP")
    assert (event["topicName"], event["principalId"]) == ("a/b", "tester")


@pytest.mark.fact("C38")
def test_a_refused_refresh_is_logged_as_the_end_of_the_connection_alone(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(answer=ALLOW | {"refreshAfterInSeconds": 300}) as running:
            async with running.client() as client:
                await client.connect(connect(named("open"), keep_alive=1200))
                running.answer(ALLOW | {"isAuthenticated": False})
                put_forward(301)
                await client.rest()
            await running.emptied()
            assert [decision.step for decision in running.decisions] == [Step.CONNECT, Step.REFRESH]
            events = [event for event in map(log_event, running.records) if event is not None]
            assert [event["eventType"] for event in events] == ["Connect", "Disconnect"]
            assert events[-1]["disconnectReason"] == "AUTH_ERROR"
            assert running.gateway.metrics == {("Connect.Success", "MQTT"): 1}

    run(main())


@pytest.mark.fact("C38")
@pytest.mark.parametrize("reason", list(DisconnectReason), ids=lambda reason: reason.value)
def test_every_end_is_logged_with_awss_reason(reason: DisconnectReason) -> None:
    event = log_event(evolve(ENDING, reason=reason))
    assert event is not None
    assert event["disconnectReason"] in {
        "AUTH_ERROR",
        "CLIENT_INITIATED_DISCONNECT",
        "CLIENT_ERROR",
        "CONNECTION_LOST",
        "DUPLICATE_CLIENTID",
        "FORBIDDEN_ACCESS",
        "MQTT_KEEP_ALIVE_TIMEOUT",
        "SERVER_ERROR",
        "SERVER_INITIATED_DISCONNECT",
        "API_INITIATED_DISCONNECT",
        "THROTTLED",
        "WEBSOCKET_TTL_EXPIRATION",
        "CUSTOMAUTH_TTL_EXPIRATION",
    }


def test_the_metrics_cannot_be_written(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            metrics: Any = running.gateway.metrics
            with pytest.raises(TypeError):
                metrics["Connect.Success", "MQTT"] = 1

    run(main())


# Records of any content.

NOON = datetime(2026, 1, 2, 12, 0, 0, 345_678, tzinfo=UTC)
DECISION = Decision(
    time=NOON,
    connection_id="c",
    protocol="MQTT 5",
    peer="127.0.0.1:40000",
    account="123456789012",
    port=443,
    server_name="localhost",
    alpn="mqtt",
    client_id="device",
    outcome=Refusal(reason=Reason.NOT_FOUND, why="w", fix="f", rule="not-authorized"),
    stages={},
    duration=0.0,
)
ENDING = Ending(
    time=NOON,
    connection_id="c",
    protocol="MQTT 5",
    peer="[::1]:40000",
    account="123456789012",
    port=443,
    client_id="device",
    principal_id="p",
    reason=DisconnectReason.CONNECTION_LOST,
)

TEXT = st.text() | st.text(st.characters(), max_size=3)
TIMES = st.datetimes(
    min_value=datetime(1970, 1, 2),
    max_value=datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
PEERS = st.builds("{}:{}".format, st.sampled_from(["127.0.0.1", "[::1]"]), st.integers(1, 65535))
PROTOCOLS = st.sampled_from(["MQTT 5", "MQTT 3.1.1", "MQTT 5 over WebSocket", "HTTPS", "WebSocket"])
SECONDS = st.floats(0, 1e6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
GRANTS = st.builds(
    Grant,
    authorizer=TEXT,
    signature=TEXT,
    principal_id=TEXT,
    refresh_after=st.integers(300, 86400),
    disconnect_after=st.integers(300, 86400),
    why=TEXT,
)
REFUSED = st.builds(
    Refusal, reason=st.sampled_from(list(Reason)), why=TEXT, fix=TEXT, rule=TEXT, principal_id=st.none() | TEXT
)
DECISIONS = st.builds(
    Decision,
    step=st.sampled_from(list(Step)),
    time=TIMES,
    connection_id=st.uuids().map(str),
    protocol=PROTOCOLS,
    peer=PEERS,
    account=st.just("123456789012"),
    port=st.sampled_from([443, 8443, 8883]),
    server_name=st.none() | TEXT,
    alpn=st.none() | TEXT,
    client_id=st.none() | TEXT,
    topic=st.none() | TEXT,
    presented=st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=3).map(tuple),
    authorizer=st.none() | TEXT,
    chosen=st.none() | TEXT,
    signature=st.none() | TEXT,
    event=st.none() | st.dictionaries(TEXT, JSON, max_size=3),
    answer=st.none() | TEXT,
    outcome=GRANTS | REFUSED,
    stages=st.dictionaries(TEXT, SECONDS, max_size=3),
    duration=SECONDS,
    authentication=st.sampled_from(["CUSTOM_AUTH", "CUSTOM_AUTH_X509"]),
)
ENDINGS = st.builds(
    Ending,
    time=TIMES,
    connection_id=st.uuids().map(str),
    protocol=PROTOCOLS,
    peer=PEERS,
    account=st.just("123456789012"),
    port=st.sampled_from([443, 8443, 8883]),
    client_id=TEXT,
    principal_id=TEXT,
    reason=st.sampled_from(list(DisconnectReason)),
    why=TEXT,
)
NOTES = st.builds(Note, time=TIMES, peer=st.none() | PEERS, text=TEXT, status=st.none() | st.integers(400, 599))


@given(DECISIONS | ENDINGS | NOTES)
def test_every_record_and_its_event_are_json(record: Record) -> None:
    for content in (record.as_json(), log_event(record)):
        assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert len(record.line().splitlines()) <= 1


@given(DECISIONS)
def test_an_attempt_is_logged_and_counted_as_what_it_came_to(decision: Decision) -> None:
    event, counted = log_event(decision), metric(decision)
    if decision.step is Step.REFRESH:
        assert (event, counted) == (None, None)
        return
    assert event is not None
    refused = isinstance(decision.outcome, Refusal)
    assert (event["status"], event["logLevel"]) == (("Failure", "ERROR") if refused else ("Success", "INFO"))
    if event["eventType"] == "Connection.AuthNError":
        assert set(event) - OPTIONAL == REQUIRED
        assert (counted is None) == (decision.server_name is None)
    if counted is not None:
        name, protocol = counted
        assert protocol == event["protocol"]
        assert ("Success" in name) != refused


@pytest.mark.fact("C34")
def test_the_time_is_that_of_utc() -> None:
    record = evolve(DECISION, time=NOON.astimezone(timezone(timedelta(hours=-7))))
    event = log_event(record)
    assert event is not None
    assert event["timestamp"] == "2026-01-02 12:00:00.345"


@pytest.mark.fact("C34")
def test_an_ipv6_address_is_logged_without_its_brackets() -> None:
    event = log_event(ENDING)
    assert event is not None
    assert (event["sourceIp"], event["sourcePort"]) == ("::1", 40000)


@pytest.mark.fact("C34")
def test_a_client_certificate_is_told_by_the_authentication_type() -> None:
    event = log_event(evolve(DECISION, authentication="CUSTOM_AUTH_X509"))
    assert event is not None
    assert event["authenticationType"] == "CUSTOM_AUTH_X509"
