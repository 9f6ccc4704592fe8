"""Load a Python authorizer function and answer invocations of it: the whole life of one worker process.

The pool starts this file as a program, one process for each worker, and owns the other ends of its channel
and of its life line. A frame on the channel is :data:`HEADER` (kind, length of the body) and the body. The
pool sends :data:`INVOKE` frames; the worker sends one :data:`READY` or :data:`FAULT` when it has loaded the
function, and then one :data:`ANSWER`, :data:`RAISED`, :data:`FAULT` or :data:`LAST` for each invocation;
before any of these it may send :data:`FILES`. Nothing is sent on the life line: it ends with the gateway.
`node_worker.mjs` speaks the same.

Only the standard library is imported, and as little of it as possible: a cold start waits for it.
"""

import _thread
import importlib.machinery
import importlib.util
import json
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, TypeGuard

HEADER = struct.Struct("!cI")

INVOKE = b"I"
"""Body: JSON with `event`, `request_id`, `arn` and `timeout` (seconds)."""
READY = b"Y"
"""No body: the function is loaded."""
ANSWER = b"A"
"""Body: the JSON text of what the function returned."""
RAISED = b"R"
"""Body: JSON with `type`, `message` and `line`; the function raised, so `message` may hold event content."""
LAST = b"L"
"""Body as :data:`RAISED`; the process ends after it."""
FAULT = b"F"
"""Body as :data:`RAISED`; the worker's own finding about the function, free of event content."""
FILES = b"S"
"""Body: JSON list of files of the function's folder that were loaded and not named before."""

MAX_PAYLOAD = 6_291_556
"""The longest answer in bytes, Lambda's limit for a synchronous invocation."""

_MAX_MESSAGE = 65_536
_NOT_SOURCES = ("site-packages", "node_modules")


class Context:
    """What Lambda passes to a function beside the event."""

    client_context = None
    identity = None

    def __init__(self, environment: Mapping[str, str], *, arn: str, request_id: str, timeout: float) -> None:
        self.invoked_function_arn = arn
        self.aws_request_id = request_id
        self.function_name: str = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version: str = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb: str = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name: str = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name: str = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left until the function is stopped, never less than 0."""
        return max(int((self._deadline - time.monotonic()) * 1000), 0)


def main(file: str, handler: str, channel: int, life: int) -> None:
    """Serve the invocations that arrive on `channel`, and kill the process group when `life` ends.

    The process must lead a group of its own.

    :param file: the absolute path of the function's source file.
    :param handler: the name of the function in that file.
    :param channel: the file descriptor of a stream socket, owned by the worker from here on.
    :param life: the file descriptor of a pipe that the gateway holds open.
    """
    os.environ["AWS_EXECUTION_ENV"] = f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}"
    worker = _Worker(file, channel, life)
    try:
        function = worker.load(handler)
    except _Fault as fault:
        worker.send(FAULT, fault.body)
        return
    worker.send_files()
    worker.send(READY, b"")
    while True:
        kind, body = worker.call(function)
        worker.send_files()
        worker.send(kind, body)


class _Fault(Exception):
    def __init__(self, error_type: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.body = _error_body(error_type, message, line)


class _Worker:
    def __init__(self, file: str, channel: int, life: int) -> None:
        self._file = file
        self._folder = os.path.join(os.path.dirname(file), "")
        self._module = os.path.basename(file).removesuffix(".py")
        self._channel = channel
        self._pid = os.getpid()
        # The function may change its environment.
        self._environment = dict(os.environ)
        self._modules_seen = 0
        self._files_sent: set[str] = set()
        # No child of the function may hold the channel: the pool learns of this worker's death by its end.
        os.set_inheritable(channel, False)
        os.set_inheritable(life, False)
        os.register_at_fork(after_in_child=lambda: os.close(channel))
        # In a thread of its own, so that the end of the gateway ends a function that loops.
        _thread.start_new_thread(self._outlive, (life,))

    def load(self, handler: str) -> Callable[..., object]:
        sys.path.insert(0, os.path.dirname(self._file))
        loader = importlib.machinery.SourceFileLoader(self._module, self._file)
        spec = importlib.util.spec_from_file_location(self._module, self._file, loader=loader)
        assert spec is not None  # noqa: S101 - a loader is given
        module = sys.modules[self._module] = importlib.util.module_from_spec(spec)
        try:
            loader.exec_module(module)
        except Exception as error:
            _print_traceback(error)
            raise self._import_fault(error) from None
        try:
            function: Callable[..., object] = getattr(module, handler)
        except AttributeError:
            message = f"Handler '{handler}' missing on module '{self._module}'"
            raise _Fault("Runtime.HandlerNotFound", message) from None
        return function

    def call(self, function: Callable[..., object]) -> tuple[bytes, bytes]:
        _, length = HEADER.unpack(self._read(HEADER.size))
        request: dict[str, Any] = json.loads(self._read(length))
        event = request.pop("event")
        context = Context(self._environment, **request)
        try:
            returned = function(event, context)
        except Exception as error:
            _print_traceback(error)
            line = self._line(error.__traceback__)
            return RAISED, _error_body(type(error).__name__, _text(error), line)
        try:
            return ANSWER, _marshal(returned)
        except _Fault as fault:
            return FAULT, fault.body

    def send_files(self) -> None:
        if len(sys.modules) == self._modules_seen:
            return
        self._modules_seen = len(sys.modules)
        loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        new = {file for file in loaded if self._is_source(file)} - self._files_sent
        if new:
            self._files_sent.update(new)
            self.send(FILES, json.dumps(sorted(new)).encode())

    def send(self, kind: bytes, body: bytes) -> None:
        if os.getpid() != self._pid:
            # The function forked and this is the copy that came back: only the first process answers.
            os._exit(0)
        frame = memoryview(HEADER.pack(kind, len(body)) + body)
        try:
            while frame:
                frame = frame[os.write(self._channel, frame) :]
        except OSError:
            self._end()

    def _outlive(self, life: int) -> None:
        try:
            os.read(life, 1)
        finally:
            self._end()

    def _end(self) -> NoReturn:
        # The gateway is gone, and with it whatever would have stopped the function or its children.
        os.killpg(self._pid, signal.SIGKILL)
        raise SystemExit

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                chunk = os.read(self._channel, size - len(data))
            except OSError:
                chunk = b""
            if not chunk:
                # Not only the life line's thread does this: it would come too late if this thread ended the process.
                self._end()
            data += chunk
        return bytes(data)

    def _is_source(self, file: object) -> TypeGuard[str]:
        if not isinstance(file, str) or not file.startswith(self._folder):
            return False
        return not any(part in _NOT_SOURCES for part in file[len(self._folder) :].split("/"))

    def _import_fault(self, error: Exception) -> _Fault:
        line = self._line(error.__traceback__)
        if isinstance(error, SyntaxError):
            line = error.lineno if error.filename == self._file else line
            message = f"Syntax error in module '{self._module}': {_text(error)}"
            return _Fault("Runtime.UserCodeSyntaxError", message, line)
        if isinstance(error, ImportError):
            message = f"Unable to import module '{self._module}': {_text(error)}"
            return _Fault("Runtime.ImportModuleError", message, line)
        return _Fault(type(error).__name__, _text(error), line)

    def _line(self, trace: TracebackType | None) -> int | None:
        lines = [line for frame, line in traceback.walk_tb(trace) if frame.f_code.co_filename == self._file]
        return lines[-1] if lines else None


def _marshal(returned: object) -> bytes:
    try:
        # Lambda's runtime refuses NaN and Infinity too: no reader of its answer would take them for JSON.
        payload = json.dumps(returned, allow_nan=False, default=_decimal).encode()
    except Exception as error:
        message = f"Unable to marshal response: {_text(error)}"
        raise _Fault("Runtime.MarshalError", message) from None
    if len(payload) > MAX_PAYLOAD:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."
        raise _Fault("Function.ResponseSizeTooLarge", message)
    return payload


def _decimal(value: object) -> float:
    # Lambda's runtime writes Decimal as a number, which functions that read DynamoDB rely upon.
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _error_body(error_type: str, message: str, line: int | None) -> bytes:
    return json.dumps({"type": error_type, "message": message[:_MAX_MESSAGE], "line": line}).encode()


def _text(error: Exception) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def _print_traceback(error: Exception) -> None:
    # The function may have closed or replaced its standard error.
    with suppress(Exception):
        traceback.print_exception(error)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
