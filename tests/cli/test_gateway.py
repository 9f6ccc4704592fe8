"""`customauth gateway`: what it prints, how it ends, and what it says when it cannot start."""

from __future__ import annotations

import shlex
import signal
import socket
import sys
from pathlib import Path

import pytest

from commands import RunningGateway, features, gateway, installed_backends, run, run_line, serving
from customauth import Feature
from needs import needs_backend
from recorder import Recorder
from servers import silent_server


@needs_backend
def test_every_printed_command_connects_word_for_word(sample: RunningGateway, tmp_path: Path) -> None:
    assert len(sample.commands) == len(installed_backends()) + 1
    for line in sample.commands:
        result = run_line(line, tmp_path)
        assert result.code == 0, f"{line}\n{result.stderr}"


def test_a_signed_command_is_printed_for_each_backend(sample: RunningGateway, backend_name: str) -> None:
    assert [line for line in sample.commands if f" --backend {backend_name} " in line and " --sign-with " in line]


@needs_backend
def test_called_by_its_name_it_prints_its_name(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("customauth")
    with gateway(tmp_path, program=(str(script),)) as running:
        for line in running.commands:
            assert shlex.split(line)[0] in ("customauth", str(script))
            assert run_line(f"PATH={shlex.quote(str(script.parent))}:$PATH; {line}", tmp_path).code == 0


@needs_backend
def test_each_decision_is_a_line_with_its_reason(tmp_path: Path, signed: list[str], sample: RunningGateway) -> None:
    with gateway(tmp_path) as running:
        words = ["connect", "--username", "alice", "--password", "wonderland", *running.where("-i", "device-1")]
        assert run(*words, "--authorizer", "unsigned-sample").code == 0
        assert run(*words, "--authorizer", "nobody").code == 7
    allowed, denied = running.lines[running.lines.index("Decisions:") + 1 : -2]
    assert "ALLOW MQTT 5 client 'device-1'" in allowed
    assert "DENY  MQTT 5 client 'device-1'" in denied
    assert "there is no authorizer 'nobody'" in denied
    assert "; fix: " in denied
    assert running.lines[-2:] == ["1 accepted, 1 refused.", "Gateway stopped."]


_RAISING = """
def handler(event, context):
    print("asked \\x1b[2J by", event["protocolData"]["mqtt"]["clientId"])
    raise RuntimeError("its own words")
"""


@needs_backend
@pytest.mark.parametrize("options", [(), ("--debug",), ("--show-function-output",)], ids=str)
def test_what_a_function_prints_is_shown_where_it_is_asked_for(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "function.py").write_text(_RAISING)
    (tmp_path / "gateway.toml").write_text(AUTHORIZER + 'function = "function.py:handler"\n')
    with gateway(tmp_path, "--config", "gateway.toml", *options) as running:
        assert run("connect", "--authorizer", "a", *running.where("-i", "device-1")).code == 7
    *shown, denied = [line.partition(" ")[2] for line in running.lines[running.lines.index("Decisions:") + 1 : -2]]
    assert denied.startswith("DENY ")
    assert denied.endswith("; fix: mend the function; `customauth gateway --show-function-output` shows its output")
    if "--show-function-output" in options:
        assert shown[:2] == [r"a | asked \x1b[2J by device-1", "a | Traceback (most recent call last):"]
        assert shown[-1] == "a | RuntimeError: its own words"
        assert all(line.startswith("a | ") for line in shown)
    else:
        assert "its own words" not in running.output()
        assert shown == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0(tmp_path: Path, number: signal.Signals) -> None:
    with gateway(tmp_path) as running:
        assert running.stop(number) == 0
    assert running.lines[-1] == "Gateway stopped."
    assert running.stderr_file.read_text() == ""


def test_a_signal_ends_it_with_clients_connected(tmp_path: Path) -> None:
    with gateway(tmp_path) as running, socket.create_connection(("127.0.0.1", int(running.port))):
        assert running.stop(signal.SIGTERM) == 0


@needs_backend
def test_a_second_start_keeps_what_was_made_and_changed(tmp_path: Path) -> None:
    folder = tmp_path / "customauth-gateway"
    with gateway(tmp_path) as running:
        ca = running.ca_file.read_bytes()
    kept = {name: (folder / name).read_bytes() for name in ("private.pem", "public.pem")}
    config = folder / "gateway.toml"
    config.write_text(config.read_text().replace("unsigned-sample", "renamed"))
    with gateway(tmp_path) as running:
        assert running.ca_file.read_bytes() == ca
        words = ["connect", "--authorizer", "renamed", "--username", "alice", "--password", "wonderland"]
        assert run(*words, *running.where()).code == 0
    assert {name: (folder / name).read_bytes() for name in kept} == kept


@needs_backend
def test_a_configuration_of_ones_own_is_served(recorder: Recorder, tmp_path: Path) -> None:
    signed, unsigned = recorder.running.commands
    assert " --token-key-name token --token-file TOKEN --sign-with PRIVATE.pem " in signed
    (tmp_path / "PASSWORD").write_text("any")
    assert run_line(unsigned, tmp_path).code == 0
    (tmp_path / "TOKEN").write_text("tok-1\n")
    (tmp_path / "PRIVATE.pem").write_bytes(recorder.private_key.read_bytes())
    assert run_line(signed, tmp_path).code == 0
    assert recorder.event()["token"] == "tok-1"


@needs_backend
def test_a_name_that_leads_elsewhere_is_printed_with_the_address_to_dial(recorder: Recorder, tmp_path: Path) -> None:
    source = recorder.running.folder
    for name in ("recorder.py", "public.pem"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    config = (source / "gateway.toml").read_text()
    (tmp_path / "gateway.toml").write_text(f'[gateway]\nnames = ["iot.example"]\n{config}')
    with gateway(tmp_path, "--config", "gateway.toml") as running:
        assert running.endpoint == f"iot.example:{running.port}"
        (tmp_path / "PASSWORD").write_text("any")
        dials = Feature.ADDRESS in features(installed_backends()[0])
        assert run_line(running.commands[1], tmp_path).code == (0 if dials else 3)


@needs_backend
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - for a moment, on a free port
def test_the_printed_commands_work_on_any_local_address(tmp_path: Path, host: str) -> None:
    with gateway(tmp_path, "--host", host) as running:
        assert run_line(running.commands[0], tmp_path).code == 0


@needs_backend
def test_the_ca_can_be_kept_elsewhere(tmp_path: Path) -> None:
    with gateway(tmp_path, "--ca-dir", "elsewhere") as running:
        assert running.ca_file == tmp_path / "elsewhere" / "ca.pem"
        assert run_line(running.commands[0], tmp_path).code == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with what configurations may go wrong about."""
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "function.py").write_text("def handler(event, context): ...")
    return tmp_path


NEXT_CONFIG = "next: mend the configuration; without --config the gateway makes a sample to start from"
AUTHORIZER = '[authorizers.a]\nstatus = "ACTIVE"\nsigning_disabled = true\n'


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ("[gateway", "not TOML"),
        ("", "there is no authorizer; add a table [authorizers.NAME]"),
        (AUTHORIZER, "authorizers.a.function: say which function decides"),
        (AUTHORIZER + 'function = "missing.py:handler"', "authorizers.a.function: there is no file"),
        (AUTHORIZER + 'function = "function.js"', "authorizers.a.function: "),
        (AUTHORIZER + 'function = "function.py:handler"\ncolour = 1', "authorizers.a.colour: unknown; known here: "),
        (
            '[authorizers.a]\nfunction = "function.py:handler"\ntoken_key_name = "t"\n'
            'token_signing_public_keys = { k = "missing.pem" }',
            "authorizers.a.token_signing_public_keys.k: missing.pem: No such file",
        ),
        ("\xff", "not TOML"),
    ],
)
def test_a_configuration_that_cannot_work_names_the_place(folder: Path, config: str, what: str) -> None:
    (folder / "gateway.toml").write_bytes(config.encode("latin-1"))
    result = run("gateway", "--port", "0", "--config", "gateway.toml", cwd=folder)
    assert result.code == 2
    assert ("error: gateway.toml line " if config else "error: gateway.toml: ") in result.stderr
    assert what in result.stderr
    assert result.last == NEXT_CONFIG
    assert "Traceback" not in result.stderr


def test_a_configuration_that_is_missing_is_named(folder: Path) -> None:
    for name, why in (("missing.toml", "No such file or directory"), (".", "Is a directory")):
        result = run("gateway", "--config", name, cwd=folder)
        assert (result.code, result.last) == (2, NEXT_CONFIG)
        assert f"error: {name}: {why}" in result.stderr


def test_a_sample_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "customauth-gateway").write_text("a file is in the way")
    result = run("gateway", "--port", "0", cwd=folder)
    assert result.code == 2
    assert "error: customauth-gateway: File exists" in result.stderr
    assert result.last == "next: run it in a folder that can be written, or give --config"


def test_a_ca_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    result = run("gateway", "--port", "0", "--ca-dir", "file", cwd=folder)
    assert result.code == 2
    assert "error: file: File exists" in result.stderr
    assert result.last == "next: choose a --ca-dir that can be read and written"


def test_a_ca_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "ca").mkdir()
    for name in ("ca.pem", "ca-key.pem"):
        (folder / "ca" / name).write_text("nonsense")
    result = run("gateway", "--port", "0", "--ca-dir", "ca", cwd=folder)
    assert result.code == 2
    assert (
        result.last == "next: mend that file, or choose another folder: --ca-dir DIR, --data-dir DIR or --config FILE"
    )
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with serving(silent_server()) as server:
        result = run("gateway", "--port", str(server.port), cwd=folder)
    assert result.code == 2
    assert f"error: port {server.port} is taken" in result.stderr
    assert result.last == "next: choose another with --port N, or 0 for a free one"


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_of_another_machine_is_named(folder: Path, host: str) -> None:
    result = run("gateway", "--port", "0", "--host", host, cwd=folder)
    assert result.code == 2
    assert f"cannot listen on {host} port 0: " in result.stderr
    assert result.last == "next: choose an address of this machine with --host, or leave it out"


def test_without_an_active_authorizer_it_says_so_in_place_of_commands(tmp_path: Path) -> None:
    (tmp_path / "function.py").write_text("def handler(event, context): ...")
    (tmp_path / "gateway.toml").write_text(
        '[authorizers.a]\nsigning_disabled = true\nfunction = "function.py:handler"\n'
    )
    with gateway(tmp_path, "--config", "gateway.toml") as running:
        assert running.commands == []
    assert 'No authorizer is ACTIVE, so nobody gets in: set the status of one to "ACTIVE".' in running.lines
