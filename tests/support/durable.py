"""A gateway in a process of its own that is killed and started again, its data in a folder. Import as ``durable``.

::

    with durable_gateway(folder) as gateway:      every client is let in and may do anything
        gateway.kill()                            with SIGKILL
        gateway.start()                           again, on the same port and with the same data
        gateway.memory()                          resident bytes
        gateway.complaints()                      what it wrote on standard error, of all its lives
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import define

from gateways import ALLOW

# A guard against hanging, not a measure.
_HANGS = 60.0
_CONFIG = """
[gateway]
names = ["localhost"]
default_authorizer = "open"

[authorizers.open]
status = "ACTIVE"
function = "authorizer.py:handler"
signing_disabled = true
"""


@define(eq=False)
class DurableGateway:
    """The gateway; the port is the one that it got when it first started."""

    folder: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def ca_file(self) -> Path:
        """Its CA."""
        return self.folder / "ca" / "ca.pem"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        ready = self.folder / "ready.json"
        with self._file("stdout").open("ab") as stdout, self._file("stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "customauth", "gateway", "--config", "gateway.toml"),
                    *("--port", str(self.port), "--data-dir", "data", "--ready-file", ready.name),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        until = time.monotonic() + _HANGS
        # It takes away the file of its earlier life before it does anything else, and writes it when it listens.
        while not (content := self._ready(ready)):
            assert self._process.poll() is None, self.complaints()
            assert time.monotonic() < until, "the gateway does not start"
            time.sleep(0.01)
        self.port = content["port"]

    def kill(self) -> None:
        """Kill it, so that it can do nothing more."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_HANGS)

    def memory(self) -> int:
        """Return its resident memory, in bytes."""
        assert self._process is not None
        listed = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self._process.pid)], capture_output=True, text=True, check=True
        )
        return int(listed.stdout) * 1024

    def complaints(self) -> str:
        """Return what it wrote on standard error."""
        return self._file("stderr").read_text()

    def _ready(self, file: Path) -> dict[str, int]:
        """Return the content of the file, empty while it is not there or is an earlier life's."""
        assert self._process is not None
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            content: dict[str, int] = json.loads(file.read_text())
            if content["pid"] == self._process.pid:
                return content
        return {}

    def _file(self, name: str) -> Path:
        return self.folder / f"gateway.{name}"


@contextlib.contextmanager
def durable_gateway(folder: Path) -> Iterator[DurableGateway]:
    """Run the gateway with its files in a folder, and kill it in the end."""
    (folder / "gateway.toml").write_text(_CONFIG)
    (folder / "authorizer.py").write_text(f"def handler(event, context):\n    return {ALLOW!r}\n")
    gateway = DurableGateway(folder)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.kill()
