"""The forms in which a function is named, and the runtime that each gets."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.runtimes.aws import LambdaRuntime
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.contract import FunctionSpec
from customauth.gateway.runtimes.functions import (
    InvokeUrl,
    LambdaFunction,
    NodeFunction,
    OtherFunction,
    PythonFunction,
    parse_function,
)
from customauth.gateway.runtimes.invoke_api import InvokeApiRuntime
from customauth.gateway.runtimes.worker_runtime import WorkerRuntime
from runtimes import ARN, SECRET, spec_of

NO_FILES = Path("/no/such/folder")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a file of each kind."""
    folder = tmp_path_factory.mktemp("functions")
    (folder / "lib").mkdir()
    for name in ("auth.py", "auth.mjs", "auth.cjs", "auth.js", "lib/my auth.py"):
        (folder / name).touch()
    return folder


@given(handler=st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True), name=st.sampled_from(["auth", "lib/my auth"]))
def test_a_python_function_is_named_by_file_and_handler(base: Path, handler: str, name: str) -> None:
    function = parse_function(f"{name}.py:{handler}", base=base)
    assert function == PythonFunction(file=base / f"{name}.py", handler=handler)
    assert str(function) == f"{handler} in {base / name}.py"


@given(
    handler=st.from_regex(r"[A-Za-z_$][\w$]{0,5}(\.[A-Za-z_$][\w$]{0,5}){0,2}", fullmatch=True),
    suffix=st.sampled_from(["mjs", "cjs", "js"]),
)
def test_a_node_function_is_named_by_file_and_handler(base: Path, handler: str, suffix: str) -> None:
    function = parse_function(f"auth.{suffix}:{handler}", base=base)
    assert function == NodeFunction(file=base / f"auth.{suffix}", handler=handler)
    assert str(function) == f"{handler} in {base}/auth.{suffix}"


def test_an_absolute_file_is_taken_as_it_is(base: Path) -> None:
    assert parse_function(f"{base}/auth.py:f", base=NO_FILES) == PythonFunction(file=base / "auth.py", handler="f")


@pytest.mark.parametrize("name", ["other.py", "other.mjs", "lib.py", "lib/other.js"])
def test_a_file_that_does_not_exist_is_refused(base: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"^there is no file {base}/{name}$"):
        parse_function(f"{name}:handler", base=base)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/2015-03-31/functions/function/invocations",
        "https://example.com",
        "HTTP://[::1]:80/x",
    ],
)
def test_a_url_is_an_invoke_endpoint(url: str) -> None:
    assert parse_function(url, base=NO_FILES) == InvokeUrl(url=url)


def test_a_url_shows_no_credentials_and_no_query() -> None:
    function = parse_function(f"https://user:{SECRET}@example.com:1/x?key={SECRET}#{SECRET}", base=NO_FILES)
    assert str(function) == "https://example.com:1/x"
    assert SECRET not in repr(function)


@pytest.mark.parametrize(
    "url",
    [f"http://:{SECRET}@", "http:x", "https://", f"http://u:{SECRET}@x:99999", f"http://x/ {SECRET}", "http://[::1"],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match="write one such as http://127") as caught:
        parse_function(url, base=NO_FILES)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "arn", [ARN, f"{ARN}:prod", f"{ARN}:$LATEST", f"{ARN}:12", ARN.replace("aws", "aws-us-gov").replace("eu", "us-gov")]
)
def test_the_arn_of_a_lambda_function_is_that_function(arn: str) -> None:
    function = parse_function(arn, base=NO_FILES)
    assert function == LambdaFunction(arn=arn)
    assert str(function) == arn


@pytest.mark.parametrize("arn", ["arn:aws:iot:x", f"{ARN}:", f"{ARN}:a:b", ARN.replace("1234", "12"), "arn:"])
def test_another_arn_is_refused_with_the_form_wanted(arn: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_function(arn, base=NO_FILES)


@pytest.mark.parametrize("text", ["docker:my-image", "Docker:x:y", "wasm:auth.wasm", "docker:python/auth.py:handler"])
def test_another_scheme_is_for_a_plug_in(text: str) -> None:
    function = parse_function(text, base=NO_FILES)
    assert function == OtherFunction(text=text)
    assert str(function) == text
    spec = FunctionSpec(function=function, function_arn=ARN)
    assert spec.scheme == text.partition(":")[0].lower()
    with pytest.raises(ValueError, match=f"no plug-in takes the function {text}; install the one that runs"):
        bundled_runtime(spec)


@pytest.mark.parametrize(
    "text", ["", "auth", "auth.py", "auth.py:", ":handler", "auth.py:a.b", "auth.py:1", "auth.js:", "auth.js:a..b",
             "auth.ts:handler", "c:x", "docker:", "1a:x", "auth.js:a-b"]
)  # fmt: skip
def test_another_form_is_refused_with_the_forms_wanted(base: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"write FILE\.py:HANDLER or FILE\.mjs:HANDLER"):
        parse_function(text, base=base)


@given(st.text())
def test_any_text_is_a_function_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_function(text, base=NO_FILES), InvokeUrl | LambdaFunction | OtherFunction)


@pytest.mark.parametrize("arn", ["", "authorizer", "arn:aws:iot:eu-west-1:123456789012:authorizer/x"])
def test_a_context_without_a_lambda_arn_is_refused_with_the_form_wanted(arn: str) -> None:
    with pytest.raises(ValueError, match="arn:aws:lambda:REGION"):
        FunctionSpec(function=OtherFunction(text="a:b"), function_arn=arn)


@pytest.mark.parametrize("limits", [{"timeout": 0}, {"init_timeout": 0}, {"memory_size": 127}, {"memory_size": 10_241}])
def test_a_limit_out_of_its_range_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        evolve(spec_of("other:b"), **limits)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("auth.py:handler", WorkerRuntime),
        ("auth.mjs:handler", WorkerRuntime),
        ("http://127.0.0.1:9000/", InvokeApiRuntime),
        ("https://127.0.0.1:9000/", InvokeApiRuntime),
        (ARN, LambdaRuntime),
    ],
)
def test_each_form_has_its_bundled_runtime(base: Path, text: str, kind: type) -> None:
    runtime = bundled_runtime(spec_of(text, base))
    assert isinstance(runtime, kind)
    asyncio.run(runtime.aclose())


@pytest.mark.parametrize("numbers", [{"max_workers": 0}, {"keep": 0}])
def test_a_runtime_without_workers_is_refused(base: Path, numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        WorkerRuntime(spec_of("auth.py:handler", base), **numbers)


def test_workers_run_no_function_of_another_kind() -> None:
    with pytest.raises(ValueError, match="neither a Python nor"):
        WorkerRuntime(spec_of(ARN))
