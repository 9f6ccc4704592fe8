"""One worker process: the gateway's ends of its channel, its life line and its output."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from customauth.gateway.runtimes import python_worker as protocol

_REPLIES = (protocol.READY, protocol.ANSWER, protocol.RAISED, protocol.FAULT, protocol.LAST, protocol.FILES)
_MAX_OUTPUT = 4096
# A pipe holds at most 1 MiB, so this many reads empty it even if a child of the function goes on printing.
_READ_SIZE = 65_536
_MAX_READS = 16
_POLL_INTERVAL = 0.002
# What is watched for changes is looked at before every invocation.
_MAX_WATCHED = 256

Stamp = tuple[int, int, int] | None
"""What changes when a file does; `None` for a file that cannot be read."""


@frozen(kw_only=True)
class Program:
    """How the worker processes of one function are started.

    `command` is complete but for the descriptors of channel and life line, which are its last arguments.
    `data_limit` is the most memory in bytes that a process may have for its data, where the platform can
    hold it to that: Linux can, macOS cannot. What one process shares with another does not count, and each
    child of the function has the same limit for itself.
    """

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    data_limit: int


class Worker:
    """The gateway's end of one worker process. Whoever holds it ends it with `kill`, `wait` and `close`.

    :param stamps: of the files that the process is about to load.
    :raises OSError: the process cannot be started.
    """

    def __init__(self, program: Program, stamps: Mapping[str, Stamp]) -> None:
        self.loaded: bool = False
        self.in_step: bool = False
        self.gone: asyncio.Event = asyncio.Event()
        self._stamps = dict(stamps)
        self._loop = asyncio.get_running_loop()
        self._printed = b""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            self._channel, channel = socket.socketpair()
            ours.enter_context(self._channel)
            theirs.enter_context(channel)
            self._channel.setblocking(False)
            self._output, output = os.pipe()
            ours.callback(os.close, self._output)
            theirs.callback(os.close, output)
            os.set_blocking(self._output, False)
            life, held = os.pipe()
            ours.callback(os.close, held)
            theirs.callback(os.close, life)
            self._process = subprocess.Popen(  # noqa: S603 - the user's own function, and no shell
                [*program.command, str(channel.fileno()), str(life)],
                cwd=program.folder,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(channel.fileno(), life),
                start_new_session=True,
            )
            _limit_data(self._process.pid, program.data_limit)
            self._loop.add_reader(self._output, self._read_chunk)
            self._ends = ours.pop_all()

    async def exchange(self, request: bytes, limit: float) -> tuple[bytes, bytes]:
        """Send `request` and return the kind and body of the reply, within `limit` seconds.

        :raises TimeoutError: there is none by then.
        :raises EOFError: the process has closed the channel, or what came is no reply.
        """
        self.in_step = False
        async with asyncio.timeout(limit):
            if request:
                # Sending nothing fails too where the process has answered and ended.
                await self._loop.sock_sendall(self._channel, request)
            kind, body = await self._receive_frame()
            if kind == protocol.FILES:
                self._watch(body)
                kind, body = await self._receive_frame()
        self.in_step = kind != protocol.LAST
        return kind, body

    def is_stale(self) -> bool:
        """Whether a file that the function was loaded from has changed since."""
        return any(stamp_of(file) != stamp for file, stamp in self._stamps.items())

    def read_output(self) -> str:
        """Return the end of what was printed since the last call."""
        for _ in range(_MAX_READS):
            if not self._read_chunk():
                break
        printed, self._printed = self._printed, b""
        return printed.decode(errors="replace")

    def poll(self) -> int | None:
        """Return the exit status, or `None` while the process runs."""
        if self._process.returncode is None and self._process.poll() is not None:
            # What the function has forked ends with it. The group's number is not given anew while any is left.
            self._kill_group()
        return self._process.returncode

    async def wait(self, limit: float = float("inf")) -> int | None:
        """Return the exit status, or `None` if the process still runs after `limit` seconds."""
        end = time.monotonic() + limit
        # No way that all platforms and event loops share reports an exit without a signal handler or a thread.
        while self.poll() is None and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_INTERVAL)
        return self.poll()

    def kill(self) -> None:
        """Kill the process and all in its group, unless it has ended."""
        if self.poll() is None:
            self._kill_group()

    def close(self) -> None:
        """Close the gateway's ends."""
        self._loop.remove_reader(self._output)
        self._ends.close()
        self.gone.set()

    def _kill_group(self) -> None:
        # PermissionError is what macOS says of a group that holds only the ended.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _watch(self, body: bytes) -> None:
        try:
            files = [str(file) for file in json.loads(body)]
        except (ValueError, TypeError):
            raise EOFError from None
        room = _MAX_WATCHED - len(self._stamps)
        new = [file for file in files if file not in self._stamps]
        self._stamps.update((file, stamp_of(file)) for file in new[:room])

    async def _receive_frame(self) -> tuple[bytes, bytes]:
        kind, length = protocol.HEADER.unpack(await self._receive(protocol.HEADER.size))
        if kind not in _REPLIES or length > protocol.MAX_PAYLOAD:
            # The function has written to a descriptor that is not its own.
            raise EOFError
        return kind, await self._receive(length)

    async def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = await self._loop.sock_recv(self._channel, min(size - len(data), _READ_SIZE))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _read_chunk(self) -> bool:
        try:
            chunk = os.read(self._output, _READ_SIZE)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(self._output)
        self._printed = (self._printed + chunk)[-_MAX_OUTPUT:]
        return bool(chunk)


def stamp_of(file: str | Path) -> Stamp:
    """Return the stamp of a file as it is now."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _limit_data(pid: int, limit: int) -> None:
    # From outside, because nothing may run in the child between fork and exec of a gateway with threads.
    # The process has hardly started by now: it is loading its interpreter, and not yet the function.
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))
