"""A Node.js function: Lambda's ways to answer and to fail, in real worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import customauth
from aloop import put_forward
from customauth.gateway.runtimes.contract import FunctionCrashed, FunctionSpec, FunctionTimedOut, Runtime
from customauth.gateway.runtimes.functions import NodeFunction
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
    is_gone,
    run,
    until,
    write,
)

NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None and not os.environ.get("CI"), reason="there is no Node.js; run: apt-get install nodejs"
)

Function = Callable[..., FunctionSpec]


@pytest.fixture
def function(tmp_path: Path) -> Function:
    """Write a module that exports `handler`, and give its spec."""
    return lambda source, name="auth.mjs": write(tmp_path, source, name)


# What the function receives and returns


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("auth.mjs", "export const handler = async (event) => event.n;"),
        ("auth.mjs", "const f = (event) => Promise.resolve(event.n); export { f as handler };"),
        ("auth.mjs", "export default { handler: async (event) => event.n };"),
        ("auth.mjs", "export const handler = (event, context, callback) => callback(null, event.n);"),
        ("auth.js", "exports.handler = async (event) => event.n;"),
        ("auth.js", "exports.handler = function (event, context, callback) { callback(null, event.n); };"),
        ("auth.cjs", "module.exports = Object.fromEntries([['handler', async (event) => event.n]]);"),
        ("auth.cjs", "exports.handler = (event, context) => context.succeed(event.n);"),
        ("auth.cjs", "exports.handler = (event, context) => context.done(null, event.n);"),
        ("auth.cjs", "exports.handler = (e, c, callback) => setTimeout(() => callback(undefined, e.n), 20);"),
    ],
)
def test_a_handler_answers_in_each_style_of_lambda(function: Function, name: str, source: str) -> None:
    assert run(function(source, name), lambda runtime: answers(runtime, {"n": 1}, {"n": 2})) == [1, 2]


def test_a_js_file_is_a_module_where_its_package_says_so(function: Function) -> None:
    spec = function("export const handler = async () => 1;", "auth.js")
    (folder_of(spec) / "package.json").write_text('{"type": "module"}')
    assert answer(spec) == 1


def test_a_handler_may_be_in_an_object(function: Function, tmp_path: Path) -> None:
    spec = function("export const handler = 0; export const api = { authorize: async () => 1 };")
    assert answer(evolve(spec, function=NodeFunction(file=file_of(spec), handler="api.authorize"))) == 1


@pytest.mark.fact("J6")
@pytest.mark.parametrize(
    "body",
    [
        "callback(null, 1); callback(null, 2);",
        "callback(null, 1); callback('late');",
        "callback(null, 1); context.fail('late');",
        "context.succeed(1); callback(null, 2);",
        "callback(null, 1); return Promise.resolve(2);",
        "callback(null, 1); throw new Error('late');",
        "setTimeout(() => callback(null, 1), 10); setTimeout(() => callback(null, 2), 20);",
    ],
)
def test_the_first_call_of_callback_counts(function: Function, body: str) -> None:
    spec = function(f"exports.handler = (event, context, callback) => {{ {body} }};", "auth.cjs")
    assert run(spec, lambda runtime: answers(runtime, {}, {})) == [1, 1]


def test_a_late_callback_does_not_answer_the_next_invocation(function: Function) -> None:
    spec = function("""
        const callbacks = [];
        export const handler = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = false;
          callbacks.push(callback);
          if (event.n === 2) callbacks[0](null, 'stale');
          setTimeout(() => callback(null, event.n), 10);
        };
    """)
    assert run(spec, lambda runtime: answers(runtime, {"n": 1}, {"n": 2}, {"n": 3})) == [1, 2, 3]


@pytest.mark.parametrize(
    "source",
    [
        "export const handler = () => {};",
        "export const handler = () => 1;",
        "export const handler = () => { setTimeout(() => {}, 10); };",
        "export const handler = async () => {};",
        "export const handler = () => new Promise(() => {});",
    ],
)
def test_a_handler_that_never_answers_gives_null_when_its_event_loop_is_empty(function: Function, source: str) -> None:
    assert run(function(source), lambda runtime: answers(runtime, {}, {})) == [None, None]


def test_a_callback_waits_for_the_event_loop_unless_told_not_to(function: Function) -> None:
    spec = function("""
        export const handler = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = event.wait;
          setTimeout(() => console.log('empty'), event.wait ? 50 : 60000);
          callback(null, context.callbackWaitsForEmptyEventLoop);
        };
    """)
    waited = invoke(spec, {"wait": True})
    assert (waited.payload, waited.output) == ("true", "empty\n")
    hurried = invoke(spec, {"wait": False})
    assert (hurried.payload, hurried.output) == ("false", "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=10, deadline=None)
@given(events=st.lists(st.fixed_dictionaries({"value": json_values}), min_size=1, max_size=20))
def test_any_event_reaches_the_function_and_its_answer_returns_unchanged(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("echo")
    spec = write(folder, "export const handler = async (event) => JSON.stringify(event);", "auth.mjs")
    echoes = run(spec, lambda runtime: answers(runtime, *events))
    assert [json.loads(str(echo)) for echo in echoes] == events


def test_an_event_larger_than_any_buffer_reaches_the_function(function: Function) -> None:
    event: dict[str, object] = {"password": "ü" * 1_000_000}
    assert answer(function("export const handler = async (event) => event;"), event) == event


def test_an_answer_of_6_mb_is_taken_and_a_longer_one_fails(function: Function) -> None:
    spec = function("export const handler = async (event) => 'x'.repeat(event.length);")

    async def use(runtime: Runtime) -> None:
        # The quotation marks of the JSON text count.
        assert len((await runtime.invoke({"length": 6_291_554})).payload) == 6_291_556
        failed = await failure_of(runtime.invoke({"length": 6_291_555}))
        assert failed.error_type == "Function.ResponseSizeTooLarge"
        assert await answers(runtime, {"length": 1}) == ["x"]

    run(spec, use)


@pytest.mark.fact("J7")
def test_the_context_is_that_of_lambda(function: Function) -> None:
    spec = function("""
        export const handler = async (event, context) => [
          context.invokedFunctionArn,
          context.functionName,
          context.functionVersion,
          context.memoryLimitInMB,
          context.logGroupName,
          context.logStreamName === process.env.AWS_LAMBDA_LOG_STREAM_NAME,
          /^[0-9a-f-]{36}$/.test(context.awsRequestId),
          context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 5000,
          context.callbackWaitsForEmptyEventLoop,
        ];
    """)
    expected = [ARN, "authorizer", "$LATEST", "512", "/aws/lambda/authorizer", True, True, True, True]
    assert answer(spec) == expected


def test_the_environment_is_that_of_lambda_and_holds_nothing_of_the_gateway(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("HOME", "/home/device")
    monkeypatch.setenv("LANG", "C.UTF-8")
    spec = function("export const handler = async () => ({ ...process.env, cwd: process.cwd() });")
    environment = answer(evolve(spec, environment={"TABLE": "devices", "AWS_REGION": "elsewhere"}))
    assert isinstance(environment, dict)
    assert environment.pop("AWS_EXECUTION_ENV").startswith("AWS_Lambda_nodejs")
    assert environment.pop("AWS_LAMBDA_LOG_STREAM_NAME")
    folder = str(folder_of(spec))
    assert environment == {
        "cwd": os.path.realpath(folder),
        "PATH": os.environ["PATH"],
        "HOME": "/home/device",
        "LANG": "C.UTF-8",
        "TABLE": "devices",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "authorizer",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/authorizer",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": folder,
        "_HANDLER": "auth.handler",
    }


# Failures


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        ("throw new TypeError(`bad ${event.word}`);", "TypeError", f"bad {SECRET}"),
        ("return Promise.reject(new RangeError(event.word));", "RangeError", SECRET),
        ("callback(new Error(event.word));", "Error", SECRET),
        ("callback(event.word);", "string", SECRET),
        ("context.fail(new Error(event.word));", "Error", SECRET),
        ("context.done(event.word);", "string", SECRET),
        ("context.fail();", "string", "handled"),
        ("throw event;", "object", "[object Object]"),
        ("const error = new Error('x'); error.name = `${event.word} !`; throw error;", f"{SECRET} !", "x"),
    ],
)
def test_an_error_is_reported_as_lambda_does(function: Function, body: str, error_type: str, message: str) -> None:
    spec = function(f"exports.handler = (event, context, callback) => {{\n  {body}\n}};", "auth.cjs")

    async def use(runtime: Runtime) -> None:
        for _ in range(2):
            failed = await failure_of(runtime.invoke({"word": SECRET}))
            assert (failed.error_type, failed.error_message) == (error_type, message)
            assert str(failed).startswith(f"handler in {file_of(spec)} raised ")
            assert SECRET not in str(failed)

    run(spec, use)


def test_the_line_of_an_error_is_told(function: Function) -> None:
    spec = function("""\
        const parse = (text) =>
          JSON.parse(text);
        export const handler = async () => parse('{');
    """)
    failed = failure(spec)
    assert str(failed).endswith(f"raised SyntaxError at {file_of(spec)}:2")
    assert "SyntaxError" in failed.output


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        ("setTimeout(() => { throw new TypeError(event.word); }, 10);", "TypeError", SECRET),
        (
            "Promise.reject(new Error(event.word)); setTimeout(() => {}, 5000);",
            "Runtime.UnhandledPromiseRejection",
            f"Error: {SECRET}",
        ),
    ],
)
def test_an_error_that_nobody_catches_is_reported_and_the_process_replaced(
    function: Function, body: str, error_type: str, message: str
) -> None:
    spec = function(f"export const handler = (event, context, callback) => {{\n {body} \n}};")

    async def use(runtime: Runtime) -> None:
        failed = await failure_of(runtime.invoke({"word": SECRET}))
        assert (failed.error_type, failed.error_message) == (error_type, message)
        assert str(failed) == f"handler in {file_of(spec)} raised {error_type} at {file_of(spec)}:2"
        again = await failure_of(runtime.invoke({"word": SECRET}))
        assert again.error_type == error_type

    run(spec, use)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("10n", ": Do not know how to serialize a BigInt"),
        ("(() => { const a = {}; a.a = a; return a; })()", ": Converting circular structure to JSON"),
        ("() => 1", ": it is a function"),
        ("({ toJSON() { throw new Error(event.word); } })", ""),
    ],
)
@pytest.mark.parametrize("style", ["return", "callback"])
def test_an_answer_that_is_no_json_fails(function: Function, value: str, reason: str, style: str) -> None:
    body = f"return Promise.resolve({value});" if style == "return" else f"callback(null, {value});"
    spec = function(f"export const handler = (event, context, callback) => {{ {body} }};")
    failed = failure(spec, {"word": SECRET})
    assert failed.error_type == "Error"
    assert failed.error_message == f"Unable to stringify response body{reason}"
    assert str(failed).endswith(f"failed: Error: {failed.error_message}")


@pytest.mark.fact("C24", "F11")
@pytest.mark.parametrize("loop", ["for (;;);", "setInterval(() => {}, 1000);", "setTimeout(callback, 60000);"])
def test_a_function_that_exceeds_its_limit_is_stopped(function: Function, loop: str) -> None:
    spec = function(f"""
        import {{ writeFileSync }} from 'node:fs';
        export const handler = (event, context, callback) => {{
          console.log('so far');
          writeFileSync('printed', '');
          {loop}
        }};
    """)

    async def use(runtime: Runtime) -> None:
        invocation = asyncio.create_task(failure_of(runtime.invoke({})))
        await until((folder_of(spec) / "printed").exists)
        put_forward(spec.timeout)
        failed = await invocation
        assert isinstance(failed, FunctionTimedOut)
        assert failed.error_message == "Task timed out after 5.00 seconds"
        assert failed.output == "so far\n"

    run(spec, use)


def test_loading_has_a_limit_of_its_own(function: Function) -> None:
    failed = failure(evolve(function("await new Promise(() => setInterval(() => {}, 1000));"), init_timeout=0.5))
    assert isinstance(failed, FunctionTimedOut)
    assert "did not finish loading within 0.5 s" in str(failed)


@pytest.mark.parametrize(
    ("name", "source", "error_type", "text", "line"),
    [
        ("auth.mjs", "\nimport 'no-such-package';", "Runtime.ImportModuleError", "no-such-package", ""),
        ("auth.cjs", "\nrequire('no-such-package');", "Runtime.ImportModuleError", "no-such-package", ":2"),
        ("auth.mjs", "\nexport const handler = ;", "Runtime.UserCodeSyntaxError", "Unexpected token ';'", ":2"),
        ("auth.cjs", "\nexports.handler = ;", "Runtime.UserCodeSyntaxError", "Unexpected token ';'", ":2"),
        ("auth.mjs", "throw new TypeError('no table');", "TypeError", "no table", ":1"),
        ("auth.mjs", "export const other = 1;", "Runtime.HandlerNotFound", "auth.handler is undefined or not", ""),
        ("auth.mjs", "export const handler = 1;", "Runtime.HandlerNotFound", "auth.handler is not a function", ""),
    ],
)
def test_a_function_that_cannot_be_loaded_fails_with_the_module_s_error(
    function: Function, name: str, source: str, error_type: str, text: str, line: str
) -> None:
    spec = function(source, name)
    failed = failure(spec)
    assert failed.error_type == error_type
    assert text in failed.error_message
    assert text in str(failed)
    assert f"failed{f' at {file_of(spec)}{line}' if line else ''}: " in str(failed)
    assert "\n" not in str(failed)


def test_without_node_the_mend_is_named(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = function("export const handler = async () => 1;")
    monkeypatch.setenv("PATH", str(folder_of(spec)))
    failed = failure(spec)
    assert str(failed).endswith("was not run: there is no Node.js on the PATH; install Node.js 18 or later")


# What the function does to its process


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("process.exit(3)", "ended with exit status 3"),
        ("process.exit()", "ended with exit status 0"),
        ("process.kill(process.pid, 'SIGKILL')", "killed by signal 9"),
        ("process.abort()", "killed by signal 6"),
    ],
)
@pytest.mark.parametrize("where", ["loading", "running"])
def test_a_function_that_ends_its_process_is_reported_and_replaced(
    function: Function, statement: str, reason: str, where: str
) -> None:
    source = f"export const handler = async () => {{ {statement}; await new Promise(() => {{}}); }};"
    spec = function(source + (f"{statement};" if where == "loading" else ""))

    async def use(runtime: Runtime) -> None:
        failed = await failure_of(runtime.invoke(EVENT))
        assert isinstance(failed, FunctionCrashed)
        assert failed.error_type == "Runtime.ExitError"
        assert reason in str(failed)
        function("export const handler = async () => 1;")
        assert await answers(runtime, {}) == [1]

    run(spec, use)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can hold a process to so much memory; run it there")
@pytest.mark.parametrize("allocation", ["Buffer.alloc(2 ** 31)", "new Float64Array(2 ** 28)"])
def test_an_allocation_beyond_the_memory_size_fails_and_harms_nobody(function: Function, allocation: str) -> None:
    spec = function(f"export const handler = async (event) => event.big ? {allocation}.length : 1;")

    async def use(runtime: Runtime) -> None:
        failed = await failure_of(runtime.invoke({"big": True}))
        assert (failed.error_type, failed.error_message) == ("RangeError", "Array buffer allocation failed")
        assert await answers(runtime, {"big": False}) == [1]

    run(spec, use)


def test_a_heap_beyond_the_memory_size_ends_the_process_and_harms_nobody(function: Function) -> None:
    spec = function("""
        export const handler = async (event) => {
          const kept = [];
          while (event.big) kept.push(new Array(1e5).fill(kept.length));
          return 1;
        };
    """)

    async def use(runtime: Runtime) -> None:
        failed = await failure_of(runtime.invoke({"big": True}))
        assert isinstance(failed, FunctionCrashed)
        assert "heap" in failed.output
        assert await answers(runtime, {"big": False}) == [1]

    run(evolve(spec, memory_size=128, timeout=50), use)


def test_megabytes_of_output_are_read_and_only_the_end_is_kept(function: Function) -> None:
    spec = function("""
        export const handler = async () => {
          for (let n = 0; n < 5000; n += 1) console.log('x'.repeat(1000));
          console.log('the end');
          return 1;
        };
    """)
    invocation = invoke(spec)
    assert invocation.payload == "1"
    assert len(invocation.output) == 4096
    assert invocation.output.endswith("x\nthe end\n")


def test_output_of_any_kind_is_captured_and_does_not_reach_the_channel(function: Function) -> None:
    spec = function("""
        import { writeSync } from 'node:fs';
        console.log('loading');
        export const handler = async (event) => {
          process.stdout.write(Buffer.from([0x41, 0, 0, 0, 1, 0x31]));
          writeSync(1, 'raw\\n');
          return event.n;
        };
    """)

    async def use(runtime: Runtime) -> None:
        first = await runtime.invoke({"n": 1})
        assert (first.payload, first.output) == ("1", "loading\nA\0\0\0\x011raw\n")
        assert (await runtime.invoke({"n": 2})).output == "A\0\0\0\x011raw\n"

    run(spec, use)


@pytest.mark.parametrize("kind", ["mjs", "cjs"])
@pytest.mark.parametrize("imported", ["while loading", "while running"])
def test_a_changed_module_of_the_function_s_folder_is_loaded_anew(function: Function, kind: str, imported: str) -> None:
    get = "(await import('./lib/helper.mjs')).value" if kind == "mjs" else "require('./lib/helper.cjs').value"
    export = "export const value =" if kind == "mjs" else "exports.value ="
    handler = "export const handler" if kind == "mjs" else "exports.handler"
    if imported == "while running":
        source = f"{handler} = async () => {get};"
    elif kind == "mjs":
        source = f"import {{ value }} from './lib/helper.mjs';\n{handler} = async () => value;"
    else:
        source = f"const value = {get};\n{handler} = async () => value;"
    spec = function(source, f"auth.{kind}")
    helper = folder_of(spec) / "lib" / f"helper.{kind}"
    helper.parent.mkdir()
    helper.write_text(f"{export} 1;")

    async def use(runtime: Runtime) -> list[object]:
        before = await answers(runtime, {}, {})
        helper.write_text(f"{export} 22;")
        return before + await answers(runtime, {})

    assert run(spec, use) == [1, 1, 22]


def test_a_changed_file_is_loaded_anew_and_node_modules_are_not_watched(function: Function) -> None:
    source = """
        const { start } = require('installed');
        let count = start;
        exports.handler = async () => (count += %d);
    """
    spec = function(source % 1, "auth.cjs")
    installed = folder_of(spec) / "node_modules" / "installed" / "index.js"
    installed.parent.mkdir(parents=True)
    installed.write_text("exports.start = 0;")

    async def use(runtime: Runtime) -> list[object]:
        before = await answers(runtime, {})
        installed.write_text("exports.start = 100;")
        unwatched = await answers(runtime, {})
        function(source % 10, "auth.cjs")
        return before + unwatched + await answers(runtime, {})

    assert run(spec, use) == [1, 2, 110]


def test_a_function_behind_a_symbolic_link_is_watched_and_its_line_told(function: Function, tmp_path: Path) -> None:
    spec = function("export { handler } from './helper.mjs';")
    (tmp_path / "helper.mjs").write_text("export const handler = async () => 1;")
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    spec = evolve(spec, function=NodeFunction(file=link / "auth.mjs", handler="handler"))

    async def use(runtime: Runtime) -> None:
        assert await answers(runtime, {}) == [1]
        (tmp_path / "helper.mjs").write_text("export const handler = async () => 22;")
        assert await answers(runtime, {}) == [22]
        function("export const handler = async () => { throw new Error(); };")
        assert str(await failure_of(runtime.invoke({}))).endswith(f"raised Error at {link}/auth.mjs:1")

    run(spec, use)


@pytest.mark.parametrize("act", ["for (;;);", ""], ids=["while it runs", "while it is idle"])
def test_a_worker_ends_with_its_gateway_and_so_do_its_children(function: Function, act: str) -> None:
    spec = function(f"""
        import {{ spawn }} from 'node:child_process';
        import {{ renameSync, writeFileSync }} from 'node:fs';
        export const handler = (event, context, callback) => {{
          const child = spawn('sleep', ['600']);
          child.unref();
          writeFileSync('partial', `${{process.pid}} ${{child.pid}}`);
          renameSync('partial', 'pids');
          context.callbackWaitsForEmptyEventLoop = false;
          callback(null, 1);
          {act}
        }};
    """)
    pids = folder_of(spec) / "pids"
    gateway = f"""
        import asyncio, os, pathlib
        from customauth.gateway.runtimes.choose import bundled_runtime
        from customauth.gateway.runtimes.contract import FunctionSpec
        from customauth.gateway.runtimes.functions import parse_function
        async def main():
            function = parse_function("auth.mjs:handler", base=pathlib.Path({str(folder_of(spec))!r}))
            spec = FunctionSpec(function=function, function_arn={ARN!r})
            invocation = asyncio.create_task(bundled_runtime(spec).invoke({{}}))
            while not os.path.exists({str(pids)!r}): await asyncio.sleep(0.01)
            os.kill(os.getpid(), 9)
        asyncio.run(main())
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(customauth.__file__).parents[1])}
    command = [sys.executable, "-c", textwrap.dedent(gateway)]
    ended = subprocess.run(command, env=environment, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL

    async def wait() -> None:
        async with asyncio.timeout(60):
            await until(lambda: all(is_gone_or_dead(int(pid)) for pid in pids.read_text().split()))

    asyncio.run(wait())


def is_gone_or_dead(pid: int) -> bool:
    """Whether the process has ended; who has adopted it may not have reaped it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return is_gone(pid)
    return state == "Z"


def test_a_child_that_the_function_left_behind_ends_with_its_worker(function: Function) -> None:
    spec = function("""
        import { spawn } from 'node:child_process';
        export const handler = async () => {
          const child = spawn('sleep', ['600'], { stdio: 'inherit' });
          child.unref();
          return child.pid;
        };
    """)

    async def use(runtime: Runtime) -> int:
        (pid,) = await answers(runtime, {})
        assert isinstance(pid, int)
        await runtime.aclose()
        await until(lambda: is_gone_or_dead(pid))
        return pid

    assert run(spec, use) > 0
