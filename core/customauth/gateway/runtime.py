"""Run a Python authorizer function in processes of its own, with the limits and errors of Lambda."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen, validators

from customauth.gateway import worker as program

_REPLIES = (program.READY, program.ANSWER, program.RAISED, program.FAULT)
_MAX_OUTPUT = 4096
# A pipe holds at most 1 MiB, so this many reads empty it even if a child of the function goes on printing.
_READ_SIZE = 65_536
_MAX_READS = 16
_EXIT_GRACE = 0.5
_POLL_INTERVAL = 0.002


def parse_function(text: str, *, base: Path) -> tuple[Path, str]:
    """Split `FILE.py:HANDLER` into the file, taken relative to `base`, and the name of the function.

    :raises ValueError: the text has another form. Whether the file exists is not looked at.
    """
    file, colon, handler = text.rpartition(":")
    if not colon or not file.endswith(".py") or not handler.isidentifier():
        raise ValueError(
            f"{text!r} does not name a Python authorizer function; "
            "write FILE.py:HANDLER, for example auth.py:lambda_handler"
        )
    return base / file, handler


def _is_function_arn(_: object, attribute: object, value: str) -> None:
    parts = value.split(":")
    if len(parts) not in (7, 8) or parts[0] != "arn" or parts[2] != "lambda" or parts[5] != "function":
        raise ValueError(
            f"{value!r} is not the ARN of a Lambda function; write arn:aws:lambda:REGION:ACCOUNT:function:NAME"
        )


@frozen(kw_only=True)
class FunctionSpec:
    """One Python authorizer function and how it is run.

    `timeout` is the limit of one invocation in seconds, 5 at AWS IoT Core (C24); `init_timeout` that of
    loading the function's module in a new process, 10 in Lambda.

    :raises ValueError: `function_arn` is no ARN of a Lambda function, or a limit is not positive.
    """

    file: Path
    handler: str
    function_arn: str = field(validator=_is_function_arn)
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    timeout: float = field(default=5.0, validator=validators.gt(0))
    init_timeout: float = field(default=10.0, validator=validators.gt(0))

    @property
    def region(self) -> str:
        """The AWS region in `function_arn`."""
        return self.function_arn.split(":")[3]

    @property
    def name(self) -> str:
        """The function's name in `function_arn`."""
        return self.function_arn.split(":")[6]


@frozen(kw_only=True)
class Invocation:
    """What one invocation gave.

    `payload` is the JSON text of what the function returned, `duration` the seconds that it ran, and
    `output` the end of what it printed. Payload and output may hold passwords and tokens.
    """

    payload: str = field(repr=False)
    duration: float
    output: str = field(default="", repr=False)


class FunctionFailed(Exception):
    """The function gave no answer; AWS IoT Core refuses the client then (C22).

    The text of the exception never holds event content and can be logged. `error_message` and
    `error_type` are what Lambda reports (C20); `error_message` is the function's own words and `output`
    the end of what it printed, and both may hold passwords and tokens.
    """

    def __init__(self, text: str, *, error_message: str, error_type: str, output: str = "") -> None:
        super().__init__(text)
        self.error_message = error_message
        self.error_type = error_type
        self.output = output


class FunctionTimedOut(FunctionFailed):
    """The function did not answer, or its module did not load, within its limit (C24, F11)."""


class FunctionCrashed(FunctionFailed):
    """The function's process ended, or could not be spoken to any more, before the function answered."""


class PythonRuntime:
    """Invoke one Python function in worker processes that are started on demand and used again.

    As in Lambda a worker loads the module once and runs one invocation at a time. A worker whose function
    exceeds its limit, ends its process or is cancelled is killed with every process in its group, and the
    next invocation starts another; so it is when the function's file has changed. Use a runtime in one
    event loop, and end it with :meth:`aclose`.

    :raises ValueError: `max_workers` is less than 1.
    """

    def __init__(self, spec: FunctionSpec, *, max_workers: int = 4) -> None:
        if max_workers < 1:
            raise ValueError(f"max_workers is {max_workers}; a runtime needs at least 1 worker")
        self._spec = spec
        self._file = spec.file.absolute()
        self._function = f"{spec.handler} in {self._file}"
        self._slots = asyncio.Semaphore(max_workers)
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._reapers: set[asyncio.Task[None]] = set()
        self._closed = False

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        """Run the function on `event`, which it receives as Lambda would hand it over: through JSON.

        Waits while all workers are busy; the limits count from the start of execution.

        :raises FunctionTimedOut: the function or the loading of its module exceeded its limit.
        :raises FunctionCrashed: the function ended its process.
        :raises FunctionFailed: the function raised, could not be loaded, returned something that is no
            JSON or more than 6 MB, or the runtime is closed.
        """
        request = self._encode(event)
        async with self._slots:
            worker = self._acquire()
            try:
                if not worker.loaded:
                    await self._exchange(worker, b"", self._spec.init_timeout)
                    worker.loaded = True
                worker.read_output()
                started = time.monotonic()
                answer = await self._exchange(worker, request, self._spec.timeout)
                duration = time.monotonic() - started
                return Invocation(payload=answer.decode(), duration=duration, output=worker.read_output())
            finally:
                if worker.loaded and worker.in_step and not self._closed:
                    self._idle.append(worker)
                else:
                    await asyncio.shield(self._retire(worker))

    async def aclose(self) -> None:
        """Kill and reap all workers; invocations under way and later ones fail with `FunctionFailed`."""
        self._closed = True
        while self._idle:
            self._retire(self._idle.pop())
        busy = tuple(self._workers)
        for worker in busy:
            worker.kill()
        await asyncio.gather(*(worker.gone.wait() for worker in busy))

    def _encode(self, event: Mapping[str, object]) -> bytes:
        request = {
            "event": event,
            "request_id": str(uuid.uuid4()),
            "arn": self._spec.function_arn,
            "name": self._spec.name,
            "timeout": self._spec.timeout,
        }
        body = json.dumps(request).encode()
        return program.HEADER.pack(program.INVOKE, len(body)) + body

    def _acquire(self) -> "_Worker":
        if self._closed:
            raise self._failed("was not run: the gateway is closing", "Runtime.Closed")
        try:
            stamp = _stamp(self._file)
        except OSError as error:
            text = f"was not run: the file cannot be read ({error.strerror})"
            raise self._failed(text, "Runtime.ImportModuleError") from error
        while self._idle:
            worker = self._idle.pop()
            if worker.stamp == stamp and worker.poll() is None:
                return worker
            self._retire(worker)
        try:
            worker = _Worker(self._file, self._spec, stamp)
        except OSError as error:
            text = f"was not run: its process did not start ({error.strerror})"
            raise self._failed(text, "Runtime.StartError") from error
        self._workers.add(worker)
        return worker

    def _retire(self, worker: "_Worker") -> asyncio.Task[None]:
        worker.kill()
        reaper = asyncio.create_task(self._reap(worker))
        self._reapers.add(reaper)
        reaper.add_done_callback(self._reapers.discard)
        return reaper

    async def _reap(self, worker: "_Worker") -> None:
        await worker.wait()
        worker.close()
        self._workers.discard(worker)

    async def _exchange(self, worker: "_Worker", request: bytes, limit: float) -> bytes:
        try:
            kind, body = await worker.exchange(request, limit)
        except TimeoutError:
            raise self._timed_out(worker, limit) from None
        except (EOFError, OSError):
            raise await self._crashed(worker) from None
        if kind in (program.READY, program.ANSWER):
            return body
        error = json.loads(body)
        error_type, message, line = error["type"], error["message"], error["line"]
        at = "" if line is None else f" at {self._file}:{line}"
        text = f"raised {error_type}{at}" if kind == program.RAISED else f"failed{at}: {error_type}: {message}"
        raise self._failed(text, error_type, message=message, output=worker.read_output())

    def _failed(self, text: str, error_type: str, *, message: str | None = None, output: str = "") -> FunctionFailed:
        error_message = text if message is None else message
        return FunctionFailed(
            f"{self._function} {text}", error_message=error_message, error_type=error_type, output=output
        )

    def _timed_out(self, worker: "_Worker", limit: float) -> FunctionTimedOut:
        doing = "answer" if worker.loaded else "finish loading"
        return FunctionTimedOut(
            f"{self._function} did not {doing} within {limit:g} s and was stopped",
            error_message=f"Task timed out after {limit:.2f} seconds",
            error_type="Sandbox.Timedout",
            output=worker.read_output(),
        )

    async def _crashed(self, worker: "_Worker") -> FunctionFailed:
        if self._closed:
            return self._failed("was stopped: the gateway is closing", "Runtime.Closed")
        status = await worker.wait(_EXIT_GRACE)
        if status is None:
            reason = "it broke its channel to the gateway"
        elif status < 0:
            reason = f"its process was killed by signal {-status} ({signal.strsignal(-status)})"
        else:
            reason = f"its process ended with exit status {status}"
        return FunctionCrashed(
            f"{self._function} did not answer: {reason}",
            error_message=f"Runtime exited with error: {reason}",
            error_type="Runtime.ExitError",
            output=worker.read_output(),
        )


class _Worker:
    """The gateway's end of one worker process. Whoever holds it ends it with `kill`, `wait` and `close`."""

    def __init__(self, file: Path, spec: FunctionSpec, stamp: tuple[int, int, int]) -> None:
        self.stamp = stamp
        self.loaded = False
        self.in_step = False
        self.gone = asyncio.Event()
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
            self._process = subprocess.Popen(  # noqa: S603 - the user's own function, and no shell
                # -B: a stale .pyc must not hide a change; -P: our directory must not shadow the library's modules;
                # -u: what was printed before a crash is seen.
                [sys.executable, "-BPu", program.__file__, str(channel.fileno()), str(file), spec.handler],
                cwd=file.parent,
                env=_environment(spec),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(channel.fileno(),),
                start_new_session=True,
            )
            self._loop.add_reader(self._output, self._read_chunk)
            self._ends = ours.pop_all()

    async def exchange(self, request: bytes, limit: float) -> tuple[bytes, bytes]:
        """Send `request` and return the kind and body of the frame that follows, within `limit` seconds."""
        self.in_step = False
        async with asyncio.timeout(limit):
            await self._loop.sock_sendall(self._channel, request)
            kind, length = program.HEADER.unpack(await self._receive(program.HEADER.size))
            if kind not in _REPLIES or length > program.MAX_PAYLOAD:
                # The function has written to a descriptor that is not its own.
                raise EOFError
            body = await self._receive(length)
        self.in_step = True
        return kind, body

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


def _stamp(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _environment(spec: FunctionSpec) -> dict[str, str]:
    # The gateway's own environment may hold credentials that are not the function's to see.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    reserved = {"AWS_LAMBDA_FUNCTION_NAME": spec.name, "AWS_REGION": spec.region}
    return {**inherited, **spec.environment, **reserved}
