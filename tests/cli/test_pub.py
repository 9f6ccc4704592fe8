"""`customauth pub`: what it sends, what it says, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from commands import COMMAND, Result, run
from customauth import MqttVersion, mqtt
from customauth.testing.mqtt_server import usual
from needs import needs_backend
from subscribers import HANGS, answering, subscriber

pytestmark = needs_backend

VERSIONS = ("5", "3.1.1")
BINARY = bytes(range(256))


@pytest.fixture
def sample_words(login: list[str]) -> list[str]:
    """Return the words that say where the sample is, without credentials."""
    return login[-3:]


def _published(login: list[str], topic: str, count: int, publish: Callable[[], Result]) -> list[bytes]:
    """Return the payloads that arrive of what is published, as hexadecimal digits."""
    with subscriber("-v", "-q", "1", "-t", topic, "-F", "%x", "-C", str(count), *login) as sub:
        result = publish()
        assert result.code == 0, result.stderr
        return sub.wait().lines


@pytest.mark.parametrize("qos", ["0", "1"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_line_of_standard_input_arrives_in_order(
    login: list[str], topic: str, backend_name: str, version: str, qos: str
) -> None:
    lines = [b"%d" % number for number in range(3000)]
    with subscriber("-v", "-q", "1", "-t", topic, "-F", "%p", "-C", "3000", *login) as sub:
        words = ["--backend", backend_name, "-V", version, "-q", qos, "-t", topic, "-l", *login]
        assert run("pub", *words, stdin=b"\n".join(lines)) == Result(code=0, stdout="", stderr="")
        assert sub.wait().lines == lines


@pytest.mark.parametrize(
    ("words", "stdin", "payloads"),
    [
        (["-m", "héllo"], b"", ["héllo".encode()]),
        (["-m", b"\xff\xfe"], b"", [b"\xff\xfe"]),
        (["-m", ""], b"", [b""]),
        (["-n"], b"not this", [b""]),
        (["-s"], BINARY, [BINARY]),
        (["-s"], b"", [b""]),
        (["-l"], b"one\n\ntwo\r\nthree", [b"one", b"", b"two\r", b"three"]),
        (["-l"], b"one\n", [b"one"]),
        (["-f", "file"], b"", [BINARY + b"\n"]),
        (["-m", "x", "--repeat", "3", "--repeat-delay", "0.01"], b"", [b"x", b"x", b"x"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_payloads_go_out_as_they_are(
    login: list[str], topic: str, tmp_path: Path, words: list[str | bytes], stdin: bytes, payloads: list[bytes]
) -> None:
    (tmp_path / "file").write_bytes(BINARY + b"\n")

    def publish() -> Result:
        return run("pub", "-q", "1", "-t", topic, *words, *login, stdin=stdin, cwd=tmp_path)

    assert _published(login, topic, len(payloads), publish) == [payload.hex().encode() for payload in payloads]


def test_lines_of_a_file_are_read_too(login: list[str], topic: str, tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"one\ntwo\n")

    def publish() -> Result:
        with (tmp_path / "lines").open("rb") as file:
            made = subprocess.run(
                [*COMMAND, "pub", "-q", "1", "-t", topic, "-l", *login],
                stdin=file,
                capture_output=True,
                text=True,
                timeout=HANGS,
            )
        return Result(code=made.returncode, stdout=made.stdout, stderr=made.stderr)

    assert _published(login, topic, 2, publish) == [b"one".hex().encode(), b"two".hex().encode()]


def test_the_properties_of_mqtt_5_arrive(login: list[str], topic: str, backend_name: str) -> None:
    with subscriber("--debug", "-t", topic, "--json", "-C", "1", *login) as sub:
        words = ["--content-type", "text/plain", "--response-topic", "sample/answers", "--correlation-data", "c-1"]
        words += ["--message-expiry", "3600", "--user-property", "a", "1", "--user-property", "a", "2", "--utf8"]
        assert run("pub", "--backend", backend_name, "-q", "1", "-t", topic, "-m", "x", *words, *login).code == 0
        properties = json.loads(sub.wait().stdout)["properties"]
    assert 0 < properties.pop("message_expiry") <= 3600
    assert properties == {
        "content_type": "text/plain",
        "response_topic": "sample/answers",
        "correlation_data": "c-1",
        "user_properties": [["a", "1"], ["a", "2"]],
        "utf8": True,
    }


def test_verbose_prints_a_line_for_every_message(login: list[str], topic: str) -> None:
    result = run("pub", "-v", "-q", "1", "-t", topic, "-l", *login, stdin=b"one\ntwo\n")
    assert result.code == 0
    assert [line.partition(", ")[0] for line in result.stdout.splitlines()] == [f"{topic}: acknowledged with 0x00"] * 2
    assert run("pub", "-v", "-t", topic, "-m", "x", *login).stdout.startswith(f"{topic}: sent, ")


def test_json_prints_a_line_for_every_message(login: list[str], topic: str) -> None:
    result = run("pub", "--json", "-q", "1", "-t", topic, "-l", *login, stdin=b"one\ntwo\n")
    assert result.code == 0
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(document.pop("milliseconds") > 0 for document in documents)
    assert documents == [{"outcome": "acknowledged", "topic": topic, "reason_code": 0, "reason_string": None}] * 2


@pytest.mark.fact("E34")
def test_a_refused_publish_is_told_with_its_code(login: list[str], backend_name: str) -> None:
    words = ["--backend", backend_name, "-q", "1", "-t", "elsewhere", "-m", "x", *login]
    result = run("pub", *words)
    assert (result.code, result.stdout) == (9, "")
    cause, next_step = result.stderr.splitlines()
    assert cause == "cause: PublishRefused: the publish to 'elsewhere' was refused with 0x87 (not authorized)"
    assert next_step.startswith("next: let the policy")
    (document,) = map(json.loads, run("pub", "--json", *words).stdout.splitlines())
    assert (document["outcome"], document["error"]) == ("failed", "PublishRefused")
    assert (document["reason_code"], document["exit_code"], document["topic"]) == (0x87, 9, "elsewhere")


def test_what_mqtt_311_cannot_refuse_ends_the_connection(login: list[str], backend_name: str) -> None:
    words = ["--backend", backend_name, "-V", "3.1.1", "-q", "1", "-t", "elsewhere", "-m", "x", *login]
    result = run("pub", *words)
    assert result.code == 10, result.stderr
    assert "cause: Disconnected: " in result.stderr
    assert result.last.startswith("next: AWS closes without a word")


def test_a_refused_connection_is_told_as_connect_tells_it(sample_words: list[str]) -> None:
    result = run("pub", "--authorizer", "nobody", "-t", "a", "-m", "x", *sample_words)
    assert (result.code, result.stdout) == (7, "")
    assert result.stderr.startswith("cause: ConnackRefused: refused with CONNACK 0x87")
    assert result.last.startswith("next: ")
    json_result = run("pub", "--json", "--authorizer", "nobody", "-t", "a", "-m", "x", *sample_words)
    assert (json_result.json()["error"], json_result.code) == ("ConnackRefused", 7)


def test_a_refused_message_does_not_hold_up_the_others(tmp_path: Path) -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet]:
        if isinstance(packet, mqtt.Publish) and packet.payload == b"bad" and packet.packet_id is not None:
            return [mqtt.Puback(packet_id=packet.packet_id, reason_code=0x97)]
        return usual(packet, version)

    with answering(tmp_path, answers) as server:
        result = run("pub", "-q", "1", "-t", "a", "-l", "-v", *server.words, stdin=b"good\nbad\nbad\ngood\n")
        published = [packet.payload for packet in server.left().all(mqtt.Publish)]
    assert published == [b"good", b"bad", b"bad", b"good"]
    assert result.code == 9
    assert result.stdout.count("acknowledged with 0x00") == 2
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["cause", "next"]


class _Holding:
    """Answers to publishes that are held back until there are so many of them."""

    def __init__(self, count: int, **properties: int) -> None:
        self.most = 0
        self._count = count
        self._connack: mqtt.Properties = {mqtt.Property[name]: value for name, value in properties.items()}
        self._held: list[int] = []

    def __call__(self, packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet]:
        if isinstance(packet, mqtt.Connect):
            return [mqtt.Connack(session_present=False, reason_code=0, properties=self._connack)]
        if not isinstance(packet, mqtt.Publish) or packet.packet_id is None:
            return usual(packet, version)
        self._held.append(packet.packet_id)
        self.most = max(self.most, len(self._held))
        if len(self._held) < self._count:
            return []
        held, self._held = self._held, []
        return [mqtt.Puback(packet_id=each) for each in held]


def test_many_publishes_at_qos_1_are_in_flight_at_once(tmp_path: Path, backend_name: str) -> None:
    holding = _Holding(100)
    with answering(tmp_path, holding) as server:
        words = ["--backend", backend_name, "-q", "1", "-t", "a", "-l"]
        assert run("pub", *words, *server.words, stdin=b"x\n" * 300).code == 0
        published = server.left().all(mqtt.Publish)
    assert len({packet.packet_id for packet in published[:100]}) == 100


@pytest.mark.fact("E29")
def test_no_more_are_in_flight_than_the_server_takes(tmp_path: Path) -> None:
    holding = _Holding(5, RECEIVE_MAXIMUM=5)
    with answering(tmp_path, holding) as server:
        assert run("pub", "-q", "1", "-t", "a", "-l", *server.words, stdin=b"x\n" * 50).code == 0
        assert len(server.left().all(mqtt.Publish)) == 50
    assert holding.most == 5


def test_no_answer_is_a_failure_of_its_own(tmp_path: Path) -> None:
    with answering(tmp_path, _Holding(3)) as server:
        words = ["-q", "1", "-t", "a", "-m", "x", "--answer-timeout", "0.2", *server.words]
        result = run("pub", *words)
        document = run("pub", "--json", *words).json()
    assert result.code == 11
    assert "cause: RequestTimeout: no PUBACK within 0.2 s" in result.stderr
    assert result.last.startswith("next: raise the timeout")
    assert (document["error"], document["exit_code"], document["topic"]) == ("RequestTimeout", 11, "a")


def _waiting(*words: str) -> subprocess.Popen[bytes]:
    """Start a pub whose standard input stays open."""
    command = [*COMMAND, "pub", *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_connection_that_is_lost_ends_it_while_it_waits_for_lines(tmp_path: Path) -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet]:
        yield from usual(packet, version)
        if isinstance(packet, mqtt.Publish):
            yield mqtt.Disconnect(reason_code=0x8E)

    with answering(tmp_path, answers) as server, _waiting("-t", "a", "-l", *server.words) as process:
        assert process.stdin is not None
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.wait(HANGS) == 10
        assert process.stderr is not None
        cause, next_step = process.stderr.read().decode().splitlines()
    assert cause.startswith("cause: Disconnected: the server ended the connection with DISCONNECT 0x8E")
    assert next_step.startswith("next: another client connected with this client id")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_when_what_is_in_flight_is_answered(tmp_path: Path, number: signal.Signals) -> None:
    def answers(packet: mqtt.Packet, version: MqttVersion) -> Iterable[mqtt.Packet]:
        if isinstance(packet, mqtt.Publish):
            process.send_signal(number)
        return usual(packet, version)

    with answering(tmp_path, answers) as server, _waiting("-q", "1", "-t", "a", "-l", "-v", *server.words) as process:
        assert process.stdin is not None
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.wait(HANGS) == 130
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read().startswith(b"a: acknowledged with 0x00")
        assert process.stderr.read() == b"interrupted\n"
        assert isinstance(server.left().packets[-1], mqtt.Disconnect)


def test_the_end_of_the_input_ends_it_with_a_disconnect(tmp_path: Path, backend_name: str) -> None:
    with answering(tmp_path) as server:
        words = ["--backend", backend_name, "-t", "a", "-q", "1", "-l"]
        assert run("pub", *words, *server.words, stdin=b"one\n").code == 0
        assert [type(packet) for packet in server.left().packets] == [mqtt.Connect, mqtt.Publish, mqtt.Disconnect]


def test_without_any_line_it_connects_and_sends_nothing(tmp_path: Path) -> None:
    with answering(tmp_path) as server:
        assert run("pub", "-t", "a", "-l", *server.words).code == 0
        assert server.left().all(mqtt.Publish) == []


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["-t", "a"], "give one of -m TEXT"),
        (["-t", "a", "-m", "x", "-n"], "give one of -m TEXT"),
        (["-t", "a", "-l", "-s"], "give one of -m TEXT"),
        (["-t", "a", "-l", "--repeat", "2"], "give -s in place of -l"),
        (["-t", "a", "-l", "--password-file", "-"], "give -l a file"),
        (["-t", "a", "-f", "nothing-here"], "give -f a file that can be read"),
        (["-t", "a", "-m", "x", "-q", "2"], "AWS serves QoS 0 and 1"),
        (["-t", "a/+", "-m", "x"], "neither + nor # nor NUL"),
        (["-t", "a", "-m", "x", "-V", "3.1.1", "--content-type", "t"], "choose -V 5"),
        (["-t", "a", "-m", "x", "--response-topic", "#"], "neither + nor # nor NUL"),
        (["-t", "a", "-m", "x", "--message-expiry", "-1"], "use 0 to 4294967295 s"),
        (["-m", "x"], "customauth pub --help"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_published_is_a_usage_error(words: list[str], mend: str) -> None:
    result = run("pub", *words, "localhost:1")
    assert result.code == 2, result.stderr
    assert mend in result.last
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [["pub", "-m", "x"], ["sub"]], ids=["pub", "sub"])
def test_nothing_secret_is_shown(login: list[str], command: list[str]) -> None:
    with_password = [word if word != "wonderland" else "looking-glass" for word in login]
    for words, code in ((login, 9), (with_password, 7)):
        result = run(*command, "--debug", "-t", "elsewhere", "-q", "1", *words)
        assert result.code == code
        assert "user name 'alice" in result.stderr
        for secret in ("wonderland", "looking-glass"):
            assert secret not in result.stdout + result.stderr
