"""A Python function: what it receives and returns, how it fails, with real worker processes throughout."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import customauth
from aloop import put_forward
from customauth.gateway.runtimes.contract import (
    FunctionCrashed,
    FunctionSpec,
    FunctionTimedOut,
    Runtime,
)
from customauth.gateway.runtimes.functions import PythonFunction
from runtimes import (
    ARN,
    EVENT,
    SECRET,
    answer,
    answers,
    failure,
    failure_of,
    file_of,
    folder_of,
    invoke,
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
    spec = write(tmp_path_factory.mktemp("echo"), "def handler(event, context): return event")
    assert run(spec, lambda runtime: answers(runtime, *events)) == events


def test_an_event_larger_than_any_buffer_reaches_the_function(function: Function) -> None:
    event: dict[str, object] = {"password": "ü" * 1_000_000}
    assert answer(function("def handler(event, context): return event"), event) == event


@pytest.mark.fact("J7")
def test_the_context_is_that_of_lambda(function: Function) -> None:
    spec = function("""
        import os, uuid
        def handler(event, context):
            uuid.UUID(context.aws_request_id)
            return [
                context.invoked_function_arn,
                context.function_name,
                context.function_version,
                context.memory_limit_in_mb,
                context.log_group_name,
                context.log_stream_name == os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
                0 < context.get_remaining_time_in_millis() <= 5000,
            ]
    """)
    assert answer(spec) == [ARN, "authorizer", "$LATEST", "512", "/aws/lambda/authorizer", True, True]


def test_the_folder_of_the_function_is_where_it_runs_and_imports_from(function: Function) -> None:
    spec = function("""
        import os, sys, helper
        def handler(event, context): return [helper.VALUE, os.getcwd(), sys.path]
    """)
    (folder_of(spec) / "helper.py").write_text("VALUE = 7")
    folder = str(folder_of(spec))
    loaded = answer(spec)
    assert isinstance(loaded, list)
    value, cwd, path = loaded
    assert (value, cwd, path[0]) == (7, os.path.realpath(folder), folder)
    # A module of the gateway would be taken for one of the library's that has its name.
    assert str(Path(customauth.__file__).parent / "gateway") not in path


def test_a_relative_file_is_found(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = function("def handler(event, context): return 1")
    monkeypatch.chdir(folder_of(spec))
    assert answer(evolve(spec, function=PythonFunction(file=Path("auth.py"), handler="handler"))) == 1


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
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", environment.pop("AWS_LAMBDA_LOG_STREAM_NAME"))
    assert environment == {
        "PATH": "/bin",
        "HOME": "/home/device",
        "LANG": "C.UTF-8",
        "TABLE": "devices",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "authorizer",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/authorizer",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": str(folder_of(spec)),
        "_HANDLER": "auth.handler",
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

    async def use(runtime: Runtime) -> None:
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
    assert str(failed) == f"handler in {file_of(spec)} raised PermissionError at {file_of(spec)}:3"
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
    assert str(failure(spec)).endswith(f"raised JSONDecodeError at {file_of(spec)}:3")


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

    async def use(runtime: Runtime) -> None:
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
    assert str(failed) == f"handler in {file_of(spec)} did not answer within 0.5 s and was stopped"


@pytest.mark.fact("C24")
def test_the_limit_is_5_seconds(function: Function) -> None:
    assert function("").timeout == 5


def test_loading_does_not_count_as_execution(function: Function) -> None:
    spec = function("""
        import os, time
        open("loading", "w").close()
        while not os.path.exists("go"): time.sleep(0.01)
        def handler(event, context): return 1
    """)

    async def use(runtime: Runtime) -> None:
        invocation = asyncio.create_task(answers(runtime, {}))
        await until((folder_of(spec) / "loading").exists)
        put_forward(6.0)
        (folder_of(spec) / "go").touch()
        assert await invocation == [1]

    run(spec, use)


def test_loading_has_a_limit_of_its_own(function: Function) -> None:
    failed = failure(evolve(function("while True: pass"), init_timeout=0.5))
    assert isinstance(failed, FunctionTimedOut)
    assert "did not finish loading within 0.5 s" in str(failed)


def test_waiting_for_a_worker_does_not_count_as_execution(function: Function) -> None:
    spec = function("""
        import os, time
        def handler(event, context):
            open(f"begun-{event['n']}", "w").close()
            while not os.path.exists(f"go-{event['n']}"): time.sleep(0.01)
            return event["n"]
    """)

    async def use(runtime: Runtime) -> None:
        invocations = [asyncio.create_task(answers(runtime, {"n": n})) for n in range(3)]
        for n in range(3):
            await until((folder_of(spec) / f"begun-{n}").exists)
            # Together more than the limit of 5 s.
            put_forward(3.0)
            (folder_of(spec) / f"go-{n}").touch()
        assert await asyncio.gather(*invocations) == [[0], [1], [2]]

    run_workers(spec, use, max_workers=1)


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

    async def use(runtime: Runtime) -> None:
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

    async def use(runtime: Runtime) -> None:
        other = asyncio.create_task(answers(runtime, {"crash": False}))
        assert "killed by signal 9" in str(await failure_of(runtime.invoke({"crash": True})))
        (folder_of(spec) / "crashed").touch()
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
    assert f"{file_of(spec)}{line}" in str(failed)


def test_a_file_that_is_missing_fails(function: Function) -> None:
    missing = PythonFunction(file=Path("/no/such/auth.py"), handler="handler")
    failed = failure(evolve(function(""), function=missing))
    assert failed.error_type == "Runtime.ImportModuleError"
    assert "/no/such/auth.py was not run: the file cannot be read (No such file" in str(failed)
