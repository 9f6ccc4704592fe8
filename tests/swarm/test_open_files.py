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


# A guard against hanging, not a measure.
_HANGS = 90.0
# So many sockets there are before files run out.
_FIRST = 8


def _worker_of(parent: int) -> int | None:
    """Return the worker of a swarm with one process, None while there is none (proc(5))."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # Others end meanwhile.
        with contextlib.suppress(OSError):
            mine = int(stat.read_text().rpartition(")")[2].split()[1]) == parent
            if mine and b"customauth.swarm.worker" in (stat.parent / "cmdline").read_bytes():
                return int(stat.parent.name)
    return None


def _sockets(process: int) -> list[int]:
    found = []
    for file in Path(f"/proc/{process}/fd").iterdir():
        # Some are closed meanwhile.
        with contextlib.suppress(OSError):
            if os.readlink(file).startswith("socket:"):
                found.append(int(file.name))
    return found


def _leave_room_for_few(worker: int) -> int:
    """Let a worker have little more than its first files, however many it has by now."""
    import resource

    files = sorted(_sockets(worker))[_FIRST - 1] + 3
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (files, files))
    return files


@pytest.mark.parametrize("backend", BACKENDS)
def test_they_are_named_at_once_and_in_the_report_with_the_limit_and_what_to_change(
    tmp_path: Path, backend: str
) -> None:
    found = tmp_path / "swarm.json"
    words = ["--clients", "40", "--rate", "10", "--duration", "1", "--processes", "1", "--backend", backend]
    # If all are there before there is a limit, they come back from the storm to it.
    with commands.start("swarm", *words, "--storm-after", "0", "--storm-jitter", "0.1", "--json", found) as process:
        while (worker := _worker_of(process.pid)) is None or len(_sockets(worker)) < _FIRST:
            assert process.poll() is None
            time.sleep(0.05)
        files = _leave_room_for_few(worker)
        output, said = process.communicate(timeout=_HANGS)
    assert process.returncode == 7, output
    may = f"(ulimit -n; a process may have {files}): raise that and its hard limit (ulimit -Hn) before the start"
    at_once, _, after_the_end = said.partition("Wrote ")
    assert may in at_once
    assert may not in after_the_end
    assert may in output
    document = json.loads(found.read_text())
    assert any(may in sentence for sentence in document["limits"]["by"])
    # Where a library says something else it is looked at later whether there is a file left, and there may be again.
    assert next(iter(document["errors"])).endswith("EMFILE"), document["errors"]
