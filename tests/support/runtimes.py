"""Authorizer functions in files, and runtimes that run them. Import as ``runtimes``."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

import aloop
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.contract import FunctionFailed, FunctionSpec, Invocation, Runtime
from customauth.gateway.runtimes.functions import parse_function
from customauth.gateway.runtimes.worker_runtime import WorkerRuntime

T = TypeVar("T")

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:authorizer"
SECRET = "hunter2"
EVENT: dict[str, object] = {"protocolData": {"mqtt": {"password": SECRET}}}

# A Python function that holds this lock shows from outside whether any process of it is left.
HOLD_LOCK = """
import fcntl
def hold():
    global lock
    lock = open("lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    open("held", "w").close()
"""


def spec_of(text: str, base: Path = Path()) -> FunctionSpec:
    """Return the spec of a function as a configuration names it."""
    return FunctionSpec(function=parse_function(text, base=base), function_arn=ARN)


def write(folder: Path, source: str, name: str = "auth.py") -> FunctionSpec:
    """Write a source that defines `handler`, and return its spec."""
    (folder / name).write_text(textwrap.dedent(source))
    return spec_of(f"{name}:handler", folder)


def folder_of(spec: FunctionSpec) -> Path:
    """Return the folder of a function in a file."""
    return file_of(spec).parent


def file_of(spec: FunctionSpec) -> Path:
    """Return the file of a function in one."""
    file = getattr(spec.function, "file", None)
    assert isinstance(file, Path)
    return file


@contextlib.asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[Runtime]:
    try:
        yield runtime
    finally:
        await runtime.aclose()


def run(spec: FunctionSpec, use: Callable[[Runtime], Awaitable[T]]) -> T:
    """Use the bundled runtime of a function, and end it."""

    async def main() -> T:
        async with asyncio.timeout(60), running(bundled_runtime(spec)) as runtime:
            return await use(runtime)

    return aloop.run(main())


def run_workers(
    spec: FunctionSpec,
    use: Callable[[WorkerRuntime], Awaitable[T]],
    *,
    max_workers: int = 64,
    keep: int = 4,
    patience: float = 60.0,
) -> T:
    """Use a runtime with so many workers, and end it."""

    async def main() -> T:
        runtime = WorkerRuntime(spec, max_workers=max_workers, keep=keep, patience=patience)
        async with asyncio.timeout(60), running(runtime):
            return await use(runtime)

    return aloop.run(main())


def invoke(spec: FunctionSpec, event: dict[str, object] = EVENT) -> Invocation:
    return run(spec, lambda runtime: runtime.invoke(event))


def answer(spec: FunctionSpec, event: dict[str, object] = EVENT) -> object:
    return json.loads(invoke(spec, event).payload)


async def answers(runtime: Runtime, *events: dict[str, object]) -> list[object]:
    return [json.loads((await runtime.invoke(event)).payload) for event in events]


def failure(spec: FunctionSpec, event: dict[str, object] = EVENT) -> FunctionFailed:
    with pytest.raises(FunctionFailed) as caught:
        invoke(spec, event)
    return caught.value


async def failure_of(invocation: Awaitable[Invocation]) -> FunctionFailed:
    with pytest.raises(FunctionFailed) as caught:
        await invocation
    return caught.value


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - another process makes it true
        await asyncio.sleep(0.01)


def lock_is_free(folder: Path) -> bool:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
