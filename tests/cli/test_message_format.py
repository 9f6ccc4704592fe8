"""The formats of `customauth sub`: against mosquitto_sub itself, and what holds for every message."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import run
from customauth.cli.message_format import Arrival, as_json, parse_format, plain
from customauth.message import Message, MessageProperties
from needs import needs_backend
from programs import program
from subscribers import HANGS, subscriber

TOPICS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def _arrival(payload: bytes = b"", topic: str = "a/b", properties: MessageProperties | None = None) -> Arrival:
    message = Message(topic=topic, payload=payload, properties=properties or MessageProperties())
    return Arrival(message=message, time=1_470_818_943_786_368_637)


def _formatted(form: str, arrival: Arrival) -> bytes:
    return parse_format(form, end=b"")(arrival)


@given(TEXTS)
def test_text_with_its_marks_doubled_stands_for_itself(text: str) -> None:
    doubled = text.replace("\\", "\\\\").replace("%", "%%").replace("@", "@@")
    assert _formatted(doubled, _arrival()) == text.encode()


@given(st.binary(), TOPICS)
def test_topic_payload_length_and_hexadecimal_digits_are_those_of_the_message(payload: bytes, topic: str) -> None:
    arrival = _arrival(payload, topic)
    parts = _formatted(r"%x\n%X\n%l\n%p\n%t", arrival)
    lower, upper, length, rest = parts.split(b"\n", 3)
    assert (bytes.fromhex(lower.decode()), upper) == (payload, lower.upper())
    assert int(length) == len(payload)
    assert rest == payload + b"\n" + topic.encode()


@given(st.binary(), TOPICS, st.none() | st.binary(), TEXTS)
def test_json_holds_the_whole_message_in_one_line(payload: bytes, topic: str, data: bytes | None, text: str) -> None:
    properties = MessageProperties(correlation_data=data, content_type=text, user_properties=((text, text),))
    line = as_json(_arrival(payload, topic, properties))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    document = json.loads(line)
    assert document["topic"] == topic
    assert document["properties"]["content_type"] == text
    assert document["properties"]["user_properties"] == [[text, text]]
    if "payload" in document:
        assert document["payload"].encode() == payload


@given(st.text())
def test_any_other_format_is_understood_or_refused_with_what_there_is(form: str) -> None:
    try:
        writer = parse_format(form, end=b"")
    except ValueError as error:
        said = str(error)
    else:
        said = "there are bytes" if isinstance(writer(_arrival(b"x")), bytes) else ""
    assert "there are" in said or "is not to be had" in said


def test_bytes_of_the_command_line_that_are_no_text_go_out_as_they_came() -> None:
    assert _formatted("\udcff", _arrival()) == b"\xff"


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("%U", b"1470818943.786368637"),
        ("@N", b"786368637"),
        ("@s", b"1470818943"),
        ("%5t|%-5t|%1.2t|%.1t", b"  a/b|a/b  |a/|a"),
        ("%3l|%03l|%-3l|%-03l", b"  2|002|2  |2  "),
        ("%C%R%D%E%F%P", b""),
    ],
)
def test_values_are_padded_cut_and_left_empty(form: str, printed: bytes) -> None:
    assert _formatted(form, _arrival(b"xy")) == printed


def test_the_local_time_has_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert _formatted("%I", _arrival()) == b"2016-08-10T10:49:03+0200"
        assert _formatted("@Y-@m-@d @H", _arrival()) == b"2016-08-10 10"
        assert json.loads(as_json(_arrival()))["timestamp"] == "2016-08-10T10:49:03.786368+0200"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_empty_payload_is_printed_behind_its_topic_only() -> None:
    assert plain(topic=False, end=b"\n")(_arrival()) == b""
    assert plain(topic=True, end=b"\n")(_arrival()) == b"a/b (null)\n"


FORMS = [
    "%t %p %q %r %l %x %X",
    "[%C|%R|%D|%E|%F|%P]",
    r"%%@@\\ \a\e\r\t\v",
    "%10t|%-10t|%3.2t|%6l|%06l|%-6l|%10C|%.3C|%4F|%04F|%8E",
    "@Y @m @d @@ @%",
]


@needs_backend
@program("mosquitto_sub", package="mosquitto-clients")
def test_a_format_prints_what_mosquitto_sub_prints(login: list[str], topic: str) -> None:
    ca_file, endpoint = login[-2], login[-1]
    form = r"\n".join(FORMS[:4])
    theirs = ["mosquitto_sub", "-h", "localhost", "-p", endpoint.rpartition(":")[2], "--cafile", ca_file]
    theirs += ["--tls-alpn", "mqtt", "-V", "mqttv5", "-u", "alice?x-amz-customauthorizer-name=unsigned-sample"]
    theirs += ["-P", "wonderland", "-d", "-t", topic, "-F", form, "-C", "1"]
    with (
        subscriber("-v", "-t", topic, "-F", form, "-C", "1", *login) as ours,
        subprocess.Popen(["stdbuf", "-oL", *theirs], stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"Subscribed"):
                break
        words = ["--content-type", "text/plain", "--response-topic", "sample/r", "--correlation-data", "c"]
        words += ["--user-property", "a", "1", "--user-property", "b", "2", "--utf8", "--message-expiry", "604800"]
        assert run("pub", "-q", "1", "-t", topic, "-m", "payload", *words, *login).code == 0
        printed = b"".join(line for line in process.stdout if not line.startswith(b"Client "))
        assert process.wait(HANGS) == 0
        assert ours.wait().stdout == printed
