"""One ``customauth connect`` from the start of its process to the end, against a plain script of the SDK."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .contract import Target
from .modules import imported, unused

_SCRIPT = Path(__file__).with_name("plain_sdk_connect.py")
_LIMIT = 60.0
_WARM_UP = 2


def command_rounds(target: Target, folder: Path, backends: list[str], rounds: int) -> dict[str, Any]:
    """Let each backend's command and the script take turns, and look once at what the command imports."""
    script = _script(target)
    commands = {backend: _command(target, folder, backend) for backend in backends}
    for command in (script, *commands.values()):
        for _ in range(_WARM_UP):
            _run(command)
    turns = [
        {"round": number, "backend": backend, **_turn(commands[backend], script, ours_first=bool(number % 2))}
        for number in range(1, rounds + 1)
        for backend in backends
    ]
    return {"turns": turns, "backends": {backend: _summary(turns, backend, commands[backend]) for backend in backends}}


def _turn(command: list[str], script: list[str], *, ours_first: bool) -> dict[str, float]:
    if ours_first:
        ours = _run(command)
        return {"customauth_ms": ours, "script_ms": _run(script)}
    theirs = _run(script)
    return {"customauth_ms": _run(command), "script_ms": theirs}


def _summary(turns: list[dict[str, Any]], backend: str, command: list[str]) -> dict[str, Any]:
    own = [turn for turn in turns if turn["backend"] == backend]
    ratios = [turn["customauth_ms"] / turn["script_ms"] for turn in own]
    modules = _modules(command)
    return {
        "customauth_ms": statistics.median(turn["customauth_ms"] for turn in own),
        "script_ms": statistics.median(turn["script_ms"] for turn in own),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "modules": modules,
        "unused": unused(modules, backend),
    }


def _run(command: list[str]) -> float:
    """Return the milliseconds that a command took.

    :raises RuntimeError: when it failed.
    """
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own programs, and no shell
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT, check=False
    )
    took = time.perf_counter() - began
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise RuntimeError(f"{Path(command[1]).name} ended with {done.returncode}: {said}")
    return took * 1e3


def _modules(command: list[str]) -> list[str]:
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(  # noqa: S603 - as above
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT, check=True, env=environment
    )
    return imported(done.stderr)


def _command(target: Target, folder: Path, backend: str) -> list[str]:
    assert target.token is not None and target.signature is not None  # noqa: S101, PT018 - the gateway's target
    token_file, signature_file = folder / "token", folder / "signature"
    token_file.write_text(target.token)
    signature_file.write_text(target.signature)
    return [
        *_program(),
        "connect",
        *("--backend", backend, "--cafile", str(target.ca_file), "--authorizer", str(target.authorizer)),
        *("--token-key-name", str(target.token_key_name), "--token-file", str(token_file)),
        *("--token-signature-file", str(signature_file)),
        f"{target.host}:{target.port}",
    ]


def _program() -> list[str]:
    """Return the command as it is installed, else the module of the same."""
    installed = Path(sys.executable).with_name("customauth")
    return [sys.executable, str(installed)] if installed.exists() else [sys.executable, "-m", "customauth"]


def _script(target: Target) -> list[str]:
    return [
        *(sys.executable, str(_SCRIPT), "--endpoint", target.host, "--port", str(target.port)),
        *("--ca-file", str(target.ca_file), "--authorizer", str(target.authorizer)),
        *("--token-key-name", str(target.token_key_name), "--token", str(target.token)),
        *("--signature", str(target.signature)),
    ]
