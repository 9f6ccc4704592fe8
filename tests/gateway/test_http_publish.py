"""Which requests are a publish, and what they publish."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.http_answers import BadRequest
from customauth.gateway.http_publish import Publish, read_publish
from customauth.gateway.origin import HttpRequest

PROPERTIES = "x-amz-mqtt5-user-properties"
FORMAT = "x-amz-mqtt5-payload-format-indicator"
CORRELATION = "x-amz-mqtt5-correlation-data"
# What MQTT can carry in a text.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
TOPICS = st.text(st.characters(codec="utf-8", exclude_characters="\0+#/$"), min_size=1, max_size=20)


def request(path: str = "/topics/a", query: str = "", *, method: str = "POST", **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method=method, path=path, query=query, headers=named)


def with_header(name: str, value: str) -> HttpRequest:
    return HttpRequest(method="POST", path="/topics/a", query="", headers={name: value})


def encoded(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.fact("A32", "A35")
def test_left_out_options_have_their_defaults() -> None:
    assert read_publish(request("/topics/a/b")) == Publish(topic="a/b", qos=0, retain=False)


@pytest.mark.fact("A35")
def test_every_input_of_publish_is_read() -> None:
    query = urlencode(
        {
            "qos": "1",
            "retain": "true",
            "contentType": "text/plain; charset=utf-8",
            "responseTopic": "answers/é",
            "messageExpiry": "60",
            "token": "t",
        }
    )
    headers = {
        PROPERTIES: encoded([{"a": "1"}, {"a": "2"}, {"é": ""}]),
        FORMAT: "UTF8_DATA",
        CORRELATION: base64.b64encode(b"\x00\xff").decode(),
    }
    found = read_publish(HttpRequest(method="POST", path="/topics/a", query=query, headers=headers))
    assert found == Publish(
        topic="a",
        qos=1,
        retain=True,
        content_type="text/plain; charset=utf-8",
        response_topic="answers/é",
        expiry=60,
        user_properties=(("a", "1"), ("a", "2"), ("é", "")),
        utf8=True,
        correlation_data=b"\x00\xff",
    )


@pytest.mark.fact("A32")
@pytest.mark.parametrize(
    ("path", "topic"),
    [
        ("a/b", "a/b"),
        ("a%2Fb", "a/b"),
        ("a%2fb", "a/b"),
        ("/a//", "/a//"),
        ("a%20b", "a b"),
        ("%C3%A9", "é"),
        ("$aws/things/t/shadow/update", "$aws/things/t/shadow/update"),
        ("a%", "a%"),
        ("a%252Fb", "a%2Fb"),
        ("a/b/c/d/e/f/g/h", "a/b/c/d/e/f/g/h"),
        ("x" * 256, "x" * 256),
        ("$aws/rules/" + "r" * 128 + "/a/b/c/d/e/f/g/h", "$aws/rules/" + "r" * 128 + "/a/b/c/d/e/f/g/h"),
        ("$aws/rules/r/" + "x" * 256, "$aws/rules/r/" + "x" * 256),
    ],
)
def test_the_topic_is_the_decoded_path(path: str, topic: str) -> None:
    assert read_publish(request(f"/topics/{path}")).topic == topic


@pytest.mark.fact("A32", "A35", "E22", "E32", "E47", "F10")
@pytest.mark.parametrize(
    ("bad", "status", "words"),
    [
        (request("/"), 404, "publish with POST /topics/TOPIC"),
        (request("/topics"), 404, "publish with POST /topics/TOPIC"),
        (request("/Topics/a"), 404, "publish with POST /topics/TOPIC"),
        (request(method="GET"), 405, "use POST"),
        (request(method="post"), 405, "use POST"),
        (request("/topics/"), 400, "is empty"),
        (request("/topics/a/%23"), 400, "wildcard"),
        (request("/topics/a/+"), 400, "wildcard"),
        (request("/topics/a%00"), 400, "U+0000"),
        (request("/topics/%FF"), 400, "not UTF-8"),
        (request("/topics/" + "x" * 257), 400, "256 bytes"),
        (request("/topics/" + quote("é" * 129)), 400, "256 bytes"),
        (request("/topics/a/b/c/d/e/f/g/h/i"), 400, "7 slashes"),
        (request("/topics/$aws/rules/r/a/b/c/d/e/f/g/h/i"), 400, "7 slashes"),
        (request("/topics/a/$aws/rules/r/b/c/d/e/f"), 400, "7 slashes"),
        (request(query="qos=2"), 400, "qos"),
        (request(query="qos="), 400, "qos"),
        (request(query="qos=\u0661"), 400, "qos"),
        (request(query="retain=yes"), 400, "retain"),
        (request("/topics/$aws/things/t/a", query="retain=true"), 400, "E41"),
        (request(query="messageExpiry=-1"), 400, "messageExpiry"),
        (request(query="messageExpiry=1.5"), 400, "messageExpiry"),
        (request(query="messageExpiry=" + "9" * 5000), 400, "messageExpiry"),
        (request(query="contentType=" + "x" * 257), 400, "contentType has more than 256 bytes"),
        (request(query="contentType=%00"), 400, "contentType holds U+0000"),
        (request(query="responseTopic="), 400, "responseTopic: the topic is empty"),
        (request(query="responseTopic=a%2B"), 400, "responseTopic: the topic holds a wildcard"),
        (request(query="responseTopic=a/%23"), 400, "responseTopic: the topic holds a wildcard"),
        (with_header(FORMAT, "utf8"), 400, FORMAT),
        (with_header(CORRELATION, "a"), 400, CORRELATION),
        (with_header(CORRELATION, "é"), 400, CORRELATION),
        (with_header(CORRELATION, base64.b64encode(bytes(8193)).decode()), 400, "8192 bytes"),
        (with_header(PROPERTIES, "[]"), 400, PROPERTIES),
        (with_header(PROPERTIES, encoded({"a": "b"})), 400, PROPERTIES),
        (with_header(PROPERTIES, encoded([{"a": 1}])), 400, PROPERTIES),
        (with_header(PROPERTIES, encoded([{"a": "b", "c": "d"}])), 400, PROPERTIES),
        (with_header(PROPERTIES, encoded([{}])), 400, PROPERTIES),
        (with_header(PROPERTIES, encoded([["a", "b"]])), 400, PROPERTIES),
        (with_header(PROPERTIES, base64.b64encode(b"[" * 100_000).decode()), 400, PROPERTIES),
        (with_header(PROPERTIES, encoded([{"a": "\ud800"}])), 400, "surrogate"),
        (with_header(PROPERTIES, encoded([{"a\0": ""}])), 400, "U+0000"),
        (with_header(PROPERTIES, encoded([{"a": "x" * 8192}])), 400, "8192 bytes"),
    ],
)
def test_what_is_no_publish_is_refused_with_what_to_send(bad: HttpRequest, status: int, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_publish(bad)
    assert caught.value.status == status
    assert words in str(caught.value)


@pytest.mark.fact("E40")
@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 1), ("1", 1), ("604800", 604_800), ("604801", 604_800), ("9" * 19, 604_800)]
)
def test_an_expiry_is_put_within_its_bounds(text: str, seconds: int) -> None:
    assert read_publish(request(query=f"messageExpiry={text}")).expiry == seconds


@pytest.mark.fact("A16")
def test_the_first_of_a_repeated_option_counts() -> None:
    assert read_publish(request(query="qos=1&qos=0")).qos == 1


def test_secrets_of_a_publish_are_in_no_repr() -> None:
    publish = read_publish(with_header(PROPERTIES, encoded([{"name": "hunter2"}])))
    assert "hunter2" not in repr(publish)
    assert "hunter2" not in repr(with_header("token", "hunter2"))


def write(publish: Publish) -> HttpRequest:
    """Write the request of a publish."""
    options: dict[str, Any] = {
        "qos": publish.qos,
        "retain": str(publish.retain).lower(),
        "contentType": publish.content_type,
        "responseTopic": publish.response_topic,
        "messageExpiry": publish.expiry,
    }
    headers = {PROPERTIES: encoded([{name: value} for name, value in publish.user_properties])}
    headers[FORMAT] = "UTF8_DATA" if publish.utf8 else "UNSPECIFIED_BYTES"
    if publish.correlation_data is not None:
        headers[CORRELATION] = base64.b64encode(publish.correlation_data).decode()
    query = urlencode({name: value for name, value in options.items() if value is not None})
    return HttpRequest(method="POST", path=f"/topics/{quote(publish.topic, safe='')}", query=query, headers=headers)


@given(
    st.builds(
        Publish,
        topic=TOPICS,
        qos=st.integers(0, 1),
        retain=st.booleans(),
        content_type=st.none() | TEXTS,
        response_topic=st.none() | TOPICS,
        expiry=st.none() | st.integers(1, 604_800),
        user_properties=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
        utf8=st.booleans(),
        correlation_data=st.none() | st.binary(max_size=20),
    )
)
def test_what_is_written_is_read_again(publish: Publish) -> None:
    assert read_publish(write(publish)) == publish


@given(
    method=st.sampled_from(["POST", "GET", ""]),
    path=st.text(st.characters(max_codepoint=255), max_size=40).map(lambda text: f"/topics/{text}"),
    query=st.lists(
        st.tuples(
            st.sampled_from(["qos", "retain", "contentType", "responseTopic", "messageExpiry"]),
            st.text(st.characters(max_codepoint=255), max_size=10),
        ),
        max_size=5,
    ).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)),
    headers=st.dictionaries(
        st.sampled_from([PROPERTIES, FORMAT, CORRELATION]),
        st.text(st.characters(max_codepoint=255), max_size=40)
        | st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode())
        | st.recursive(
            st.none() | st.text(max_size=3) | st.integers(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=5,
        ).map(encoded),
    ),
)
def test_any_request_is_a_publish_that_mqtt_can_carry_or_a_bad_request(
    method: str, path: str, query: str, headers: dict[str, str]
) -> None:
    with contextlib.suppress(BadRequest):
        check_carriable(read_publish(HttpRequest(method=method, path=path, query=query, headers=headers)))


def check_carriable(publish: Publish) -> None:
    """Check that MQTT can carry a publish."""
    texts = [publish.topic, publish.content_type or "", publish.response_topic or ""]
    texts += [text for pair in publish.user_properties for text in pair]
    for text in texts:
        assert "\0" not in text
        text.encode()
    assert publish.topic
    assert publish.qos in (0, 1)
