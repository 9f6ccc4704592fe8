"""A swarm whose processes may open no more files, while it runs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

import pytest

import commands

BACKENDS = commands.installed_backends()
pytestmark = [
    pytest.mark.skipif(not BACKENDS, reason="a swarm needs an MQTT library"),
    pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is Linux's to change"),
]


def _worker_of(parent: int) -> int | None:
    """Return the worker of a swarm with one process, None while there is none (proc(5))."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # Others end meanwhile.
        with contextlib.suppress(OSError):
            mine = int(stat.read_text().rpartition(")")[2].split()[1]) == parent
            if mine and b"customauth.swarm.worker" in (stat.parent / "cmdline").read_bytes():
                return int(stat.parent.name)
    return None


def _sockets(process: int) -> int:
    found = 0
    for file in Path(f"/proc/{process}/fd").iterdir():
        # Some are closed meanwhile.
        with contextlib.suppress(OSError):
            found += os.readlink(file).startswith("socket:")
    return found


def _leave_room_for_two(worker: int) -> int:
    import resource

    files = max(int(name) for name in os.listdir(f"/proc/{worker}/fd")) + 3
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (files, files))
    return files


@pytest.mark.parametrize("backend", BACKENDS)
def test_they_are_named_at_once_and_in_the_report_with_the_limit_and_what_to_change(
    tmp_path: Path, backend: str
) -> None:
    found = tmp_path / "swarm.json"
    words = ["--clients", "40", "--rate", "10", "--duration", "0.5", "--processes", "1", "--backend", backend]
    with commands.start("swarm", *words, "--storm-after", "0", "--storm-jitter", "0.1", "--json", found) as process:
        assert process.stderr is not None
        while (worker := _worker_of(process.pid)) is None or _sockets(worker) < 8:
            assert process.poll() is None
            time.sleep(0.05)
        files = _leave_room_for_two(worker)
        line = next(line for line in process.stderr if "Open files" in line)
        assert process.poll() is None, "it still runs"
        output, _ = process.communicate(timeout=90)
    assert process.returncode == 7, output
    may = f"(ulimit -n; a process may have {files}): raise that and its hard limit (ulimit -Hn) before the start"
    assert may in line
    assert may in output
    document = json.loads(found.read_text())
    assert any(may in sentence for sentence in document["limits"]["by"])
    assert all(kind.endswith("EMFILE") for kind in document["errors"]), document["errors"]
