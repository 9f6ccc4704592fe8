"""Several first starts in one empty folder at once, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from customauth.gateway import write_sample

# Waits for its standard input to close, so that all of them begin at once. A gateway that loads a certificate and a key
# that do not belong together raises.
_START = """
import sys
from pathlib import Path
from customauth.gateway import Gateway, load_config, write_sample
print("ready", flush=True)
sys.stdin.read()
folder = Path(sys.argv[1])
sample = write_sample(folder)
gateway = Gateway(load_config(sample.config_file), folder=folder / "ca")
keys = [sample.private_key_file.read_bytes(), sample.public_key_file.read_bytes(), gateway.ca_file.read_bytes()]
print(repr(keys))
"""


def test_several_first_starts_at_once_share_one_sample_and_one_ca(tmp_path: Path) -> None:
    folder = tmp_path / "customauth-gateway"
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", _START, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    ends = [process.communicate(timeout=90) for process in starting]
    assert [error for _, error in ends] == [""] * len(ends)
    assert len({output for output, _ in ends}) == 1
    write_sample(folder)
    names = {file.name for file in folder.rglob("*") if file.is_file()}
    assert names == {
        *(".gitignore", ".lock", "authorizer.py", "gateway.toml", "private.pem", "public.pem"),
        *("ca.pem", "ca-key.pem", "server.pem", "server-key.pem"),
    }
