"""Run the ``customauth`` command as a user does: in a process of its own. Import as ``commands``.

::

    run(*words, env={}, stdin=b"", cwd=None) -> Result       .code, .stdout, .stderr, .last, .json()
    start(*words, ...) -> subprocess.Popen[str]              a context manager; standard output is a pipe
    gateway(folder, *options) -> RunningGateway              a context manager; .endpoint, .ca_file, .commands, .lines
    serving(async_context_manager)                           a context manager: it lives in a loop of its own thread
    installed_backends() -> list[str]                        those whose MQTT library is installed
    write_plugin(folder, name, source)                       a distribution with one backend; folder goes on PYTHONPATH
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Any, TypeVar

from attrs import define, field, frozen

from customauth import BackendInfo, Feature, PluginManager

T = TypeVar("T")

COMMAND = (sys.executable, "-m", "customauth")

# A guard against hanging, not a measure.
_HANGS = 240.0


@frozen(kw_only=True)
class Result:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def last(self) -> str:
        """The last line on standard error, where whoever reads it finds what to do."""
        return (self.stderr.splitlines() or [""])[-1]

    def json(self) -> Any:
        """Return the JSON document on standard output."""
        return json.loads(self.stdout)


def run(
    *words: str | bytes | Path,
    env: Mapping[str, str | bytes] | None = None,
    stdin: bytes = b"",
    cwd: Path | None = None,
) -> Result:
    """Run the command to its end."""
    made = subprocess.run(
        [*COMMAND, *words], input=stdin, capture_output=True, cwd=cwd, env=_environment(env), timeout=_HANGS
    )
    return Result(code=made.returncode, stdout=made.stdout.decode(), stderr=made.stderr.decode())


@contextlib.contextmanager
def start(
    *words: str | Path,
    program: Sequence[str] = COMMAND,
    stderr: IO[str] | int = subprocess.PIPE,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start the command, and kill it if it still runs at the end of the block."""
    with subprocess.Popen(
        [*program, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=cwd,
        env=_environment(None),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_line(line: str, cwd: Path) -> Result:
    """Run a line that a command has printed, word for word, in a shell."""
    made = subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, text=True, cwd=cwd, env=_environment(None), timeout=_HANGS
    )
    return Result(code=made.returncode, stdout=made.stdout, stderr=made.stderr)


@define(eq=False)
class RunningGateway:
    """A gateway in a process of its own.

    :ivar lines: what it has printed up to now on standard output.
    :ivar stderr_file: where its standard error goes.
    """

    process: subprocess.Popen[str]
    folder: Path
    stderr_file: Path
    lines: list[str] = field(factory=list)
    _reader: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """Its name and port."""
        return self._first_line()[1]

    @property
    def port(self) -> str:
        """Its port."""
        return self.endpoint.rpartition(":")[2]

    @property
    def ca_file(self) -> Path:
        """Its CA."""
        return self.folder / self._first_line()[2]

    @property
    def commands(self) -> list[str]:
        """The commands that it has printed."""
        return [line.strip() for line in self.lines if " connect " in line and "--cafile" in line]

    def where(self, *options: str) -> list[str]:
        """Return the last words of a command that connects to it."""
        return ["--cafile", str(self.ca_file), *options, self.endpoint]

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(_HANGS)
        if self._reader is not None:
            self._reader.join()
        return code

    def output(self) -> str:
        """Return all that it has printed, on both outputs."""
        return "\n".join([*self.lines, self.stderr_file.read_text()])

    def _first_line(self) -> re.Match[str]:
        found = re.fullmatch(r"Gateway on (\S+), its CA in (.*); Ctrl-C ends it\.", self.lines[0])
        assert found, self.lines
        return found

    def _wait_until_up(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line == "Decisions:\n":
                break
        else:
            raise AssertionError(f"the gateway did not start: {self.stderr_file.read_text()}")
        self._reader = threading.Thread(target=self._read_on)
        self._reader.start()

    def _read_on(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))


@contextlib.contextmanager
def gateway(folder: Path, *options: str | Path, program: Sequence[str] = COMMAND) -> Iterator[RunningGateway]:
    """Run ``customauth gateway --port 0`` in a folder until the end of the block."""
    stderr_file = folder / "gateway.stderr"
    with (
        stderr_file.open("w") as stderr,
        start("gateway", "--port", "0", *options, program=program, stderr=stderr, cwd=folder) as process,
    ):
        running = RunningGateway(process, folder, stderr_file)
        try:
            running._wait_until_up()
            yield running
        finally:
            if process.poll() is None:
                running.stop()


@contextlib.contextmanager
def serving(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Keep an async context manager open in the event loop of a thread, while commands run against it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        served = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(_HANGS)
        try:
            yield served
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(_HANGS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@functools.cache
def _described() -> tuple[BackendInfo, ...]:
    return tuple(info for info in PluginManager().describe() if info.problem is None)


def installed_backends() -> list[str]:
    """Return the names of the backends that can be used here, the default first."""
    return [info.name for info in _described()]


def features(backend: str) -> frozenset[Feature]:
    """Return what an installed backend declares."""
    return next(info.features for info in _described() if info.name == backend)


def write_plugin(folder: Path, name: str, source: str, *, distribution: str = "strange") -> None:
    """Write a distribution as pip would leave it, with one backend in the module ``source``."""
    folder.mkdir(exist_ok=True)
    info = folder / f"{distribution}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[customauth.backends]\n{name} = {distribution}_backend\n")
    (folder / f"{distribution}_backend.py").write_text(source)


def _environment(extra: Mapping[str, str | bytes] | None) -> dict[bytes, bytes]:
    """Make the environment of a command: nothing of customauth's own, nor anybody's profiles, but what a test gives."""
    kept = {name: value for name, value in os.environb.items() if not name.startswith(b"CUSTOMAUTH_")}
    kept[b"XDG_CONFIG_HOME"] = b"/nonexistent"
    return kept | {os.fsencode(name): os.fsencode(value) for name, value in (extra or {}).items()}


def quoted(words: Sequence[str]) -> str:
    """Join words into a line for a shell."""
    return shlex.join(words)
