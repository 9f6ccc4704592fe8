"""`customauth pub` to mosquitto_sub, and mosquitto_pub to `customauth sub`, through the sample's gateway."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import pytest

from commands import run
from needs import needs_backend
from programs import program
from subscribers import HANGS, subscriber

pytestmark = [needs_backend, program("mosquitto_pub", package="mosquitto-clients")]

VERSIONS = {"5": "mqttv5", "3.1.1": "mqttv311"}
LINES = [b"one", b"", b"three \xff", b"four"]


def _words(login: list[str], version: str) -> list[str]:
    ca_file, endpoint = login[-2], login[-1]
    words = ["-h", "localhost", "-p", endpoint.rpartition(":")[2], "--cafile", ca_file, "--tls-alpn", "mqtt"]
    words += ["-V", VERSIONS[version], "-u", "alice?x-amz-customauthorizer-name=unsigned-sample", "-P", "wonderland"]
    return words


@contextlib.contextmanager
def _mosquitto_sub(login: list[str], version: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    # Into a pipe it would write only when it ends.
    command = ["stdbuf", "-oL", "mosquitto_sub", *_words(login, version), "-d", "-q", "1", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(b"Subscribed"):
            assert process.poll() is None
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("version", VERSIONS)
def test_what_pub_sends_reaches_mosquitto_sub(login: list[str], topic: str, backend_name: str, version: str) -> None:
    with _mosquitto_sub(login, version, "-t", topic, "-F", "> %p", "-C", "4") as process:
        words = ["--backend", backend_name, "-V", version, "-q", "1", "-t", topic, "-l", *login]
        assert run("pub", *words, stdin=b"\n".join(LINES)).code == 0
        heard, _ = process.communicate(timeout=HANGS)
    assert [line[2:] for line in heard.split(b"\n") if line.startswith(b"> ")] == LINES


@pytest.mark.parametrize("version", VERSIONS)
def test_what_mosquitto_pub_sends_is_printed_by_sub(
    login: list[str], topic: str, backend_name: str, version: str
) -> None:
    words = ["-v", "--backend", backend_name, "-V", version, "-q", "1", "-t", topic, "-F", "%p", "-C", "4"]
    with subscriber(*words, *login) as sub:
        command = ["mosquitto_pub", *_words(login, version), "-q", "1", "-t", topic, "-l"]
        subprocess.run(command, input=b"\n".join(LINES), check=True, timeout=HANGS)
        heard = sub.wait()
    assert (heard.code, heard.stdout) == (0, b"\n".join(LINES) + b"\n")
