"""The Python runtime, with real worker processes throughout."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import customauth
from customauth.gateway.runtime import (
    FunctionCrashed,
    FunctionFailed,
    FunctionSpec,
    FunctionTimedOut,
    Invocation,
    PythonRuntime,
    parse_function,
)

T = TypeVar("T")

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:authorizer"
SECRET = "hunter2"
EVENT: dict[str, object] = {"protocolData": {"mqtt": {"password": SECRET}}}
# A function that holds this lock shows from outside whether any process of it is left.
HOLD_LOCK = """
import fcntl
def hold():
    global lock
    lock = open("lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    open("held", "w").close()
"""

Function = Callable[[str], FunctionSpec]


@pytest.fixture
def function(tmp_path: Path) -> Function:
    """Write a source that defines `handler(event, context)`, and give its spec."""

    def write(source: str) -> FunctionSpec:
        file = tmp_path / "auth.py"
        file.write_text(textwrap.dedent(source))
        return FunctionSpec(file=file, handler="handler", function_arn=ARN)

    return write


@contextlib.asynccontextmanager
async def running(spec: FunctionSpec, max_workers: int = 4) -> AsyncIterator[PythonRuntime]:
    runtime = PythonRuntime(spec, max_workers=max_workers)
    try:
        yield runtime
    finally:
        await runtime.aclose()


def run(spec: FunctionSpec, use: Callable[[PythonRuntime], Awaitable[T]], max_workers: int = 4) -> T:
    async def main() -> T:
        async with asyncio.timeout(60), running(spec, max_workers) as runtime:
            return await use(runtime)

    return asyncio.run(main())


def invoke(spec: FunctionSpec, event: dict[str, object] = EVENT) -> Invocation:
    return run(spec, lambda runtime: runtime.invoke(event))


def answer(spec: FunctionSpec, event: dict[str, object] = EVENT) -> object:
    return json.loads(invoke(spec, event).payload)


async def answers(runtime: PythonRuntime, *events: dict[str, object]) -> list[object]:
    return [json.loads((await runtime.invoke(event)).payload) for event in events]


def failure(spec: FunctionSpec) -> FunctionFailed:
    with pytest.raises(FunctionFailed) as caught:
        invoke(spec)
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


# Naming a function


@given(
    path=st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}", fullmatch=True),
    handler=st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True),
)
def test_a_function_is_named_by_file_and_handler(path: str, handler: str) -> None:
    assert parse_function(f"{path}.py:{handler}", base=Path("/base")) == (Path(f"/base/{path}.py"), handler)


@pytest.mark.parametrize("text", ["", "auth.py", "auth.py:", ":handler", "auth:handler", "auth.py:a.b"])
def test_another_form_is_refused_with_the_form_wanted(text: str) -> None:
    with pytest.raises(ValueError, match=r"write FILE\.py:HANDLER"):
        parse_function(text, base=Path())


@pytest.mark.parametrize("arn", ["", "authorizer", "arn:aws:iot:eu-west-1:123456789012:authorizer/x"])
def test_what_is_no_lambda_arn_is_refused_with_the_form_wanted(arn: str) -> None:
    with pytest.raises(ValueError, match="arn:aws:lambda:REGION"):
        FunctionSpec(file=Path("auth.py"), handler="handler", function_arn=arn)


def test_a_runtime_without_workers_is_refused(function: Function) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        PythonRuntime(function(""), max_workers=0)


# What the function receives and returns


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=20, deadline=None)
@given(events=st.lists(st.dictionaries(st.text(), json_values, max_size=3), min_size=1, max_size=20))
def test_any_event_reaches_the_function_and_its_answer_returns_unchanged(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, object]]
) -> None:
    file = tmp_path_factory.mktemp("echo") / "auth.py"
    file.write_text("def handler(event, context): return event")
    spec = FunctionSpec(file=file, handler="handler", function_arn=ARN)
    assert run(spec, lambda runtime: answers(runtime, *events)) == events


def test_an_event_larger_than_any_buffer_reaches_the_function(function: Function) -> None:
    event: dict[str, object] = {"password": "ü" * 1_000_000}
    assert answer(function("def handler(event, context): return event"), event) == event


def test_the_context_is_that_of_lambda(function: Function) -> None:
    spec = function("""
        import uuid
        def handler(event, context):
            uuid.UUID(context.aws_request_id)
            return [
                context.invoked_function_arn,
                context.function_name,
                context.memory_limit_in_mb,
                0 < context.get_remaining_time_in_millis() <= 5000,
            ]
    """)
    assert answer(spec) == [ARN, "authorizer", "128", True]


def test_the_folder_of_the_function_is_where_it_runs_and_imports_from(function: Function) -> None:
    spec = function("""
        import os, sys, helper
        def handler(event, context): return [helper.VALUE, os.getcwd(), sys.path]
    """)
    (spec.file.parent / "helper.py").write_text("VALUE = 7")
    folder = str(spec.file.parent)
    loaded = answer(spec)
    assert isinstance(loaded, list)
    value, cwd, path = loaded
    assert (value, cwd, path[0]) == (7, os.path.realpath(folder), folder)
    # A module of the gateway would be taken for one of the library's that has its name.
    assert str(Path(customauth.__file__).parent / "gateway") not in path


def test_a_relative_file_is_found(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = function("def handler(event, context): return 1")
    monkeypatch.chdir(spec.file.parent)
    assert answer(evolve(spec, file=Path("auth.py"))) == 1


def test_the_environment_holds_nothing_of_the_gateway(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = function("""
        import os
        def handler(event, context): return dict(os.environ)
    """)
    for name in ("CUSTOMAUTH_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("HOME", "/home/device")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = answer(evolve(spec, environment={"TABLE": "devices", "AWS_REGION": "elsewhere"}))
    assert isinstance(environment, dict)
    # Python's own adaptation to the C locale.
    environment.pop("LC_CTYPE", None)
    assert environment == {
        "PATH": "/bin",
        "HOME": "/home/device",
        "LANG": "C.UTF-8",
        "TABLE": "devices",
        "AWS_LAMBDA_FUNCTION_NAME": "authorizer",
        "AWS_REGION": "eu-west-1",
    }


def test_the_environment_is_not_in_the_spec_s_repr(function: Function) -> None:
    assert SECRET not in repr(evolve(function(""), environment={"KEY": SECRET}))


def test_a_decimal_is_returned_as_a_number(function: Function) -> None:
    spec = function("""
        from decimal import Decimal
        def handler(event, context): return [Decimal("3600"), Decimal("0.5")]
    """)
    assert invoke(spec).payload == "[3600, 0.5]"


@pytest.mark.parametrize(
    "value",
    ["{1}", "float('nan')", "{'ttl': float('-inf')}", "__import__('decimal').Decimal('NaN')", "object()"],
)
def test_an_answer_that_is_no_json_fails(function: Function, value: str) -> None:
    failed = failure(function(f"def handler(event, context): return {value}"))
    assert failed.error_type == "Runtime.MarshalError"
    assert failed.error_message.startswith("Unable to marshal response: ")
    assert failed.error_message in str(failed)


def test_an_async_handler_is_not_awaited(function: Function) -> None:
    failed = failure(function("async def handler(event, context): return {}"))
    assert failed.error_type == "Runtime.MarshalError"
    assert "coroutine" in str(failed)


def test_an_answer_of_6_mb_is_taken_and_a_longer_one_fails(function: Function) -> None:
    spec = function("def handler(event, context): return 'x' * event['length']")

    async def use(runtime: PythonRuntime) -> None:
        # The quotation marks of the JSON text count.
        assert len((await runtime.invoke({"length": 6_291_554})).payload) == 6_291_556
        failed = await failure_of(runtime.invoke({"length": 6_291_555}))
        assert failed.error_type == "Function.ResponseSizeTooLarge"
        assert await answers(runtime, {"length": 1}) == ["x"]

    run(spec, use)


# Failures


def test_an_exception_is_reported_as_lambda_does(function: Function) -> None:
    spec = function("""\
        def handler(event, context):
            password = event["protocolData"]["mqtt"]["password"]
            raise PermissionError(f"bad password {password}")
    """)
    failed = failure(spec)
    assert (failed.error_type, failed.error_message) == ("PermissionError", f"bad password {SECRET}")
    assert str(failed) == f"handler in {spec.file} raised PermissionError at {spec.file}:3"
    assert SECRET not in repr(failed)
    assert "Traceback" in failed.output


def test_the_line_is_the_last_one_in_the_function_s_own_file(function: Function) -> None:
    spec = function("""\
        import json
        def parse(text):
            return json.loads(text)
        def handler(event, context):
            return parse("{")
    """)
    assert str(failure(spec)).endswith(f"raised JSONDecodeError at {spec.file}:3")


def test_an_exception_whose_text_cannot_be_made_is_reported(function: Function) -> None:
    spec = function("""
        class Bad(Exception):
            def __str__(self): raise ValueError
        def handler(event, context): raise Bad
    """)
    assert (failure(spec).error_type, failure(spec).error_message) == ("Bad", "")


def test_a_function_that_raised_stays_warm(function: Function) -> None:
    spec = function("""
        import os
        def handler(event, context):
            if event["fail"]: raise ValueError(str(os.getpid()))
            return str(os.getpid())
    """)

    async def use(runtime: PythonRuntime) -> None:
        failed = await failure_of(runtime.invoke({"fail": True}))
        assert await answers(runtime, {"fail": False}) == [failed.error_message]

    run(spec, use)


@pytest.mark.fact("C24", "F11")
@pytest.mark.parametrize("loop", ["while True: pass", "import time; time.sleep(60)"])
def test_a_function_that_exceeds_its_limit_is_stopped(function: Function, loop: str) -> None:
    spec = function(f"def handler(event, context):\n  {loop}")
    failed = failure(evolve(spec, timeout=0.5))
    assert isinstance(failed, FunctionTimedOut)
    assert failed.error_message == "Task timed out after 0.50 seconds"
    assert str(failed) == f"handler in {spec.file} did not answer within 0.5 s and was stopped"


@pytest.mark.fact("C24")
def test_the_limit_is_5_seconds(function: Function) -> None:
    assert function("").timeout == 5


def test_loading_does_not_count_as_execution(function: Function) -> None:
    spec = function("""
        import time
        time.sleep(1)
        def handler(event, context): return 1
    """)
    assert answer(evolve(spec, timeout=0.7)) == 1


def test_loading_has_a_limit_of_its_own(function: Function) -> None:
    failed = failure(evolve(function("while True: pass"), init_timeout=0.5))
    assert isinstance(failed, FunctionTimedOut)
    assert "did not finish loading within 0.5 s" in str(failed)


def test_waiting_for_a_worker_does_not_count_as_execution(function: Function) -> None:
    spec = function("""
        import time
        def handler(event, context): time.sleep(0.5)
    """)

    async def use(runtime: PythonRuntime) -> None:
        await asyncio.gather(*(runtime.invoke({}) for _ in range(4)))

    run(evolve(spec, timeout=1.5), use, max_workers=1)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.exit(3)", "ended with exit status 3"),
        ("sys.exit()", "ended with exit status 0"),
        ("os._exit(4)", "ended with exit status 4"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11"),
        ("os.closerange(3, 256)", "its process"),
        (r"scribble(b'?\0\0\0\0')", "broke its channel"),
        (r"scribble(b'A\xff\xff\xff\xff')", "broke its channel"),
    ],
)
@pytest.mark.parametrize("where", ["loading", "running"])
def test_a_function_that_ends_its_process_is_reported_and_replaced(
    function: Function, statement: str, reason: str, where: str
) -> None:
    spec = function(f"""
import contextlib, os, signal, sys, time
def scribble(garbage):
    for fd in range(3, 256):
        with contextlib.suppress(OSError): os.write(fd, garbage)
    time.sleep(60)
def handler(event, context):
    {statement}
if {where == "loading"}:
    {statement}
""")

    async def use(runtime: PythonRuntime) -> None:
        failed = await failure_of(runtime.invoke(EVENT))
        assert isinstance(failed, FunctionCrashed)
        assert failed.error_type == "Runtime.ExitError"
        assert reason in str(failed)
        function("def handler(event, context): return 1")
        assert await answers(runtime, {}) == [1]

    run(spec, use)


def test_the_other_invocations_do_not_notice_a_crash(function: Function) -> None:
    spec = function("""
        import os, pathlib, time
        def handler(event, context):
            if event["crash"]:
                while not os.path.exists("other"): time.sleep(0.01)
                os.kill(0, 9)
            pathlib.Path("other").touch()
            while not os.path.exists("crashed"): time.sleep(0.01)
            return 1
    """)

    async def use(runtime: PythonRuntime) -> None:
        other = asyncio.create_task(answers(runtime, {"crash": False}))
        assert "killed by signal 9" in str(await failure_of(runtime.invoke({"crash": True})))
        (spec.file.parent / "crashed").touch()
        assert await other == [1]

    run(spec, use)


@pytest.mark.parametrize(
    ("source", "error_type", "text", "line"),
    [
        ("\nimport no_such_module", "Runtime.ImportModuleError", "No module named 'no_such_module'", ":2"),
        ("x = 1\ny = (", "Runtime.UserCodeSyntaxError", "'(' was never closed", ":2"),
        ("raise ValueError('no table')", "ValueError", "no table", ":1"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'auth'", ""),
    ],
)
def test_a_function_that_cannot_be_loaded_fails_with_the_module_s_error(
    function: Function, source: str, error_type: str, text: str, line: str
) -> None:
    spec = function(source)
    failed = failure(spec)
    assert failed.error_type == error_type
    assert text in failed.error_message
    assert failed.error_message in str(failed)
    assert f"{spec.file}{line}" in str(failed)


def test_a_file_that_is_missing_fails(function: Function) -> None:
    failed = failure(evolve(function(""), file=Path("/no/such/auth.py")))
    assert failed.error_type == "Runtime.ImportModuleError"
    assert "/no/such/auth.py was not run: the file cannot be read (No such file" in str(failed)


# What the function does to its process


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


def test_output_belongs_to_its_invocation_and_is_not_in_the_repr(function: Function) -> None:
    spec = function("""
        print("loading")
        def handler(event, context):
            print(event)
            return event
    """)

    async def use(runtime: PythonRuntime) -> None:
        invocation = await runtime.invoke({"password": SECRET})
        assert invocation.output == f"{{'password': '{SECRET}'}}\n"
        assert SECRET not in repr(invocation)
        assert (await runtime.invoke({})).output == "{}\n"

    run(spec, use)


@pytest.mark.parametrize("end", ["os._exit(1)", "while True: pass"])
def test_the_output_of_a_function_that_was_ended_is_kept(function: Function, end: str) -> None:
    spec = function(f"""
import os
def handler(event, context):
    print("so far")
    {end}
""")
    assert failure(evolve(spec, timeout=0.5)).output == "so far\n"


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

    async def use(runtime: PythonRuntime) -> None:
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

    async def use(runtime: PythonRuntime) -> None:
        (result,) = await asyncio.gather(runtime.invoke({}), return_exceptions=True)
        assert type(result) is outcome
        await runtime.aclose()
        await until(lambda: lock_is_free(spec.file.parent))

    run(evolve(spec, timeout=0.5), use)


# Workers


def test_a_worker_is_used_again_with_its_module_loaded(function: Function) -> None:
    spec = function("""
        count = 0
        def handler(event, context):
            global count
            count += 1
            return count
    """)
    assert run(spec, lambda runtime: answers(runtime, {}, {}, {})) == [1, 2, 3]


def test_a_changed_file_is_loaded_anew(function: Function) -> None:
    spec = function("def handler(event, context): return 1")

    async def use(runtime: PythonRuntime) -> list[object]:
        before = await answers(runtime, {})
        function("def handler(event, context): return 2")
        return before + await answers(runtime, {})

    assert run(spec, use) == [1, 2]
    assert not (spec.file.parent / "__pycache__").exists()


def test_a_worker_that_ended_while_idle_is_replaced(function: Function) -> None:
    spec = function("""
        import os
        def handler(event, context): return os.getpid()
    """)

    async def use(runtime: PythonRuntime) -> None:
        (first,) = await answers(runtime, {})
        assert isinstance(first, int)
        os.kill(first, signal.SIGKILL)
        await runtime._idle[0].wait()
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

    async def use(runtime: PythonRuntime) -> set[object]:
        return {pid for (pid,) in await asyncio.gather(*(answers(runtime, {}) for _ in range(10)))}

    assert len(run(spec, use, max_workers=2)) == 2


def test_a_cancelled_invocation_kills_its_worker(function: Function) -> None:
    spec = function("""
        import os, pathlib
        def handler(event, context):
            pathlib.Path("partial").write_text(str(os.getpid()))
            os.rename("partial", "pid")
            while True: pass
    """)
    pid_file = spec.file.parent / "pid"

    async def use(runtime: PythonRuntime) -> None:
        invocation = asyncio.create_task(runtime.invoke({}))
        await until(pid_file.exists)
        invocation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await invocation
        assert is_gone(int(pid_file.read_text()))
        function("def handler(event, context): return 1")
        assert await answers(runtime, {}) == [1]

    run(spec, use, max_workers=1)


def test_closing_fails_the_invocations_under_way_and_those_that_wait(function: Function) -> None:
    spec = function("""
        import os, pathlib
        def handler(event, context):
            pathlib.Path("partial").write_text(str(os.getpid()))
            os.rename("partial", "pid")
            while True: pass
    """)
    pid_file = spec.file.parent / "pid"

    async def use(runtime: PythonRuntime) -> None:
        running, waiting = (asyncio.create_task(runtime.invoke({})) for _ in range(2))
        await until(pid_file.exists)
        await asyncio.gather(runtime.aclose(), runtime.aclose())
        assert is_gone(int(pid_file.read_text()))
        assert "was stopped: the gateway is closing" in str(await failure_of(running))
        assert "was not run: the gateway is closing" in str(await failure_of(waiting))
        assert "was not run: the gateway is closing" in str(await failure_of(runtime.invoke({})))

    run(spec, use, max_workers=1)


def test_closing_ends_a_worker_whose_answer_has_just_arrived(function: Function) -> None:
    spec = function("def handler(event, context): return 1")

    async def use(runtime: PythonRuntime) -> None:
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
        runtime = PythonRuntime(spec)
        for n in range(50):
            with contextlib.suppress(FunctionFailed):
                await asyncio.gather(*(runtime.invoke({"n": n}) for _ in range(2)))
        await runtime.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    before = os.listdir("/dev/fd")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    assert os.listdir("/dev/fd") == before
    workers = [int(pid) for pid in (spec.file.parent / "pids").read_text().split()]
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
from customauth.gateway.runtime import FunctionSpec, PythonRuntime
async def main():
    spec = FunctionSpec(file=pathlib.Path({str(spec.file)!r}), handler="handler", function_arn={ARN!r})
    invocation = asyncio.create_task(PythonRuntime(spec).invoke({{}}))
    while not os.path.exists({str(spec.file.parent / "held")!r}): await asyncio.sleep(0.01)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(customauth.__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", gateway], env=environment, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL

    async def wait() -> None:
        async with asyncio.timeout(60):
            await until(lambda: lock_is_free(spec.file.parent))

    asyncio.run(wait())


def test_the_worker_imports_nothing_that_is_slow_to_import(function: Function) -> None:
    spec = function("""
        import sys
        def handler(event, context): return sorted({name.partition(".")[0] for name in sys.modules})
    """)
    loaded = answer(spec)
    assert isinstance(loaded, list)
    assert not {"customauth", "attr", "attrs", "cryptography", "asyncio"} & set(loaded)
