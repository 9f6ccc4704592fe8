"""The exit codes of `customauth connect`, each from a real cause. Those of `pub` and `sub` are in their own tests."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from commands import RunningGateway, run, serving, start, write_plugin
from needs import needs_backend
from proxies import http_proxy
from servers import (
    CloseAfterConnect,
    NeverAnswer,
    ScriptedServer,
    closed_port,
    expired_identity,
    other_name_identity,
    scripted_server,
    silent_server,
    stranger_ca_pem,
)

VERSIONS = ("5", "3.1.1")

PLUGIN = """
from customauth import Backend, Feature, hookimpl

class Strange(Backend):
    name = "strange"
    library = {library!r}
    extra = "customauth[strange]"
    features = frozenset({{Feature.MQTT5}})

    async def connect(self, request):
        raise RuntimeError("the plug-in's own fault")

@hookimpl
def customauth_backend():
    return Strange()
"""


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    """Give a file for the CA of a server of this test's own."""
    return tmp_path / "ca.pem"


def _words(server: ScriptedServer, ca_file: Path) -> list[str]:
    ca_file.write_bytes(server.endpoint.ca_pem or b"")
    return ["--cafile", str(ca_file), str(server.endpoint)]


def test_0_connected(signed: list[str], backend_name: str) -> None:
    assert run(*signed, "--backend", backend_name).code == 0


def test_1_an_error_that_nobody_foresaw(tmp_path: Path) -> None:
    write_plugin(tmp_path / "site", "strange", PLUGIN.format(library="click"))
    result = run("connect", "--backend", "strange", "localhost:1", env={"PYTHONPATH": str(tmp_path / "site")})
    assert result.code == 1
    assert "backend strange failed with RuntimeError" in result.stderr
    assert "the plug-in's own fault" not in result.stderr
    assert result.last.startswith("next: ")
    assert "report" in result.last


@needs_backend
@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["--token", "x", "localhost"], "add --token-key-name"),
        (["--token-key-name", "t", "--token", "x", "localhost"], "add --token-signature-file PATH or --sign-with"),
        (["--token-signature", "x", "localhost"], "add --token-file PATH"),
        (["--username", "a?b", "localhost"], "choose a user name without '?'"),
        (["--authorizer", "", "localhost"], "leave it out"),
        (["--client-id", "", "localhost"], "1 to 128 bytes"),
        (["--client-id", "x" * 129, "localhost"], "1 to 128 bytes"),
        (["-V", "3.1.1", "--password", "x", "localhost"], "give a user name or use MQTT 5"),
        (["--timeout", "0", "localhost"], "give a positive number"),
        (["--timeout", "nan", "localhost"], "give a positive number"),
        (["--keep-alive", "65536", "localhost"], "AWS takes 30 to 1200"),
        (["https://localhost"], "leave out https://"),
        (["localhost:0"], "use 1 to 65535"),
        (["local host"], "write host or host:port"),
        (["--address", "a b", "localhost"], "write host or host:port"),
        (["ws://localhost"], "leave out ws://"),
        (["--transport", "mqtt", "wss://localhost"], "leave out one"),
        (["wss://localhost/mqtt?a=b"], "--credentials-in query or headers"),
        (["--credentials-in", "headers", "localhost"], "write wss://HOST as the endpoint"),
        (["--proxy", "localhost:3128", "localhost"], "write http://host:port"),
        (["--proxy", "http://localhost", "localhost"], "3128 and 1080 are usual"),
        (["--cert", "f", "localhost"], "give both --cert FILE and --key FILE"),
        (["--key", "f", "localhost"], "give both --cert FILE and --key FILE"),
        (["--cert", "missing", "--key", "missing", "localhost"], "give --cert a file that can be read"),
        (["--will-payload", "x", "localhost"], "add --will-topic TOPIC"),
        (["--will-retain", "localhost"], "add --will-topic TOPIC"),
        (["--will-topic", "a/#", "localhost"], "neither + nor # nor NUL"),
        (["--will-topic", "a", "--will-qos", "2", "localhost"], "AWS serves QoS 0 and 1"),
        (["-V", "3.1.1", "--will-topic", "a", "--will-delay", "5", "localhost"], "connect with MQTT 5"),
        (["-V", "3.1.1", "--session-expiry", "5", "localhost"], "connect with MQTT 5"),
        (["-V", "3.1.1", "--user-property", "a", "b", "localhost"], "connect with MQTT 5"),
        (["--session-expiry", "-1", "localhost"], "AWS takes 0 to 604800"),
    ],
)
def test_2_credentials_or_options_that_cannot_work(words: list[str], mend: str) -> None:
    result = run("connect", *words)
    assert result.code == 2, result.stderr
    assert mend in result.last
    assert "Traceback" not in result.stderr


def test_3_a_backend_that_nobody_brings() -> None:
    result = run("connect", "--backend", "nobody", "localhost:1")
    assert result.code == 3
    assert "no backend named 'nobody'; installed: " in result.last


def test_3_a_backend_whose_library_is_missing_names_the_pip_command(tmp_path: Path) -> None:
    write_plugin(tmp_path / "site", "strange", PLUGIN.format(library="not-in-any-index"))
    result = run("connect", "--backend", "strange", "localhost:1", env={"PYTHONPATH": str(tmp_path / "site")})
    assert result.code == 3
    assert result.last.endswith('run: pip install "customauth[strange]"')


def test_3_a_feature_that_the_backend_lacks_names_backends_that_have_it(tmp_path: Path, backend_name: str) -> None:
    write_plugin(tmp_path / "site", "strange", PLUGIN.format(library="click"))
    words = ["connect", "--backend", "strange", "-V", "3.1.1", "localhost:1"]
    result = run(*words, env={"PYTHONPATH": str(tmp_path / "site")})
    assert result.code == 3
    assert "backend strange cannot do mqtt311; backends that can: " in result.last
    assert backend_name in result.last


def test_3_a_plugin_that_cannot_be_loaded(tmp_path: Path) -> None:
    write_plugin(tmp_path / "site", "strange", "import not_a_module_of_anybody")
    result = run("connect", "--backend", "strange", "localhost:1", env={"PYTHONPATH": str(tmp_path / "site")})
    assert result.code == 3
    assert "strange 1.2" in result.last
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_4_a_name_without_an_address(backend_name: str, version: str) -> None:
    result = run("connect", "--backend", backend_name, "-V", version, "nowhere.invalid")
    assert result.code == 4, result.stderr
    assert "cause: NameNotResolved: " in result.stderr
    assert result.last.startswith("next: ")


@pytest.mark.parametrize("version", VERSIONS)
def test_4_a_port_where_nobody_listens(backend_name: str, version: str) -> None:
    with serving(closed_port()) as endpoint:
        result = run("connect", "--backend", backend_name, "-V", version, str(endpoint))
    assert result.code == 4, result.stderr
    assert "cause: ConnectionRefused: " in result.stderr
    assert result.last.startswith("next: check the port")


def test_4_a_proxy_that_refuses(sample: RunningGateway, backend_name: str) -> None:
    with serving(http_proxy(user=("alice", "looking-glass"))) as server:
        words = ["--proxy", str(server.proxy), *sample.where()]
        result = run("connect", "--backend", backend_name, *words)
    assert result.code == 4, result.stderr
    assert "cause: ProxyRefused: " in result.stderr
    assert "user:password@" in result.last


@pytest.mark.parametrize("version", VERSIONS)
def test_5_a_ca_that_is_not_trusted(sample: RunningGateway, tmp_path: Path, backend_name: str, version: str) -> None:
    (tmp_path / "other.pem").write_bytes(stranger_ca_pem())
    words = ["connect", "--backend", backend_name, "-V", version, "--cafile", str(tmp_path / "other.pem")]
    result = run(*words, sample.endpoint)
    assert result.code == 5, result.stderr
    assert "cause: TlsFailed: the server's certificate is not signed by a trusted CA" in result.stderr
    assert "--cafile" in result.last


def test_5_without_a_cafile_a_private_ca_is_not_trusted(sample: RunningGateway, backend_name: str) -> None:
    result = run("connect", "--backend", backend_name, sample.endpoint)
    assert result.code == 5
    assert "--cafile" in result.last


def test_5_a_certificate_for_another_name(ca_file: Path, backend_name: str) -> None:
    with serving(scripted_server(identity=other_name_identity())) as server:
        result = run("connect", "--backend", backend_name, *_words(server, ca_file))
    assert result.code == 5
    assert "is not for this name" in result.stderr


def test_5_a_certificate_that_has_expired(ca_file: Path, backend_name: str) -> None:
    with serving(scripted_server(identity=expired_identity())) as server:
        result = run("connect", "--backend", backend_name, *_words(server, ca_file))
    assert result.code == 5
    assert "clock" in result.last


@pytest.mark.fact("A23")
def test_6_a_websocket_at_another_path(sample: RunningGateway, backend_name: str) -> None:
    words = [*sample.where()[:-1], f"wss://{sample.endpoint}/elsewhere"]
    result = run("connect", "--backend", backend_name, *words)
    assert result.code == 6, result.stderr
    assert "cause: UpgradeRejected: the WebSocket was refused with HTTP status 404" in result.stderr
    assert result.last == f"next: open the WebSocket at /mqtt: wss://{sample.endpoint}/mqtt"


@pytest.mark.parametrize(
    ("version", "error"), [("5", "cause: ConnackRefused: "), ("3.1.1", "cause: ClosedBeforeConnack: ")]
)
def test_7_a_wrong_signature(signed: list[str], tmp_path: Path, backend_name: str, version: str, error: str) -> None:
    assert run("keygen", "--dir", tmp_path).code == 0
    wrong = ["--sign-with", str(tmp_path / "private.pem")]
    result = run(*signed, *wrong, "--backend", backend_name, "-V", version)
    assert result.code == 7, result.stderr
    assert error in result.stderr
    assert "signature" in result.last


@pytest.mark.parametrize("version", VERSIONS)
def test_7_closed_before_the_connack(ca_file: Path, backend_name: str, version: str) -> None:
    with serving(scripted_server(CloseAfterConnect())) as server:
        result = run("connect", "--backend", backend_name, "-V", version, *_words(server, ca_file))
    assert result.code == 7, result.stderr
    assert "cause: ClosedBeforeConnack: " in result.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_8_no_answer_to_the_connect(ca_file: Path, backend_name: str, version: str) -> None:
    with serving(scripted_server(NeverAnswer())) as server:
        words = ["--backend", backend_name, "-V", version, "--timeout", "5", *_words(server, ca_file)]
        result = run("connect", *words)
    assert result.code == 8, result.stderr
    # awscrt gives the time that it took.
    assert re.search(r"no answer within [5-9][.\d]* s, waiting for CONNECT/CONNACK\n", result.stderr), result.stderr
    assert "--timeout" in result.last


def test_8_no_answer_to_the_tls_handshake(backend_name: str) -> None:
    with serving(silent_server()) as server:
        result = run("connect", "--backend", backend_name, "--timeout", "5", str(server.endpoint))
    assert result.code == 8, result.stderr
    assert "waiting for TLS handshake" in result.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_130_interrupted_while_it_waits(backend_name: str, version: str) -> None:
    with serving(silent_server()) as server:
        words = ["connect", "--backend", backend_name, "-V", version, "--timeout", "600", str(server.endpoint)]
        with start(*words) as process:
            while not server.accepted and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stdout.splitlines()[-1] == "Attempting to connect!"
    assert stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in stderr
