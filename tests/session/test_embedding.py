"""docs/embedding.md is true: its programs are those of examples/embedding, and they run."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from customauth import BackendNotInstalled, PluginManager, sync
from customauth.gateway import RunningGateway
from customauth.testing import LocalGateway
from rawbackend import RawBackend

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "embedding"
_LIMIT = 60.0


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with LocalGateway() as running:
        yield running


@pytest.fixture
def settings(gateway: RunningGateway) -> dict[str, str]:
    """Give the environment of the programs, which use the default backend."""
    try:
        PluginManager().backend()
    except BackendNotInstalled as error:
        pytest.skip(str(error))
    return {
        "IOT_ENDPOINT": f"localhost:{gateway.port}",
        "IOT_CA": str(gateway.ca_file),
        "IOT_AUTHORIZER": "unsigned-sample",
        "IOT_USER": "alice",
        "IOT_PASSWORD": "wonderland",
    }


def test_the_page_shows_the_examples_as_they_are() -> None:
    page = (ROOT / "docs" / "embedding.md").read_text()
    shown = dict(re.findall(r"^```python file=(\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    del shown["in-short.py"]
    assert shown == {file.name: file.read_text() for file in EXAMPLES.glob("*.py")}


def test_the_service_answers_the_script_and_ends_when_it_is_asked_to(settings: dict[str, str]) -> None:
    environment = {**os.environ, **settings}
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLES / "service.py")],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            assert service.stderr is not None
            said = [service.stderr.readline()]
            while "waiting for commands" not in said[-1]:
                assert said[-1], said
                said.append(service.stderr.readline())
            script = subprocess.run(
                [sys.executable, "-W", "error", str(EXAMPLES / "script.py"), "pump-7", "start"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=_LIMIT,
            )
            assert script.returncode == 0, script.stderr
            assert script.stdout == "done: start\n"
            service.send_signal(signal.SIGTERM)
            rest = service.communicate(timeout=_LIMIT)[1]
        finally:
            service.kill()
    assert service.returncode == 0, rest
    assert "asked to stop" in rest


def _web() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web", EXAMPLES / "web.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def _request(app: Any, method: str, path: str) -> tuple[int, bytes]:
    """Send a request by ASGI; return status and body of the answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http"}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": []}
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_the_web_application_publishes_for_as_long_as_it_lives(
    gateway: RunningGateway, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    app = _web().app
    assert gateway.signed is not None

    async def main() -> None:
        async with app.router.lifespan_context(app):
            assert await _request(app, "GET", "/health") == (200, b'{"iot":"connected"}')
            assert (await _request(app, "POST", "/pumps/pump-7/start"))[0] == 202
            assert (await _request(app, "POST", "/pumps/#/start"))[0] == 400
        assert (await _request(app, "POST", "/pumps/pump-7/start"))[0] == 503

    with (
        sync.connect(gateway.endpoint, gateway.signed, backend=RawBackend()) as witness,
        witness.subscribe("sample/pumps/#", 1) as commands,
    ):
        asyncio.run(asyncio.wait_for(main(), _LIMIT))
        command = commands.get(timeout=_LIMIT)
        assert (command.topic, command.payload) == ("sample/pumps/pump-7", b"start")
