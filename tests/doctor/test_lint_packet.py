"""Lint of the CONNECT packet but for its credentials."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from customauth.doctor.finding import Certainty, Outcome
from customauth.doctor.reading import setup_from_capture
from customauth.doctor.setup import Setup, WillPart
from customauth.mqtt.protocol import MqttVersion
from lint_samples import check, raw_setup, rules

HEALTHY = raw_setup("alice?x-amz-customauthorizer-name=A", client_id="device", client_id_given=True)
V311 = MqttVersion.V311


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"version": V311},
        {"client_id": "", "client_id_given": True},
        {"client_id": "", "clean_start": False, "session_expiry": 60},
        {"client_id": "é" * 64},
        {"client_id": "$thing"},
        {"client_id_given": False, "client_id": "x" * 200},
        {"keep_alive": 30},
        {"keep_alive": 1200},
        {"session_expiry": 604_800},
        {"will": WillPart(topic="a/b/c/d/e/f/g/h", qos=1, retain=True)},
        {"will": WillPart(topic="$aws/rules/rule/" + "a/" * 7 + "b", qos=0)},
        {"will": WillPart(topic="t" * 256, qos=0)},
        {"password": b"\x00" * 65_535},
    ],
)
@pytest.mark.fact("E6", "E8", "E10", "E22", "E37")
def test_what_aws_takes_has_no_finding(changes: dict[str, Any]) -> None:
    assert rules(attrs.evolve(HEALTHY, **changes)) == {}


@pytest.mark.parametrize(
    ("changes", "rule", "certainty"),
    [
        ({"client_id": "x" * 129}, "client-id-too-long", Certainty.CERTAIN),
        ({"client_id": "é" * 65}, "client-id-too-long", Certainty.CERTAIN),
        ({"client_id": "$GEN/x"}, "client-id-reserved", Certainty.CERTAIN),
        ({"client_id": "", "version": V311, "clean_start": False}, "client-id-empty", Certainty.CERTAIN),
        ({"client_id": "", "version": V311}, "client-id-empty", Certainty.POSSIBLE),
        ({"client_id": "a\0b"}, "packet-malformed", Certainty.CERTAIN),
        ({"keep_alive": 0}, "keep-alive-out-of-range", Certainty.CERTAIN),
        ({"keep_alive": 29}, "keep-alive-out-of-range", Certainty.CERTAIN),
        ({"keep_alive": 1201}, "keep-alive-out-of-range", Certainty.CERTAIN),
        ({"keep_alive": 70_000}, "packet-malformed", Certainty.CERTAIN),
        ({"session_expiry": 604_801}, "session-expiry-out-of-range", Certainty.CERTAIN),
        ({"will": WillPart(topic="t", qos=2)}, "will-qos2", Certainty.CERTAIN),
        ({"will": WillPart(topic="a/#", qos=0)}, "will-topic", Certainty.CERTAIN),
        ({"will": WillPart(topic="", qos=0)}, "will-topic", Certainty.CERTAIN),
        ({"will": WillPart(topic="t" * 257, qos=0)}, "will-topic", Certainty.LIKELY),
        ({"will": WillPart(topic="a/b/c/d/e/f/g/h/i", qos=0)}, "will-topic", Certainty.LIKELY),
        ({"will": WillPart(topic="$SYS/x", qos=0)}, "will-topic", Certainty.LIKELY),
        ({"will": WillPart(topic="$aws/rules/r/x", qos=0, retain=True)}, "will-topic", Certainty.LIKELY),
        ({"password": b"\x00" * 65_536}, "password-too-long", Certainty.CERTAIN),
        ({"username": "é" * 32_768}, "username-too-long", Certainty.CERTAIN),
        ({"username": "a\0b?x-amz-customauthorizer-name=A"}, "packet-malformed", Certainty.CERTAIN),
        ({"username": "\ud800?x-amz-customauthorizer-name=A"}, "packet-malformed", Certainty.CERTAIN),
        ({"username": None, "password": b"x", "version": V311}, "packet-malformed", Certainty.CERTAIN),
    ],
)
@pytest.mark.fact("A21", "E6", "E7", "E8", "E10", "E19", "E22", "E32", "E37", "E41", "E44")
def test_what_aws_does_not_take_is_found(changes: dict[str, Any], rule: str, certainty: Certainty) -> None:
    found = rules(attrs.evolve(HEALTHY, **changes))
    found.pop("authorizer-not-named", None)
    assert found == {rule: certainty}


def test_what_aws_reads_otherwise_is_a_warning() -> None:
    for changes, name in (({"keep_alive": 5}, "keep alive"), ({"session_expiry": 999_999}, "session expiry")):
        assert check(attrs.evolve(HEALTHY, **changes), name).outcome is Outcome.WARNED
    assert "reads it as 30 s" in check(attrs.evolve(HEALTHY, keep_alive=5), "keep alive").detail
    assert "reads it as 1200 s" in check(attrs.evolve(HEALTHY, keep_alive=0), "keep alive").detail


@pytest.mark.fact("A21")
def test_too_long_a_token_is_likely() -> None:
    setup = attrs.evolve(HEALTHY, parts=attrs.evolve(HEALTHY.parts, token="t" * 6145))
    assert rules(setup)["token-too-long"] is Certainty.LIKELY


def test_a_captured_packet_that_is_none_is_the_only_finding() -> None:
    raw = b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01d"
    assert rules(setup_from_capture(raw, Setup())) == {"protocol-version": Certainty.CERTAIN}
    malformed = b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x3c\x00\x01d"
    assert rules(setup_from_capture(malformed, Setup())) == {"packet-malformed": Certainty.CERTAIN}
