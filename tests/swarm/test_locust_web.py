"""Start, stop and start again in Locust's web page."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import commands
from locusts import HANGS, fleet, locust, until

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is an extra"),
    pytest.mark.skipif("paho" not in commands.installed_backends(), reason="the fleet of the example is on paho"),
]

USER = """
from customauth.swarm.locust import CustomAuthUser

class Device(CustomAuthUser):
    pass
"""


class Page:
    """Locust's web page."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def is_there(self) -> bool:
        try:
            self.get("/stats/requests")
        except urllib.error.URLError:
            return False
        return True

    def get(self, path: str) -> Any:
        return self._opened(path, None)

    def start(self, users: int) -> None:
        form = urllib.parse.urlencode({"user_count": users, "spawn_rate": users})
        assert self._opened("/swarm", form.encode())["success"]

    def stop(self) -> None:
        try:
            self._opened("/stop", b"")
        except urllib.error.HTTPError as error:
            # Older ones of Locust want a GET; the oldest answer any error of theirs with 500.
            if error.code not in (405, 500):
                raise
            self.get("/stop")

    def _opened(self, path: str, form: bytes | None) -> Any:
        with urllib.request.urlopen(self._base + path, form, timeout=HANGS) as answer:  # noqa: S310 - http
            return json.loads(answer.read())

    def row(self, name: str) -> dict[str, Any]:
        """Return a row of the statistics, empty when it is not there."""
        rows: list[dict[str, Any]] = self.get("/stats/requests")["stats"]
        return next((row for row in rows if row["name"] == name), {})

    def requests(self, name: str) -> int:
        number: int = self.row(name).get("num_requests", 0)
        return number


def _of(records: Path, what: str) -> list[dict[str, Any]]:
    found = (json.loads(line) for line in records.read_text().splitlines(keepends=True) if line.endswith("\n"))
    return [record for record in found if record["record"] == what]


def _clients(records: Path) -> list[str]:
    return [each["clientId"] for each in _of(records, "decision") if each["step"] == "connect"]


def test_stop_and_start_again_disconnect_in_order_and_count_anew_with_the_same_clients(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with commands.gateway(tmp_path, "--log-json", records) as running:
        fleet(tmp_path, running)
        (tmp_path / "locustfile.py").write_text(USER)
        page = Page(port)
        with locust(tmp_path, "alone", "--web-host", "127.0.0.1", "--web-port", str(port)) as process:
            until(page.is_there, tmp_path, "alone")
            came = 0
            # Fewer the second time, as the page shows what it has shown for some seconds more.
            for users in (4, 3):
                page.start(users)
                came += users
                until(lambda total=came: len(_clients(records)) == total, tmp_path, "alone")  # type: ignore[misc]
                # The server accepts a client before Locust has counted it.
                until(lambda n=users: page.requests("connect") == n, tmp_path, "alone")  # type: ignore[misc]
                assert sorted(_clients(records)[-users:]) == [f"device-{number}" for number in range(users)]
                page.stop()
                until(lambda total=came: len(_ended(records)) == total, tmp_path, "alone")  # type: ignore[misc]
                for name in ("connect", "disconnect"):
                    until(lambda n=users, name=name: page.requests(name) == n, tmp_path, "alone")  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            process.wait(HANGS)
    assert {record["reason"] for record in _ended(records)} == {"CLIENT_INITIATED_DISCONNECT"}


def _ended(records: Path) -> list[dict[str, Any]]:
    return _of(records, "disconnect")
