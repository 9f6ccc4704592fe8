"""One ``customauth connect`` from the start of its process to the end, against a plain script of the SDK."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from attrs import frozen

from customauth import MqttVersion, Transport
from customauth.compare import Behaviour, Bench, Kind, Measure, NotApplicable, Scenario, Subject, Turn

from .modules import imported, unused

_SCRIPT = Path(__file__).with_name("plain_sdk_connect.py")
_LIMIT = 60.0


class Command(Scenario):
    """Run the command; the library alone is the script, whatever the backend."""

    name = "command"
    title = "Command"
    description = (
        "customauth connect as a shell runs it, from the start of the process to its end. Beside it, in place of the "
        "library alone, stands the same connection by a script of the AWS IoT Device SDK v2, whatever the backend."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (Measure(name="command", title="command", unit="ms"),)
    fresh = True
    raw = True
    versions: ClassVar[tuple[MqttVersion, ...]] = (MqttVersion.V5,)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        with _arguments(bench) as arguments:
            command = arguments.of_script() if subject.raw else arguments.of_command(subject.backend)
            times = [await asyncio.to_thread(_timed, command) for _ in range(bench.repetitions(1, 3))]
        return Turn(measurements={self.name: tuple(times)})


class CommandImports(Scenario):
    """Look at what the command imports."""

    name = "command-imports"
    title = "Imports of the command"
    description = "What customauth connect imports, of which it has no use for another backend or another command."
    kind = Kind.BEHAVIOUR
    versions: ClassVar[tuple[MqttVersion, ...]] = (MqttVersion.V5,)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.MQTT,)
    rounds: ClassVar[int | None] = 1

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        with _arguments(bench) as arguments:
            command = arguments.of_command(subject.backend)
            done = await asyncio.to_thread(_run, command, PYTHONPROFILEIMPORTTIME="1")
        modules = imported(done.stderr)
        needless = unused(modules, subject.backend)
        return Turn(
            behaviour=Behaviour(
                expected="only modules that it has a use for",
                as_expected=not needless,
                message=", ".join(needless) or f"{len(modules)} modules",
            )
        )


@frozen(kw_only=True)
class _Arguments:
    """What both programs are told. The command reads secrets from files; the script takes them as words."""

    host: str
    port: int
    ca_file: Path
    authorizer: str
    token_key_name: str
    token_file: Path
    signature_file: Path

    def of_command(self, backend: str) -> list[str]:
        """Return the command line of the command as it is installed, else of the module of the same."""
        installed = Path(sys.executable).with_name("customauth")
        program = [str(installed)] if installed.exists() else ["-m", "customauth"]
        return [
            *(sys.executable, *program, "connect", "--backend", backend, "--cafile", str(self.ca_file)),
            *("--authorizer", self.authorizer, "--token-key-name", self.token_key_name),
            *("--token-file", str(self.token_file), "--token-signature-file", str(self.signature_file)),
            f"{self.host}:{self.port}",
        ]

    def of_script(self) -> list[str]:
        """Return the command line of the script.

        :raises NotApplicable: the SDK is not installed.
        """
        if importlib.util.find_spec("awsiot") is None:
            raise NotApplicable("the script needs the SDK; run: pip install awsiotsdk")
        return [
            *(sys.executable, str(_SCRIPT), "--endpoint", self.host, "--port", str(self.port)),
            *("--ca-file", str(self.ca_file), "--authorizer", self.authorizer),
            *("--token-key-name", self.token_key_name, "--token", self.token_file.read_text()),
            *("--signature", self.signature_file.read_text()),
        ]


@contextlib.contextmanager
def _arguments(bench: Bench) -> Iterator[_Arguments]:
    """Write what the programs read, until the end of the block."""
    place, credentials = bench.place, bench.credentials
    if credentials.token is None or credentials.authorizer is None or place.ca_pem is None:
        raise NotApplicable("both programs sign in with a token")
    with tempfile.TemporaryDirectory(prefix="customauth-bench-") as name:
        folder = Path(name)
        arguments = _Arguments(
            host=place.host,
            port=place.port,
            ca_file=folder / "ca.pem",
            authorizer=credentials.authorizer,
            token_key_name=credentials.token.key_name,
            token_file=folder / "token",
            signature_file=folder / "signature",
        )
        arguments.ca_file.write_bytes(place.ca_pem)
        arguments.token_file.write_text(credentials.token.value)
        arguments.signature_file.write_text(credentials.token.signature)
        yield arguments


def _timed(command: list[str]) -> float:
    """Return the milliseconds that a command took."""
    began = time.perf_counter()
    _run(command)
    return (time.perf_counter() - began) * 1000


def _run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command.

    :raises RuntimeError: when it failed.
    """
    done = subprocess.run(  # noqa: S603 - our own programs, and no shell
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[1]).name} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done
