"""Worker processes: how many there are, when they are used again, and that none is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

import customauth
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.contract import (
    FunctionCrashed,
    FunctionFailed,
    FunctionSpec,
    FunctionThrottled,
    Runtime,
)
from customauth.gateway.runtimes.worker_runtime import WorkerRuntime
from runtimes import (
    ARN,
    HOLD_LOCK,
    answer,
    answers,
    failure_of,
    file_of,
    folder_of,
    is_gone,
    lock_is_free,
    run,
    run_workers,
    until,
    write,
)

Function = Callable[[str], FunctionSpec]


@pytest.fixture
def function(tmp_path: Path) -> Function:
    """Write a source that defines `handler(event, context)`, and give its spec."""
    return lambda source: write(tmp_path, source)


def test_a_worker_is_used_again_with_its_module_loaded(function: Function) -> None:
    spec = function("""
        count = 0
        def handler(event, context):
            global count
            count += 1
            return count
    """)
    assert run(spec, lambda runtime: answers(runtime, {}, {}, {})) == [1, 2, 3]


@pytest.mark.parametrize("imported", ["while loading", "while running"])
def test_a_changed_module_of_the_function_s_folder_is_loaded_anew(function: Function, imported: str) -> None:
    early = "import package.helper as helper" if imported == "while loading" else ""
    late = "import package.helper as helper" if imported == "while running" else ""
    spec = function(f"""
{early}
def handler(event, context):
    {late or "pass"}
    return helper.VALUE
""")
    helper = folder_of(spec) / "package" / "helper.py"
    helper.parent.mkdir()
    helper.write_text("VALUE = 1")

    async def use(runtime: Runtime) -> list[object]:
        before = await answers(runtime, {}, {})
        helper.write_text("VALUE = 22")
        return before + await answers(runtime, {})

    assert run(spec, use) == [1, 1, 22]


def test_an_installed_package_in_the_function_s_folder_is_not_watched(function: Function) -> None:
    spec = function("""
        import sys
        sys.path.append("site-packages")
        import installed
        count = 0
        def handler(event, context):
            global count
            count += 1
            return count
    """)
    installed = folder_of(spec) / "site-packages" / "installed.py"
    installed.parent.mkdir()
    installed.write_text("")

    async def use(runtime: Runtime) -> list[object]:
        before = await answers(runtime, {})
        installed.write_text("VALUE = 1")
        return before + await answers(runtime, {})

    assert run(spec, use) == [1, 2]


def test_a_changed_file_is_loaded_anew(function: Function) -> None:
    spec = function("def handler(event, context): return 1")

    async def use(runtime: Runtime) -> list[object]:
        before = await answers(runtime, {})
        function("def handler(event, context): return 2")
        return before + await answers(runtime, {})

    assert run(spec, use) == [1, 2]
    assert not (folder_of(spec) / "__pycache__").exists()


def test_a_worker_that_ended_while_idle_is_replaced(function: Function) -> None:
    spec = function("""
        import os
        def handler(event, context): return os.getpid()
    """)

    async def use(runtime: Runtime) -> None:
        (first,) = await answers(runtime, {})
        assert isinstance(first, int)
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it ends at once
        (second,) = await answers(runtime, {})
        assert second != first

    run(spec, use)


def test_at_most_max_workers_run_and_they_run_at_once(function: Function) -> None:
    spec = function("""
        import os, pathlib, time
        def handler(event, context):
            pathlib.Path(str(os.getpid())).touch()
            while len([name for name in os.listdir() if name.isdigit()]) < 2: time.sleep(0.01)
            return os.getpid()
    """)

    async def use(runtime: Runtime) -> set[object]:
        return {pid for (pid,) in await asyncio.gather(*(answers(runtime, {}) for _ in range(10)))}

    assert len(run_workers(evolve(spec, timeout=50), use, max_workers=2)) == 2


def test_a_slow_function_gets_more_workers_while_requests_wait(function: Function) -> None:
    spec = function("""
        import os, pathlib, time
        def handler(event, context):
            pathlib.Path(str(os.getpid())).touch()
            while len([name for name in os.listdir() if name.isdigit()]) < 10: time.sleep(0.01)
            return os.getpid()
    """)

    async def use(runtime: WorkerRuntime) -> set[object]:
        # None of these ends before 10 run at once.
        return {pid for (pid,) in await asyncio.gather(*(answers(runtime, {}) for _ in range(10)))}

    assert len(run_workers(evolve(spec, timeout=50), use, max_workers=10)) == 10


def test_a_burst_of_fast_requests_starts_few_processes(function: Function) -> None:
    spec = function("""
        import os, pathlib, time
        pathlib.Path(f"{os.getpid()}.started").touch()
        while os.path.exists("slow"): time.sleep(0.01)
        def handler(event, context):
            while len(list(pathlib.Path().glob("*.started"))) < 4: time.sleep(0.01)
    """)
    slow = folder_of(spec) / "slow"

    async def use(runtime: WorkerRuntime) -> None:
        await asyncio.gather(*(answers(runtime, {}) for _ in range(4)))
        # From now on it takes as long to load as the others need for the burst, however fast this machine is.
        slow.touch()
        burst = [asyncio.create_task(answers(runtime, {})) for _ in range(500)]
        await until(lambda: sum(request.done() for request in burst) >= 496)
        slow.unlink()
        await asyncio.gather(*burst)

    run_workers(evolve(spec, init_timeout=50), use)
    # The four that were there, and for each of them one that is on its way.
    assert len(list(folder_of(spec).glob("*.started"))) <= 8


def test_at_most_4_idle_workers_are_kept(function: Function) -> None:
    spec = function("""
        import os, pathlib, time
        def handler(event, context):
            pathlib.Path(str(os.getpid())).touch()
            while len([name for name in os.listdir() if name.isdigit()]) < 8: time.sleep(0.01)
            return os.getpid()
    """)

    async def use(runtime: WorkerRuntime) -> None:
        pids = [pid for (pid,) in await asyncio.gather(*(answers(runtime, {}) for _ in range(8)))]
        await until(lambda: sum(is_gone(int(str(pid))) for pid in pids) == 4)
        assert {pid for (pid,) in await asyncio.gather(*(answers(runtime, {}) for _ in range(4)))} <= set(pids)

    run_workers(evolve(spec, timeout=50), use, max_workers=8)


def test_a_request_that_finds_no_free_worker_is_throttled(function: Function) -> None:
    spec = function("""
        import os, time
        def handler(event, context):
            open("busy", "w").close()
            while not os.path.exists("go"): time.sleep(0.01)
            return 1
    """)

    async def use(runtime: WorkerRuntime) -> None:
        first = asyncio.create_task(answers(runtime, {}))
        await until((folder_of(spec) / "busy").exists)
        failed = await failure_of(runtime.invoke({}))
        assert isinstance(failed, FunctionThrottled)
        assert failed.error_type == "TooManyRequestsException"
        assert "all its workers were busy for 0.2 s" in str(failed)
        (folder_of(spec) / "go").touch()
        assert await first == [1]
        assert await answers(runtime, {}) == [1]

    run_workers(evolve(spec, timeout=50), use, max_workers=1, patience=0.2)


def test_the_requests_that_wait_are_served_after_a_crash_of_all_workers(function: Function) -> None:
    spec = function("""
        import os
        def handler(event, context):
            if event["crash"]: os._exit(1)
            return 1
    """)

    async def use(runtime: WorkerRuntime) -> None:
        crashes = [asyncio.create_task(failure_of(runtime.invoke({"crash": True}))) for _ in range(3)]
        assert await answers(runtime, {"crash": False}) == [1]
        assert all(isinstance(failed, FunctionCrashed) for failed in await asyncio.gather(*crashes))

    run_workers(spec, use, max_workers=1)


def test_the_requests_that_wait_learn_that_no_worker_can_be_started(function: Function) -> None:
    spec = function("import os; os._exit(1)")

    async def use(runtime: WorkerRuntime) -> None:
        waiting = [asyncio.create_task(failure_of(runtime.invoke({}))) for _ in range(3)]
        await asyncio.sleep(0)
        file_of(spec).unlink()
        failures = await asyncio.gather(*waiting)
        assert ["cannot be read" in str(failed) for failed in failures] == [False, True, True]

    run_workers(spec, use, max_workers=1)


def test_a_request_that_is_cancelled_while_it_waits_leaves_the_worker_to_the_next(function: Function) -> None:
    spec = function("""
        import os, time
        def handler(event, context):
            open("busy", "w").close()
            while not os.path.exists("go"): time.sleep(0.01)
            return os.getpid()
    """)

    async def use(runtime: WorkerRuntime) -> None:
        first, second, third = (asyncio.create_task(answers(runtime, {})) for _ in range(3))
        await until((folder_of(spec) / "busy").exists)
        second.cancel()
        (folder_of(spec) / "go").touch()
        assert await third == await first
        assert second.cancelled()

    run_workers(evolve(spec, timeout=50), use, max_workers=1)


def test_a_worker_that_comes_in_the_moment_of_a_cancellation_is_not_lost(function: Function) -> None:
    spec = function("def handler(event, context): return 1")

    async def use(runtime: WorkerRuntime) -> None:
        assert await answers(runtime, {}) == [1]
        pool = runtime._pool
        worker = await pool.lend(60)
        waiting = asyncio.create_task(pool.lend(60))
        await asyncio.sleep(0)
        await pool.give_back(worker)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await pool.lend(0) is worker
        await pool.give_back(worker)

    run_workers(spec, use, max_workers=1)


def test_a_cancelled_invocation_kills_its_worker(function: Function) -> None:
    spec = function("""
        import os, pathlib
        def handler(event, context):
            pathlib.Path("partial").write_text(str(os.getpid()))
            os.rename("partial", "pid")
            while True: pass
    """)
    pid_file = folder_of(spec) / "pid"

    async def use(runtime: Runtime) -> None:
        invocation = asyncio.create_task(runtime.invoke({}))
        await until(pid_file.exists)
        invocation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await invocation
        assert is_gone(int(pid_file.read_text()))
        function("def handler(event, context): return 1")
        assert await answers(runtime, {}) == [1]

    run_workers(spec, use, max_workers=1)


def test_closing_fails_the_invocations_under_way_and_those_that_wait(function: Function) -> None:
    spec = function("""
        import os, pathlib
        def handler(event, context):
            pathlib.Path("partial").write_text(str(os.getpid()))
            os.rename("partial", "pid")
            while True: pass
    """)
    pid_file = folder_of(spec) / "pid"

    async def use(runtime: Runtime) -> None:
        running, waiting = (asyncio.create_task(runtime.invoke({})) for _ in range(2))
        await until(pid_file.exists)
        await asyncio.gather(runtime.aclose(), runtime.aclose())
        assert is_gone(int(pid_file.read_text()))
        assert "was stopped: the gateway is closing" in str(await failure_of(running))
        assert "was not run: the gateway is closing" in str(await failure_of(waiting))
        assert "was not run: the gateway is closing" in str(await failure_of(runtime.invoke({})))

    run_workers(spec, use, max_workers=1)


def test_closing_ends_a_worker_whose_answer_has_just_arrived(function: Function) -> None:
    spec = function("def handler(event, context): return 1")

    async def use(runtime: Runtime) -> None:
        await runtime.invoke({})
        invocation = asyncio.create_task(runtime.invoke({}))
        await asyncio.sleep(0)
        # The answer is written while the loop stands still, so it is read after the runtime has been closed.
        time.sleep(0.3)  # noqa: ASYNC251
        await runtime.aclose()
        with contextlib.suppress(FunctionFailed):
            await invocation

    run(spec, use)


def test_nothing_is_left_after_closing(function: Function) -> None:
    spec = function("""
        import os
        with open("pids", "a") as pids: print(os.getpid(), file=pids)
        def handler(event, context):
            if event["n"] % 5 == 0: os._exit(1)
            if event["n"] % 7 == 0: raise ValueError
            return os.getpid()
    """)

    async def main() -> None:
        runtime = bundled_runtime(spec)
        for n in range(50):
            with contextlib.suppress(FunctionFailed):
                await asyncio.gather(*(runtime.invoke({"n": n}) for _ in range(2)))
        await runtime.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    before = os.listdir("/dev/fd")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    assert set(os.listdir("/dev/fd")) <= set(before)
    workers = [int(pid) for pid in (folder_of(spec) / "pids").read_text().split()]
    assert len(workers) > 2
    for pid in workers:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


@pytest.mark.parametrize(
    "act",
    ["hold(); loop()", "hold()", "if os.fork() == 0: hold(); loop()"],
    ids=["while it runs", "while it is idle", "and what it has forked too"],
)
def test_a_worker_ends_with_its_gateway(function: Function, act: str) -> None:
    spec = function(
        HOLD_LOCK
        + f"""
import os
def loop():
    while True: pass
def handler(event, context):
    {act}
"""
    )
    gateway = f"""
import asyncio, os, pathlib
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.contract import FunctionSpec
from customauth.gateway.runtimes.functions import parse_function
async def main():
    text = {f"{file_of(spec).name}:handler"!r}
    function = parse_function(text, base=pathlib.Path({str(folder_of(spec))!r}))
    spec = FunctionSpec(function=function, function_arn={ARN!r})
    invocation = asyncio.create_task(bundled_runtime(spec).invoke({{}}))
    while not os.path.exists({str(folder_of(spec) / "held")!r}): await asyncio.sleep(0.01)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(customauth.__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", gateway], env=environment, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL

    async def wait() -> None:
        async with asyncio.timeout(60):
            await until(lambda: lock_is_free(folder_of(spec)))

    asyncio.run(wait())


def test_the_worker_imports_nothing_that_is_slow_to_import(function: Function) -> None:
    spec = function("""
        import sys
        def handler(event, context): return sorted({name.partition(".")[0] for name in sys.modules})
    """)
    loaded = answer(spec)
    assert isinstance(loaded, list)
    assert not {"customauth", "attr", "attrs", "cryptography", "asyncio"} & set(loaded)
