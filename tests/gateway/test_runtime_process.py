"""What a function does to its process harms no other, and nothing of it is left."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from aloop import put_forward
from customauth.gateway.runtimes.contract import (
    FunctionCrashed,
    FunctionSpec,
    FunctionTimedOut,
    Invocation,
    Runtime,
)
from runtimes import (
    HOLD_LOCK,
    SECRET,
    answer,
    answers,
    failure,
    failure_of,
    folder_of,
    invoke,
    lock_is_free,
    run,
    until,
    write,
)

Function = Callable[[str], FunctionSpec]


@pytest.fixture
def function(tmp_path: Path) -> Function:
    """Write a source that defines `handler(event, context)`, and give its spec."""
    return lambda source: write(tmp_path, source)


def test_megabytes_of_output_are_read_and_only_the_end_is_kept(function: Function) -> None:
    spec = function("""
        import sys
        def handler(event, context):
            for _ in range(5000): print("x" * 1000)
            print("the end", file=sys.stderr)
            return 1
    """)
    invocation = invoke(spec)
    assert invocation.payload == "1"
    assert len(invocation.output) == 4096
    assert invocation.output.endswith("x\nthe end\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can hold a process to so much memory; run it there")
def test_an_allocation_beyond_the_memory_size_fails_and_harms_nobody(function: Function) -> None:
    spec = function("def handler(event, context): return len(bytearray(event['size']))")

    async def use(runtime: Runtime) -> None:
        failed = await failure_of(runtime.invoke({"size": 2**31}))
        assert failed.error_type == "MemoryError"
        assert await answers(runtime, {"size": 2**20}) == [2**20]

    run(spec, use)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can hold a process to so much memory; run it there")
def test_the_memory_size_is_the_limit(function: Function) -> None:
    spec = function("def handler(event, context): return len(bytearray(event['size']))")
    event: dict[str, object] = {"size": 300 * 2**20}
    assert answer(spec, event) == 300 * 2**20
    assert failure(evolve(spec, memory_size=256), event).error_type == "MemoryError"


def test_output_belongs_to_its_invocation_and_is_not_in_the_repr(function: Function) -> None:
    spec = function("""
        print("loading")
        def handler(event, context):
            print(event)
            return event
    """)

    async def use(runtime: Runtime) -> None:
        invocation = await runtime.invoke({"password": SECRET})
        assert invocation.output == f"loading\n{{'password': '{SECRET}'}}\n"
        assert SECRET not in repr(invocation)
        assert (await runtime.invoke({})).output == "{}\n"

    run(spec, use)


@pytest.mark.parametrize("end", ["os._exit(1)", "while True: pass"])
def test_the_output_of_a_function_that_was_ended_is_kept(function: Function, end: str) -> None:
    spec = function(f"""
import os
def handler(event, context):
    print("so far")
    open("printed", "w").close()
    {end}
""")

    async def use(runtime: Runtime) -> None:
        invocation = asyncio.create_task(failure_of(runtime.invoke({})))
        await until((folder_of(spec) / "printed").exists)
        put_forward(spec.timeout)
        assert (await invocation).output == "so far\n"

    run(spec, use)


@pytest.mark.parametrize(
    "close", ["sys.stdin.close()", "os.close(0)", "os.close(1); os.close(2)", "sys.stdout.close()"]
)
def test_a_function_may_close_its_standard_streams(function: Function, close: str) -> None:
    spec = function(f"""
import os, sys
def handler(event, context):
    if event["close"]: {close}
    return 1
""")
    assert run(spec, lambda runtime: answers(runtime, {"close": True}, {"close": False})) == [1, 1]


def test_standard_input_is_empty(function: Function) -> None:
    spec = function("""
        import os, sys
        def handler(event, context):
            return [sys.stdin.read(), os.path.samestat(os.fstat(0), os.stat(os.devnull))]
    """)
    assert answer(spec) == ["", True]


@pytest.mark.parametrize("where", ["loading", "running"])
def test_a_forked_copy_of_the_function_does_not_answer(function: Function, where: str) -> None:
    spec = function(f"""
import os
if {where == "loading"}: os.fork()
def handler(event, context):
    pid = os.fork() if {where == "running"} else 1
    if pid and {where == "running"}: os.waitpid(pid, 0)
    return [event["n"], pid > 0]
""")

    async def use(runtime: Runtime) -> None:
        for n in range(3):
            invocation = await runtime.invoke({"n": n})
            assert json.loads(invocation.payload) == [n, True]
            assert invocation.output == ""

    run(spec, use)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [("return 1", Invocation), ("os._exit(1)", FunctionCrashed), ("while True: pass", FunctionTimedOut)],
)
def test_a_process_that_the_function_left_behind_ends_with_its_worker(
    function: Function, end: str, outcome: type
) -> None:
    spec = function(
        HOLD_LOCK
        + f"""
import os, time
def handler(event, context):
    if os.fork() == 0:
        hold()
        while True:
            try: print("still here")
            except OSError: time.sleep(0.01)
    while not os.path.exists("held"): time.sleep(0.01)
    {end}
"""
    )

    async def use(runtime: Runtime) -> None:
        invocation = asyncio.create_task(runtime.invoke({}))
        if outcome is FunctionTimedOut:
            await until((folder_of(spec) / "held").exists)
            put_forward(spec.timeout)
        (result,) = await asyncio.gather(invocation, return_exceptions=True)
        assert type(result) is outcome
        await runtime.aclose()
        await until(lambda: lock_is_free(folder_of(spec)))

    run(spec, use)
