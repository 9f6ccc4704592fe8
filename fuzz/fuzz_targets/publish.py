"""The request of a publish over HTTPS: its topic and its options."""

from __future__ import annotations

import base64

from customauth.gateway.http_answers import BadRequest, refused
from customauth.gateway.http_head import host_of, read_head, signed_for_aws
from customauth.gateway.http_publish import Publish, read_publish
from customauth.gateway.upgrade import read_upgrade, wants_websocket
from fuzz_targets.target import Target


def run(data: bytes) -> None:
    first, *lines = data.split(b"\n")
    method, _, target = first.partition(b" ")
    request = read_head(
        method=method,
        target=target,
        version=b"1.1",
        headers=[(name, value) for name, _, value in (line.partition(b":") for line in lines)],
    )
    host_of(request)
    signed_for_aws(request)
    try:
        _sendable(read_publish(request))
    except BadRequest as error:
        refused(error)
    if wants_websocket(request):
        try:
            read_upgrade(request)
        except BadRequest as error:
            refused(error)


def _sendable(publish: Publish) -> None:
    texts = [publish.topic, publish.content_type or "", publish.response_topic or ""]
    texts += [text for pair in publish.user_properties for text in pair]
    for text in texts:
        assert "\0" not in text
        assert len(text.encode()) <= 65_535, "MQTT cannot carry it"
    assert publish.topic
    assert publish.topic.count("/") <= 10
    assert publish.qos in (0, 1)
    assert publish.expiry is None or 1 <= publish.expiry <= 604_800
    assert len(publish.correlation_data or b"") <= 65_535


def seeds() -> list[bytes]:
    properties = base64.b64encode(b'[{"name": "value"}, {"name": "\xc3\xa9"}]')
    key = base64.b64encode(bytes(16))
    upgrade = b"Upgrade:websocket\nConnection:Upgrade\nSec-WebSocket-Version:13\nSec-WebSocket-Key:" + key
    return [
        b"POST /topics/a/b?qos=1&retain=true&contentType=text%2Fplain&responseTopic=c&messageExpiry=10\nHost:localhost",
        b"POST /topics/%24aws/rules/x/a%2Fb\nx-amz-mqtt5-user-properties:" + properties,
        b"POST /topics/a\nx-amz-mqtt5-payload-format-indicator:UTF8_DATA\nx-amz-mqtt5-correlation-data:" + properties,
        b"GET /mqtt?a=b\nHost:localhost:443\nSec-WebSocket-Protocol:mqtt\n" + upgrade,
        b"GET /topics/a\nAuthorization:AWS4-HMAC-SHA256 x",
        b"POST /topics/%ff?qos=2&qos",
        b"POST /topics/?responseTopic=",
    ]


WORDS = (
    *(b"POST /topics/", b"GET /mqtt", b"HEAD ", b"?qos=1", b"&retain=true", b"&contentType=", b"&responseTopic="),
    *(b"&messageExpiry=", b"x-amz-mqtt5-user-properties:", b"x-amz-mqtt5-payload-format-indicator:UTF8_DATA"),
    *(b"x-amz-mqtt5-correlation-data:", b"%2F", b"%00", b"%ff", b"%24aws/rules/x/", b"Upgrade:websocket", b"+", b"#"),
    *(b"W3siYSI6ImIifV0=", b"Host:localhost:443", b"Sec-WebSocket-Protocol:mqtt", b"Authorization:AWS4-", b";"),
)
TARGET = Target(name="publish", run=run, seeds=seeds, words=WORDS, share=8)
