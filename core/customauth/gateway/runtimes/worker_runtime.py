"""Run a Python or Node.js authorizer function in processes of its own, with the limits and errors of Lambda."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Mapping
from time import monotonic

from attrs import evolve

from customauth.gateway.runtimes import python_worker as protocol
from customauth.gateway.runtimes.contract import (
    FunctionCrashed,
    FunctionFailed,
    FunctionSpec,
    Invocation,
)
from customauth.gateway.runtimes.failures import closing, failed, plain_type, throttled, timed_out
from customauth.gateway.runtimes.functions import NodeFunction, PythonFunction
from customauth.gateway.runtimes.pool import PoolClosed, WorkerPool
from customauth.gateway.runtimes.process import Worker, stamp_of
from customauth.gateway.runtimes.programs import worker_program

_EXIT_GRACE = 0.5


class WorkerRuntime:
    """Invoke one Python or Node.js function in worker processes that are started on demand and used again.

    As in Lambda a worker loads the function once and runs one invocation at a time. A worker whose function
    exceeds its limit, ends its process or is cancelled is killed with every process in its group, and the
    next invocation starts another; so it is when a file that the function was loaded from has changed.
    Files below `node_modules` and `site-packages` are not looked at.

    `keep` workers stay when idle, up to `max_workers` run while requests wait, and a request that found no
    free one within `patience` seconds fails. Use a runtime in one event loop, and end it with :meth:`aclose`.

    :raises ValueError: the function is neither Python nor Node.js, or a number of workers is less than 1.
    """

    def __init__(self, spec: FunctionSpec, *, max_workers: int = 64, keep: int = 4, patience: float = 5.0) -> None:
        if not isinstance(spec.function, PythonFunction | NodeFunction):
            raise ValueError(f"{spec.function} is neither a Python nor a Node.js function")
        if max_workers < 1 or keep < 1:
            raise ValueError(f"max_workers is {max_workers} and keep is {keep}; a runtime needs at least 1 worker")
        self._spec = spec
        self._function = evolve(spec.function, file=spec.function.file.absolute())
        self._pool = WorkerPool(self._start, max_workers=max_workers, keep=min(keep, max_workers))
        self._patience = patience

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        """Run the function on `event`, which it receives as Lambda would hand it over: through JSON.

        Waits while all workers are busy; the limits count from the start of execution.

        :raises FunctionThrottled: all workers were busy for too long.
        :raises FunctionTimedOut: the function or its loading exceeded its limit.
        :raises FunctionCrashed: the function ended its process.
        :raises FunctionFailed: the function raised, could not be loaded, returned something that is no
            JSON or more than 6 MB, or the runtime is closed.
        """
        request = self._encode(event)
        try:
            worker = await self._pool.lend(self._patience)
        except PoolClosed:
            raise closing(self._function) from None
        except TimeoutError:
            text = f"was not run: all its workers were busy for {self._patience:g} s; make the function faster"
            raise throttled(self._function, text) from None
        try:
            if worker.loaded:
                # What was printed since the last answer belongs to no invocation.
                worker.read_output()
            else:
                await self._exchange(worker, b"", self._spec.init_timeout)
                worker.loaded = True
            started = monotonic()
            answer = await self._exchange(worker, request, self._spec.timeout)
            duration = monotonic() - started
            return Invocation(payload=answer.decode(), duration=duration, output=worker.read_output())
        finally:
            await self._pool.give_back(worker)

    async def aclose(self) -> None:
        """Kill and reap all workers; invocations under way and later ones fail with `FunctionFailed`."""
        await self._pool.aclose()

    def _start(self) -> Worker:
        file = self._function.file
        try:
            # Before the process reads it: a change in between must not be missed.
            stamps = {str(file): stamp_of(file)}
            file.stat()
        except OSError as error:
            text = f"was not run: the file cannot be read ({error.strerror})"
            raise failed(self._function, text, "Runtime.ImportModuleError") from error
        try:
            return Worker(worker_program(self._spec, self._function), stamps)
        except FileNotFoundError as error:
            if isinstance(self._function, PythonFunction):
                raise self._not_started(error) from error
            text = "was not run: there is no Node.js on the PATH; install Node.js 18 or later"
            raise failed(self._function, text, "Runtime.StartError") from error
        except OSError as error:
            raise self._not_started(error) from error

    def _encode(self, event: Mapping[str, object]) -> bytes:
        request = {
            "event": event,
            "request_id": str(uuid.uuid4()),
            "arn": self._spec.function_arn,
            "timeout": self._spec.timeout,
        }
        body = json.dumps(request).encode()
        return protocol.HEADER.pack(protocol.INVOKE, len(body)) + body

    async def _exchange(self, worker: Worker, request: bytes, limit: float) -> bytes:
        try:
            kind, body = await worker.exchange(request, limit)
        except TimeoutError:
            doing = "answer" if worker.loaded else "finish loading"
            text = f"did not {doing} within {limit:g} s and was stopped"
            raise timed_out(self._function, text, limit, worker.read_output()) from None
        except (EOFError, OSError):
            raise await self._crashed(worker) from None
        if kind in (protocol.READY, protocol.ANSWER):
            return body
        error = json.loads(body)
        error_type, message, line = error["type"], error["message"], error["line"]
        at = "" if line is None else f" at {self._function.file}:{line}"
        if kind == protocol.FAULT:
            text = f"failed{at}: {error_type}: {' '.join(message.split())}"
        else:
            text = f"raised {plain_type(error_type)}{at}"
        raise failed(self._function, text, error_type, message=message, output=worker.read_output())

    def _not_started(self, error: OSError) -> FunctionFailed:
        text = f"was not run: its process did not start ({error.strerror})"
        return failed(self._function, text, "Runtime.StartError")

    async def _crashed(self, worker: Worker) -> FunctionFailed:
        if self._pool.closed:
            return closing(self._function, "was stopped")
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
