"""curl: publish over HTTPS, and what a WebSocket's upgrade is answered."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from attrs import frozen

from logins import REFUSED, UUID, Door, Login
from programs import program

pytestmark = program("curl", package="curl")

# A guard against hanging, not a measure.
_HANGS = 60
_TOPIC = "clients/curl"
# What only a signature, or nothing, can show: over HTTPS there is no MQTT user name and password (A33).
LET_IN = ("signed", "signed with the second key", "a password", "the default authorizer")

place = pytest.mark.parametrize("place", ["headers", "query"])


@frozen(kw_only=True)
class Answer:
    """What curl printed: status and headers, lower-cased and in order, and the body."""

    protocol: str
    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for key, value in self.headers if key == name]

    def json(self) -> dict[str, Any]:
        """Return the body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def curl(door: Door, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", str(door.ca_file), "--max-time", str(_HANGS), *words],
        capture_output=True,
        text=True,
        timeout=2 * _HANGS,
        check=check,
    )


def ask(door: Door, path: str, *words: str) -> Answer:
    """Run curl with ``--include`` and read what it printed."""
    head, _, body = curl(door, "--include", f"https://localhost:{door.port}{path}", *words).stdout.partition("\n\n")
    first, *lines = head.splitlines()
    protocol, status, _ = first.split(" ", 2)
    pairs = [line.partition(": ") for line in lines]
    return Answer(
        protocol=protocol, status=int(status), headers=[(name.lower(), value) for name, _, value in pairs], body=body
    )


def publish(door: Door, login: Login, place: str, *words: str, path: str = f"/topics/{_TOPIC}?qos=1") -> Answer:
    """Publish with the credentials in headers or in the query."""
    if place == "query":
        query = login.auth.url_query()
        return ask(door, path + ("&" + query if query else ""), "--data", "hello", *words)
    headers = [word for pair in login.auth.http_headers().items() for word in ("--header", ": ".join(pair))]
    return ask(door, path, "--data", "hello", *headers, *words)


def is_uuid(text: str) -> bool:
    return re.fullmatch(UUID, text) is not None


@pytest.mark.fact("A26", "A27", "A32", "A33", "A36", "A43", "B19", "C7", "C8", "C10", "C11", "C14")
@place
@pytest.mark.parametrize("login", LET_IN, indirect=True)
def test_curl_publishes(login: Login, place: str, door: Door) -> None:
    answer = publish(door, login, place)
    assert (answer.protocol, answer.status) == ("HTTP/1.1", 200)
    assert answer.all("content-type") == ["application/json"]
    assert list(answer.json()) == ["message", "traceId"]
    assert answer.json()["message"] == "OK"
    assert is_uuid(answer.json()["traceId"])
    door.check(login, protocol="HTTPS", topic=_TOPIC)
    data = door.event(login, protocols=["tls", "http"], topic=_TOPIC)
    query, sent = login.auth.url_query(), login.auth.http_headers()
    assert list(data["http"]) == ["headers", "queryString"]
    assert data["http"]["queryString"] == ("qos=1" + (f"&{query}" if query and place == "query" else ""))
    headers = data["http"]["headers"]
    assert all(name == name.lower() for name in headers)
    assert headers["host"] == f"localhost:{door.port}"
    assert headers["content-length"] == "5"
    assert headers["user-agent"].startswith("curl/")
    assert {name: headers.get(name) for name in sent} == (sent if place == "headers" else dict.fromkeys(sent))


@pytest.mark.fact("F6", "F8", "F9", "F10", "B20", "I13")
@place
@pytest.mark.parametrize("login", REFUSED, indirect=True)
def test_a_refused_curl_gets_403_and_forbidden(login: Login, place: str, door: Door) -> None:
    answer = publish(door, login, place)
    assert answer.status == 403
    assert list(answer.json()) == ["message", "traceId"]
    assert answer.json()["message"] == "Forbidden"
    assert is_uuid(answer.json()["traceId"])
    assert answer.all("content-type") == ["application/json"]
    assert answer.all("content-length") == [str(len(answer.body))]
    assert answer.all("connection") == ["keep-alive"]
    assert answer.all("x-amzn-errortype") == ["ForbiddenException:"]
    assert answer.all("access-control-allow-origin") == ["*"]
    exposed = ["x-amzn-ErrorMessage", "x-amzn-RequestId", "x-amzn-ErrorType", "Date"]
    assert answer.all("access-control-expose-headers") == exposed
    (request_id,) = answer.all("x-amzn-requestid")
    assert is_uuid(request_id)
    (date,) = answer.all("date")
    assert parsedate_to_datetime(date)
    door.check(login, protocol="HTTPS", topic=_TOPIC)


@pytest.mark.fact("A30", "A32", "A43")
@pytest.mark.parametrize(
    "words",
    [
        ["--http1.0"],
        ["--http1.1"],
        ["--http2"],
        ["--no-alpn"],
        ["--tlsv1.2", "--tls-max", "1.2"],
        ["--tlsv1.3"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("login", ["signed"], indirect=True)
def test_curl_publishes_with_either_http_version_and_whatever_it_offers(
    words: Sequence[str], login: Login, door: Door
) -> None:
    answer = publish(door, login, "headers", *words)
    assert (answer.protocol, answer.status) == ("HTTP/1.1", 200)
    door.check(login, protocol="HTTPS", topic=_TOPIC)


@pytest.mark.fact("A32", "A38")
@pytest.mark.parametrize("login", ["signed"], indirect=True)
def test_a_topic_may_be_encoded_and_further_parameters_reach_the_function(login: Login, door: Door) -> None:
    path = "/topics/clients%2Fcurl?qos=0&actionToken=allow%20me"
    assert publish(door, login, "headers", path=path).status == 200
    data = door.event(login, protocols=["tls", "http"], topic=_TOPIC)
    assert data["http"]["queryString"] == "qos=0&actionToken=allow%20me"


@pytest.mark.fact("C32")
@pytest.mark.parametrize("login", ["signed"], indirect=True)
def test_each_request_of_one_connection_asks_the_function(login: Login, door: Door) -> None:
    url = f"https://localhost:{door.port}/topics/{_TOPIC}?{login.auth.url_query()}"
    once = ["--output", "/dev/null", "--write-out", "%{http_code} %{num_connects}\n", "--data", "hello", url]
    run = curl(door, *once, "--next", "--cacert", str(door.ca_file), *once)
    assert run.stdout.splitlines() == ["200 1", "200 0"]
    door.check(login, protocol="HTTPS", topic=_TOPIC)
    assert len(door.running.events()) == 2


@pytest.mark.parametrize(
    ("path", "words", "status", "error"),
    [
        ("/topics/", ["--data", "x"], 400, "InvalidRequestException"),
        ("/topics/a/+", ["--data", "x"], 400, "InvalidRequestException"),
        ("/topics/a?qos=2", ["--data", "x"], 400, "InvalidRequestException"),
        ("/elsewhere", ["--data", "x"], 404, "ResourceNotFoundException"),
        ("/topics/a", [], 405, None),
        ("/mqtt", [], 426, "InvalidRequestException"),
    ],
    ids=str,
)
@pytest.mark.fact("A34", "E32", "F10")
def test_what_is_no_publish_gets_a_status_that_says_so(
    path: str, words: list[str], status: int, error: str | None, door: Door
) -> None:
    answer = ask(door, path, *words)
    assert answer.status == status
    assert error is None or answer.all("x-amzn-errortype")[0].rstrip(":") == error
    assert door.running.decisions == []


UPGRADE = [
    *("--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket"),
    *("--header", "Sec-WebSocket-Version: 13", "--header", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
]


@pytest.mark.fact("A23", "A24", "F5", "F7", "J3")
@pytest.mark.parametrize("subprotocol", ["mqtt", "mqttv3.1"])
@pytest.mark.parametrize("login", ["signed", *REFUSED], indirect=True)
def test_an_upgrade_is_accepted_whatever_its_credentials_are(login: Login, subprotocol: str, door: Door) -> None:
    offered = ["--header", f"Sec-WebSocket-Protocol: {subprotocol}"]
    url = f"https://localhost:{door.port}/mqtt?{login.auth.url_query()}"
    # What it prints of the head on standard output waits in its buffer until the end, which is not to be waited for.
    with subprocess.Popen(
        [
            "curl",
            "--silent",
            "--verbose",
            "--max-time",
            str(_HANGS),
            "--cacert",
            str(door.ca_file),
            *UPGRADE,
            *offered,
            url,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = itertools.takewhile(lambda line: line != "< \n", process.stderr)
        head = [line.rstrip("\n").removeprefix("< ") for line in lines if line.startswith("< ")]
        process.kill()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    assert headers["sec-websocket-protocol"] == subprotocol
    assert headers["sec-websocket-accept"] == "ICX+Yqv66kxgM0FcWaLWlFLwTAI="
    assert door.running.events() == []


@pytest.mark.fact("F6")
@place
def test_an_upgrade_signed_with_aws_credentials_gets_403(place: str, door: Door) -> None:
    header = "Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iotdevicegateway/aws4_request"
    path = "/mqtt?X-Amz-Signature=00" if place == "query" else "/mqtt"
    signed = ["--header", header] if place == "headers" else []
    answer = ask(door, path, *UPGRADE, "--header", "Sec-WebSocket-Protocol: mqtt", *signed)
    assert answer.status == 403
    assert answer.all("x-amzn-errortype") == ["ForbiddenException:"]


@pytest.mark.fact("A47", "F14")
@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("LOCALHOST:443", 200), ("wrong.example", 403)])
@pytest.mark.parametrize("login", ["signed"], indirect=True)
def test_without_a_server_name_the_host_header_decides(host: str, status: int, login: Login, door: Door) -> None:
    # To an address curl sends no SNI.
    url = f"https://127.0.0.1:{door.port}/topics/{_TOPIC}?{login.auth.url_query()}"
    status_only = ["--output", "/dev/null", "--write-out", "%{http_code}"]
    run = curl(door, *status_only, "--data", "hello", "--header", f"Host: {host}", url)
    assert run.stdout == str(status)
    assert len(door.running.events()) == (1 if status == 200 else 0)


@pytest.mark.fact("A47", "F14")
def test_a_name_that_is_not_served_fails_in_the_tls_handshake(door: Door) -> None:
    resolve = ["--connect-to", f"wrong.example:{door.port}:localhost:{door.port}"]
    run = curl(door, *resolve, f"https://wrong.example:{door.port}/topics/a", check=False)
    assert run.returncode == 35
    assert "unrecognized name" in run.stderr
