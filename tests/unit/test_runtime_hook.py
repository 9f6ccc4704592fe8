"""Plug-ins bring runtimes for schemes of their own, and harm no other function."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import types
from collections.abc import Mapping
from pathlib import Path

import pytest

import distributions
from customauth import PluginManager, hookimpl
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.contract import FunctionSpec, Invocation, Runtime
from customauth.gateway.runtimes.worker_runtime import WorkerRuntime
from runtimes import spec_of, write


class FixedRuntime:
    """Answers all with one text."""

    def __init__(self, payload: str) -> None:
        self._payload = payload

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        return Invocation(payload=self._payload, duration=0)

    async def aclose(self) -> None:
        pass


class FixedPlugin:
    """Runs functions of one scheme."""

    def __init__(self, scheme: str, payload: str) -> None:
        self._scheme = scheme
        self._payload = payload

    @hookimpl
    def customauth_authorizer_runtime(self, spec: FunctionSpec) -> Runtime | None:
        return FixedRuntime(self._payload) if spec.scheme == self._scheme else None


class BrokenPlugin:
    """Raises whatever it is asked."""

    @hookimpl
    def customauth_authorizer_runtime(self, spec: FunctionSpec) -> Runtime | None:
        raise KeyError("image")


class WrongPlugin:
    """Gives what is no runtime."""

    @hookimpl
    def customauth_authorizer_runtime(self, spec: FunctionSpec) -> object:
        return "docker run"


def manager(*plugins: object) -> PluginManager:
    made = PluginManager(discover=False)
    for plugin in plugins:
        made.register(plugin)
    return made


def payload(runtime: Runtime | None) -> str:
    assert runtime is not None
    return asyncio.run(runtime.invoke({})).payload


def test_the_plug_in_that_knows_the_scheme_brings_the_runtime() -> None:
    plugins = manager(FixedPlugin("docker", "1"), FixedPlugin("wasm", "2"))
    assert payload(plugins.authorizer_runtime(spec_of("docker:image"))) == "1"
    assert payload(plugins.authorizer_runtime(spec_of("WASM:file"))) == "2"


def test_a_scheme_that_no_plug_in_knows_has_no_runtime() -> None:
    plugins = manager(FixedPlugin("docker", "1"))
    assert plugins.authorizer_runtime(spec_of("wasm:file")) is None
    with pytest.raises(ValueError, match="no plug-in takes the function wasm:file"):
        plugins.runtime_factory(bundled_runtime)(spec_of("wasm:file"))


def test_a_bundled_form_is_not_offered_to_plug_ins(tmp_path: Path) -> None:
    make = manager(BrokenPlugin()).runtime_factory(bundled_runtime)
    assert isinstance(make(write(tmp_path, "")), WorkerRuntime)


@pytest.mark.parametrize(
    ("plugin", "fault"),
    [
        (BrokenPlugin(), "does not take the function docker:image: KeyError: 'image'"),
        (WrongPlugin(), "gave a str, which has no invoke and aclose; mend the plug-in"),
    ],
)
def test_a_broken_plug_in_is_named(plugin: object, fault: str) -> None:
    make = manager(plugin).runtime_factory(bundled_runtime)
    with pytest.raises(ValueError, match=fault):
        make(spec_of("docker:image"))


def test_an_installed_plug_in_is_found_and_loaded_only_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
from customauth import hookimpl
from customauth.gateway import Invocation

class Fixed:
    async def invoke(self, event):
        return Invocation(payload="7", duration=0)

    async def aclose(self):
        pass

@hookimpl
def customauth_authorizer_runtime(spec):
    if spec.scheme == "fixed":
        return Fixed()
"""
    plugins = {"fixed": "fixed_runtime_plugin"}
    distributions.install(tmp_path, "fixed-runtime", plugins=plugins, modules={"fixed_runtime_plugin": source})
    monkeypatch.syspath_prepend(str(tmp_path))
    make = PluginManager().runtime_factory(bundled_runtime)
    make(write(tmp_path, ""))
    assert "fixed_runtime_plugin" not in sys.modules
    assert payload(make(spec_of("fixed:x"))) == "7"
    del sys.modules["fixed_runtime_plugin"]


def test_the_plug_in_of_the_documentation_runs(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "runtimes.md"
    files = _files(page.read_text())
    assert files
    site = tmp_path / "site"
    source = files["customauth_command.py"]
    distributions.install(site, "customauth-command", plugins={"command": "customauth_command"})
    (site / "customauth_command.py").write_text(source)
    answer = '{"isAuthenticated": true}'
    program = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(site)!r})
from customauth import PluginManager
from customauth.gateway import FunctionFailed, FunctionSpec
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.functions import parse_function

async def main(text):
    function = parse_function(text, base=Path())
    spec = FunctionSpec(function=function, function_arn="arn:aws:lambda:eu-west-1:123456789012:function:f", timeout=2)
    runtime = PluginManager().runtime_factory(bundled_runtime)(spec)
    try:
        print((await runtime.invoke({{"answer": {answer!r}}})).payload.strip())
    except FunctionFailed as error:
        print(error)
    finally:
        await runtime.aclose()

for text in ("command:cat", "command:false", "command:no-such-program", "command:sleep 60"):
    asyncio.run(main(text))
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        '{"answer": "{\\"isAuthenticated\\": true}"}',
        "command:false ended with exit status 1",
        "command:no-such-program cannot be started (No such file or directory); install it",
        "command:sleep 60 did not answer within 2 s and was killed",
    ]
    assert 'command = "customauth_command"' in files["pyproject.toml"]


def _files(text: str) -> dict[str, str]:
    """Return the blocks of a page that are files, by name."""
    files: dict[str, str] = {}
    name = None
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            name = line.partition(" file=")[2].strip() or None
        elif name is not None:
            files[name] = files.get(name, "") + line
    return files


def test_the_client_side_does_not_import_the_gateway() -> None:
    program = "import sys, customauth.plugins, customauth.hookspecs; print('customauth.gateway' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "False\n"


def test_a_plug_in_is_a_module_with_a_function() -> None:
    plugin = types.ModuleType("plugin")

    @hookimpl
    def customauth_authorizer_runtime(spec: FunctionSpec) -> Runtime | None:
        return FixedRuntime("3")

    plugin.customauth_authorizer_runtime = customauth_authorizer_runtime  # type: ignore[attr-defined]
    assert payload(manager(plugin).authorizer_runtime(spec_of("any:x"))) == "3"
