"""`customauth sub`: what it prints, what it says, and how it ends."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands import RunningGateway, run
from customauth import MqttVersion, mqtt
from customauth.testing.mqtt_server import Answers, usual
from needs import needs_backend
from subscribers import HANGS, answering, subscriber

pytestmark = needs_backend

VERSIONS = ("5", "3.1.1")
BINARY = bytes(range(256))


def _sending(*messages: mqtt.Publish) -> Answers:
    """Answer every SUBSCRIBE with these messages."""

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet | bytes]:
        yield from usual(packet, version)
        if isinstance(packet, mqtt.Subscribe):
            yield from messages

    return answers


def _message(topic: str, payload: bytes = b"", *, retain: bool = False) -> mqtt.Publish:
    return mqtt.Publish(topic=topic, payload=payload, retain=retain)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_payload_is_printed_as_it_is(login: list[str], topic: str, backend_name: str, version: str) -> None:
    words = ["--backend", backend_name, "-V", version, "-q", "1", "-t", topic, "-C", "1", "--debug"]
    with subscriber(*words, *login) as sub:
        assert run("pub", "-q", "1", "-t", topic, "-s", *login, stdin=BINARY).code == 0
        heard = sub.wait()
    assert (heard.code, heard.stdout) == (0, BINARY + b"\n")


def test_it_says_nothing_but_messages(tmp_path: Path) -> None:
    with answering(tmp_path, _sending(_message("a", b"x"))) as server:
        result = run("sub", "-t", "a", "-C", "1", *server.words)
    assert (result.code, result.stdout, result.stderr) == (0, "x\n", "")


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ([], "one\ntwo\n"),
        (["-v"], "a one\na (null)\nb two\n"),
        (["-N"], "onetwo"),
        (["-v", "-N"], "a onea (null)b two"),
        (["-F", "[%t]"], "[a]\n[a]\n[b]\n"),
        (["-F", "[%t]", "-N"], "[a][a][b]"),
        (["-F", r"%l\t%q"], "3\t0\n0\t0\n3\t0\n"),
    ],
    ids=str,
)
def test_each_form_prints_what_mosquitto_sub_prints(tmp_path: Path, words: list[str], printed: str) -> None:
    messages = [_message("a", b"one"), _message("a"), _message("b", b"two")]
    with answering(tmp_path, _sending(*messages)) as server:
        result = run("sub", "-t", "#", "-C", "3", *words, *server.words)
    assert (result.code, result.stdout) == (0, printed)


def test_json_prints_text_as_text_and_bytes_in_base64(tmp_path: Path) -> None:
    properties: mqtt.Properties = {
        mqtt.Property.CONTENT_TYPE: "text/plain",
        mqtt.Property.CORRELATION_DATA: b"\xff",
        mqtt.Property.USER_PROPERTY: [("a", "1"), ("a", "2")],
    }
    messages = [
        mqtt.Publish(topic="a", payload="né\n".encode(), properties=properties),
        mqtt.Publish(topic="b", payload=b"\xff\x00", retain=True),
    ]
    with answering(tmp_path, _sending(*messages)) as server:
        result = run("sub", "-t", "#", "-C", "2", "--json", *server.words)
    first, second = map(json.loads, result.stdout.splitlines())
    assert abs((datetime.now(UTC) - datetime.fromisoformat(first.pop("timestamp"))).total_seconds()) < HANGS
    second.pop("timestamp")
    assert first == {
        "topic": "a",
        "qos": 0,
        "retain": False,
        "payload": "né\n",
        "properties": {
            "content_type": "text/plain",
            "correlation_data_base64": "/w==",
            "user_properties": [["a", "1"], ["a", "2"]],
        },
    }
    assert second == {"topic": "b", "qos": 0, "retain": True, "payload_base64": "/wA=", "properties": {}}


def test_filters_that_overlap_print_a_message_once_and_keep_the_order(tmp_path: Path) -> None:
    messages = [_message("a/b", b"1"), _message("a/c", b"2"), _message("a/b", b"3")]

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet | bytes]:
        yield from usual(packet, version)
        if isinstance(packet, mqtt.Subscribe) and packet.packet_id == 3:
            yield from messages

    with answering(tmp_path, answers) as server:
        words = ["-t", "a/#", "-t", "a/b", "-t", "a/c", "-t", "a/b", "-C", "3"]
        result = run("sub", *words, *server.words)
        assert [each.subscriptions[0].filter for each in server.left().all(mqtt.Subscribe)] == ["a/#", "a/b", "a/c"]
    assert result.stdout == "1\n2\n3\n"


def test_messages_that_are_not_wanted_are_left_out_and_not_counted(tmp_path: Path) -> None:
    messages = [
        _message("a/b", b"kept", retain=True),
        _message("a/b/c", b"filtered"),
        _message("a/d", b"filtered"),
        _message("a/e", b"wanted"),
    ]
    with answering(tmp_path, _sending(*messages)) as server:
        result = run("sub", "-t", "a/#", "-R", "-T", "a/b/#", "-T", "a/d", "-C", "1", *server.words)
    assert result.stdout == "wanted\n"


@pytest.mark.fact("E41")
def test_a_retained_message_comes_at_once_unless_it_is_left_out(login: list[str], topic: str) -> None:
    assert run("pub", "-q", "1", "-r", "-t", topic, "-m", "kept", *login).code == 0
    assert run("sub", "-t", topic, "-F", "%r %p", "-C", "1", *login).stdout == "1 kept\n"
    with subscriber("-v", "-t", topic, "-R", "-F", "%p", "-C", "1", *login) as sub:
        assert run("pub", "-q", "1", "-t", topic, "-m", "new", *login).code == 0
        assert sub.wait().lines == [b"new"]
    assert run("pub", "-q", "1", "-r", "-t", topic, "-n", *login).code == 0


def test_when_the_time_is_up_it_ends_as_mosquitto_sub_does(login: list[str], topic: str, backend_name: str) -> None:
    result = run("sub", "--backend", backend_name, "-t", topic, "-W", "0.2", *login)
    assert (result.code, result.stdout, result.stderr) == (27, "", "Timed out\n")


def test_the_time_counts_while_no_suback_comes(tmp_path: Path) -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet | bytes]:
        return () if isinstance(packet, mqtt.Subscribe) else usual(packet, version)

    with answering(tmp_path, answers) as server:
        assert run("sub", "-t", "a", "-W", "0.2", *server.words).code == 27
        result = run("sub", "-t", "a", "--answer-timeout", "0.2", *server.words)
    assert result.code == 11
    assert "cause: RequestTimeout: no SUBACK within 0.2 s" in result.stderr


@pytest.mark.fact("E34")
def test_a_refused_filter_is_told_and_ends_it_when_no_other_was_granted(login: list[str], backend_name: str) -> None:
    words = ["--backend", backend_name, "-t", "one", "-t", "two", *login]
    result = run("sub", *words)
    assert (result.code, result.stdout) == (9, "")
    said, first, second, next_step = result.stderr.splitlines()
    assert said == "All subscription requests were denied."
    assert first == "cause: SubscribeRefused: the subscription to 'one' was refused with 0x87 (not authorized)"
    assert second == "cause: SubscribeRefused: the subscription to 'two' was refused with 0x87 (not authorized)"
    assert next_step.startswith("next: let the policy")
    assert run("sub", "--json", *words).json()["error"] == "SubscribeRefused"


def test_a_refused_filter_does_not_hold_up_another(login: list[str], topic: str) -> None:
    with subscriber("-v", "-t", "elsewhere", "-t", topic, "-C", "1", *login) as sub:
        assert run("pub", "-q", "1", "-t", topic, "-m", "x", *login).code == 0
        heard = sub.wait()
    assert (heard.code, heard.stdout) == (0, f"{topic} x\n".encode())
    assert "cause: SubscribeRefused: the subscription to 'elsewhere' was refused" in heard.stderr
    assert heard.last.startswith("next: let the policy")


@pytest.mark.fact("E15")
def test_a_connection_that_is_lost_ends_it_with_the_reason(login: list[str], topic: str, backend_name: str) -> None:
    words = ["-i", f"taken-{backend_name}", *login]
    with subscriber("--debug", "--backend", backend_name, "-t", topic, *words) as sub:
        assert run("connect", *words).code == 0
        heard = sub.wait()
    assert (heard.code, heard.stdout) == (10, b"")
    assert "cause: Disconnected: the server ended the connection with DISCONNECT 0x8E" in heard.stderr
    assert heard.last.startswith("next: another client connected with this client id")


def test_what_came_before_the_connection_was_lost_is_printed(tmp_path: Path) -> None:
    messages = [_message("a", b"%d" % number) for number in range(100)]

    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet | bytes]:
        yield from _sending(*messages)(packet, version)
        if isinstance(packet, mqtt.Subscribe):
            yield mqtt.Disconnect(reason_code=0x8B)

    with answering(tmp_path, answers) as server:
        result = run("sub", "-t", "a", *server.words)
    assert (result.code, len(result.stdout.splitlines())) == (10, 100)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly_with_a_disconnect(tmp_path: Path, backend_name: str, number: signal.Signals) -> None:
    with answering(tmp_path) as server:
        with subscriber("-v", "--backend", backend_name, "-t", "a", *server.words) as sub:
            sub.process.send_signal(number)
            heard = sub.wait()
        assert (heard.code, heard.stdout, heard.stderr) == (0, b"", "subscribed to 'a' at QoS 0\n")
        assert [type(packet) for packet in server.left().packets] == [mqtt.Connect, mqtt.Subscribe, mqtt.Disconnect]


def test_when_nobody_reads_it_any_more_it_ends_quietly_with_a_disconnect(tmp_path: Path) -> None:
    with answering(tmp_path) as server:
        with subscriber("-v", "-t", "a", *server.words) as sub:
            assert sub.process.stdout is not None
            sub.process.stdout.close()
            server.send(_message("a", b"x"))
            assert sub.process.wait(HANGS) == 141
            assert sub.process.stderr is not None
            assert sub.process.stderr.read() == b""
        assert isinstance(server.left().packets[-1], mqtt.Disconnect)


@pytest.mark.fact("E37")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_kept_session_has_what_came_meanwhile(login: list[str], topic: str, backend_name: str, version: str) -> None:
    words = ["--backend", backend_name, "-V", version, "-q", "1", "-c", "-i", f"kept-{backend_name}-{version}"]
    words += ["--session-expiry", "600"] if version == "5" else []
    words += ["-t", topic, *login]
    with subscriber("-v", *words) as sub:
        sub.process.send_signal(signal.SIGTERM)
        assert sub.wait().code == 0
    assert run("pub", "-q", "1", "-t", topic, "-l", *login, stdin=b"one\ntwo\n").code == 0
    result = run("sub", "-C", "2", *words)
    assert (result.code, result.stdout) == (0, "one\ntwo\n")


def test_ten_thousand_messages_come_through_a_pipe(tmp_path: Path, backend_name: str) -> None:
    messages = [_message("a", b"%d" % number) for number in range(10_000)]
    with answering(tmp_path, _sending(*messages)) as server:
        result = run("sub", "--backend", backend_name, "-t", "a", "-C", "10000", *server.words)
    assert result.stdout.splitlines() == [str(number) for number in range(10_000)]


def test_each_message_is_written_before_the_next_comes(tmp_path: Path) -> None:
    with answering(tmp_path) as server, subscriber("-v", "-t", "a", *server.words) as sub:
        assert sub.process.stdout is not None
        for number in range(3):
            server.send(_message("a", b"%d" % number))
            assert sub.process.stdout.readline() == b"a %d\n" % number


def test_a_reader_that_stops_does_not_keep_a_signal_from_it(tmp_path: Path) -> None:
    with answering(tmp_path, _sending(*[_message("a", b"x" * 100_000)] * 20)) as server:
        with subscriber("-v", "-t", "a", *server.words) as sub:
            while server.peer().sent < 3:
                time.sleep(0.01)
            sub.process.send_signal(signal.SIGTERM)
            assert sub.process.wait(HANGS) == 0
        assert isinstance(server.left().packets[-1], mqtt.Disconnect)


@pytest.mark.fact("E42")
def test_the_will_is_published_when_it_is_killed(
    login: list[str], topic: str, sample: RunningGateway, backend_name: str
) -> None:
    will = ["--will-topic", f"{topic}/gone", "--will-payload", "I was killed", "--will-qos", "1"]
    with subscriber("-v", "-q", "1", "-t", f"{topic}/gone", "-C", "1", *login) as watching:
        with subscriber("-v", "--backend", backend_name, "-t", topic, *will, *login) as sub:
            sub.process.kill()
        assert watching.wait().stdout == f"{topic}/gone I was killed\n".encode()


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ([], "customauth sub --help"),
        (["-t", "a/#/b"], "# only at the end"),
        (["-t", "a", "-T", "b+"], "# only at the end"),
        (["-t", "a", "-q", "2"], "AWS serves QoS 0 and 1"),
        (["-t", "a", "-C", "0"], "customauth sub --help"),
        (["-t", "a", "-W", "0"], "customauth sub --help"),
        (["-t", "a", "--json", "-N"], "leave out -F and -N, or --json"),
        (["-t", "a", "--json", "-F", "%p"], "leave out -F and -N, or --json"),
        (["-t", "a", "-F", "%z"], "'%z' stands for nothing; there are %% %t %p"),
        (["-t", "a", "-F", "%m"], "'%m' is not to be had: the library keeps message ids to itself"),
        (["-t", "a", "-F", r"\q"], r"there are \\ \0 \a"),
        (["-t", "a", "-F", "x%"], "'%' stands for nothing"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_subscribed_to_or_printed_is_a_usage_error(words: list[str], mend: str) -> None:
    result = run("sub", *words, "localhost:1")
    assert result.code == 2, result.stderr
    assert mend in result.last
    assert "Traceback" not in result.stderr
