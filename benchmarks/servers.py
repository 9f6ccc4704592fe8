"""The servers under measure, each in a process of its own: the gateway with its sample, and mosquitto."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

from customauth.credentials import CustomAuth
from customauth.gateway import sample, write_sample
from customauth.mqtt import Connect, MqttVersion, encode
from customauth.signing import signed_token

_TIMED_GATEWAY = Path(__file__).with_name("timed_gateway.py")
_STARTS_WITHIN = 20.0
_STOPS_WITHIN = 30.0
_TRIES = 3
# Longer than any measure: nobody is cut off for silence.
_KEEP_ALIVE = 1200

_MOSQUITTO_USER = "device"
_MOSQUITTO_PASSWORD = "open-sesame-open-sesame"  # noqa: S105 - of a server that lives for a minute


@frozen(kw_only=True)
class Server:
    """A server that runs.

    :ivar name: ``gateway``, ``gateway+uvloop`` or ``mosquitto``.
    :ivar log_file: what it prints.
    """

    name: str
    pid: int
    port: int
    ca_file: Path
    certificate_file: Path
    key_file: Path
    log_file: Path
    username: str = field(repr=False)
    password: bytes | None = field(default=None, repr=False)

    def connect_packets(self, version: MqttVersion, count: int, prefix: str) -> list[bytes]:
        """Make the CONNECT packets of so many clients, each with a client identifier of its own."""
        return [
            encode(
                Connect(
                    version=version,
                    client_id=f"{prefix}-{number}",
                    keep_alive=_KEEP_ALIVE,
                    username=self.username,
                    password=self.password,
                ),
                version,
            )
            for number in range(count)
        ]


@contextlib.contextmanager
def gateway(folder: Path, *, timed: bool = False, uvloop: bool = False) -> Iterator[Server]:
    """Run ``customauth gateway`` with its sample configuration; the clients are signed.

    :param timed: run ``timed_gateway.py`` in place of the command.
    :param uvloop: run the command on uvloop, as ``gateway+uvloop``.
    """
    made = write_sample(folder)
    token = signed_token(sample.TOKEN_KEY_NAME, sample.SAMPLE_TOKEN, made.private_key_file.read_bytes())
    username = CustomAuth(authorizer=sample.SIGNED_AUTHORIZER, token=token).mqtt_username()
    assert username is not None  # noqa: S101 - there is something to send
    if timed:
        command = [sys.executable, str(_TIMED_GATEWAY), str(made.config_file)]
    else:
        command = [sys.executable, "-m", "customauth", "gateway", "--config", str(made.config_file), "--port", "0"]
        command += ["--uvloop"] if uvloop else []
    name = "gateway+uvloop" if uvloop else "gateway"
    log_file = folder / f"{name}.log"
    with _running(command, log_file) as process:
        port = int(_wait_for(process, log_file, re.compile(r"Gateway on \S+:(\d+),"))[1])
        yield Server(
            name=name,
            pid=process.pid,
            port=port,
            ca_file=folder / "ca" / "ca.pem",
            certificate_file=folder / "ca" / "server.pem",
            key_file=folder / "ca" / "server-key.pem",
            log_file=log_file,
            username=username,
        )


@contextlib.contextmanager
def mosquitto(folder: Path, like: Server) -> Iterator[Server]:
    """Run mosquitto with a password file, and with the certificate of another server.

    :param like: the server whose certificate and key it takes, as they are now.
    """
    folder.mkdir(exist_ok=True)
    certificate_file, key_file = folder / "server.pem", folder / "server-key.pem"
    shutil.copy(like.certificate_file, certificate_file)
    shutil.copy(like.key_file, key_file)
    password_file = folder / "passwords"
    words = ["mosquitto_passwd", "-c", "-b", str(password_file), _MOSQUITTO_USER, _MOSQUITTO_PASSWORD]
    subprocess.run(words, check=True, capture_output=True)  # noqa: S603 - our own words, and no shell
    log_file = folder / "mosquitto.log"
    program = mosquitto_program()
    if program is None:
        raise FileNotFoundError("mosquitto is not installed; run: apt-get install mosquitto")
    for attempt in range(1, _TRIES + 1):
        # It cannot take a free port by itself, so another process may be faster.
        port = _free_port()
        config_file = folder / "mosquitto.conf"
        config_file.write_text(
            f"""\
user {getpass.getuser()}
listener {port} 127.0.0.1
certfile {certificate_file}
keyfile {key_file}
allow_anonymous false
password_file {password_file}
persistence false
set_tcp_nodelay true
max_inflight_messages 100
max_queued_messages 0
max_queued_bytes 0
log_dest stderr
"""
        )
        with _running([program, "-c", str(config_file)], log_file) as process:
            try:
                _wait_for(process, log_file, re.compile(r"mosquitto version \S+ running"))
            except RuntimeError:
                if attempt == _TRIES:
                    raise
                continue
            yield Server(
                name="mosquitto",
                pid=process.pid,
                port=port,
                ca_file=like.ca_file,
                certificate_file=certificate_file,
                key_file=key_file,
                log_file=log_file,
                username=_MOSQUITTO_USER,
                password=_MOSQUITTO_PASSWORD.encode(),
            )
            return


def mosquitto_program() -> str | None:
    """Find mosquitto; Debian puts it where only root looks."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def mosquitto_version() -> str | None:
    """Return what mosquitto says of its version, None where it is not installed."""
    program = mosquitto_program()
    if program is None:
        return None
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    found = re.search(r"version (\S+)", said.stdout)
    return found[1] if found else "unknown"


@contextlib.contextmanager
def _running(command: list[str], log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    # Into a file, as nobody has to be awake to read it.
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603 - as above
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], log_file: Path, line: re.Pattern[str]) -> re.Match[str]:
    limit = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < limit and process.poll() is None:
        found = line.search(log_file.read_text(errors="replace"))
        if found:
            return found
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not start: {log_file.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
