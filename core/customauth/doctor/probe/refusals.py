"""What it means how a CONNECT ended (E1, E6-E11, F1, F3)."""

from __future__ import annotations

from customauth.doctor.finding import Finding
from customauth.doctor.probe.aws_names import is_default_endpoint
from customauth.doctor.probe.conversation import Answer
from customauth.doctor.probe.result import Ending
from customauth.doctor.probe.tls import Trouble
from customauth.doctor.probe.trip import Trip, certain, likely, possible
from customauth.doctor.showing import shown_client_id
from customauth.endpoint import DEFAULT_PORT, Transport
from customauth.mqtt import MqttVersion

_MAX_CLIENT_ID_BYTES = 128
_ASSIGNED_PREFIX = "$GEN/"

_VERSION = frozenset({(MqttVersion.V5, 0x84), (MqttVersion.V311, 1)})
_CLIENT_ID = frozenset({(MqttVersion.V5, 0x85), (MqttVersion.V311, 2)})
_LOGIN = frozenset({*((MqttVersion.V5, code) for code in (0x86, 0x87, 0x8C)), *((MqttVersion.V311, n) for n in (4, 5))})
_MALFORMED = frozenset({0x81, 0x82, 0x95, 0x99})
_TOPIC_NAME_INVALID = 0x90
_QUOTA_EXCEEDED = 0x97
_QOS_NOT_SUPPORTED = 0x9B


def meaning(trip: Trip, version: MqttVersion, answer: Answer) -> list[Finding]:
    """Return the causes that an end gives away; none for one that may pass, such as a server that is busy."""
    found = [] if answer.ending is Ending.ACCEPTED else _meaning(trip, version, answer)
    refused = answer.ending in (Ending.REFUSED, Ending.CLOSED)
    if refused and trip.endpoint.is_address():
        said = f"{trip.endpoint.host} is an address, with which no name (SNI) is sent: {answer.said}"
        found.append(likely("endpoint-is-address", said))
    return found


def is_bare(version: MqttVersion, answer: Answer) -> bool:
    """Say whether the login was refused and no reason is given: by a code, or to MQTT 3.1.1 by closing (F1, F3)."""
    if answer.ending is Ending.CLOSED:
        return version is MqttVersion.V311
    return answer.ending is Ending.REFUSED and (version, answer.reason_code or 0) in _LOGIN


def _meaning(trip: Trip, version: MqttVersion, answer: Answer) -> list[Finding]:
    match answer.ending:
        case Ending.REFUSED:
            return _refused(trip, version, answer)
        case Ending.CLOSED:
            return _closed(trip, version, answer)
        case Ending.SILENT:
            return [likely("no-connack", answer.said)]
        case Ending.NOT_MQTT:
            return [certain("not-mqtt", answer.said)]
    return []


def _refused(trip: Trip, version: MqttVersion, answer: Answer) -> list[Finding]:
    code, said, setup = answer.reason_code or 0, answer.said, trip.setup
    if (version, code) in _LOGIN:
        return [possible("not-authorized", said, client_id=shown_client_id(setup))]
    if (version, code) in _VERSION:
        other = MqttVersion.V311 if version is MqttVersion.V5 else MqttVersion.V5
        return [certain("protocol-version", said, version=other.label)]
    if (version, code) in _CLIENT_ID:
        return [certain(_client_id_rule(setup.client_id), said, client_id=shown_client_id(setup))]
    if code == _QUOTA_EXCEEDED:
        return [
            likely(
                "connect-too-often", f"{said}, twice: another client may use it too", client_id=shown_client_id(setup)
            )
        ]
    if code == _QOS_NOT_SUPPORTED and setup.will is not None:
        return [certain("will-qos2", f"{said}; the will has QoS {setup.will.qos}")]
    if code == _TOPIC_NAME_INVALID and setup.will is not None:
        return [certain("will-topic", said, topic=setup.will.topic)]
    if code in _MALFORMED:
        return [likely("packet-malformed", said)]
    return []


def _client_id_rule(client_id: str) -> str:
    if len(client_id.encode(errors="replace")) > _MAX_CLIENT_ID_BYTES:
        return "client-id-too-long"
    if not client_id:
        return "client-id-empty"
    return "client-id-reserved" if client_id.startswith(_ASSIGNED_PREFIX) else "client-id-refused"


def _closed(trip: Trip, version: MqttVersion, answer: Answer) -> list[Finding]:
    host, port = trip.endpoint.host, trip.endpoint.port
    is_default = is_default_endpoint(host)
    wanted = answer.failure is not None and answer.failure.trouble is Trouble.CERTIFICATE_WANTED
    if is_default and port != DEFAULT_PORT:
        # The other ports of the default endpoint want a client certificate (A41, A45).
        return [likely("wrong-port", f"port {port} of {host}: {answer.said}")]
    if wanted:
        return [certain("client-certificate-needed", answer.said, endpoint=host)]
    if version is MqttVersion.V311:
        return [possible("not-authorized", answer.said, client_id=shown_client_id(trip.setup))]
    # A refused MQTT 5 client gets a CONNACK (F1), unless the domain is not for such a login at all (A53, A55).
    found = [possible("not-mqtt", f"{answer.said}, which AWS sends to a refused MQTT 5 client")]
    if is_default:
        return found
    is_plain = trip.endpoint.transport is Transport.MQTT
    facts = {
        "protocol": "MQTT" if is_plain else "MQTT over WebSocket",
        "application_protocol": "SECURE_MQTT" if is_plain else "MQTT_WSS",
    }
    return [*found, possible("domain-wrong-type", answer.said, **facts)]
