"""`--cafile`: a file that cannot be used is refused before anything is dialled, and never means the system's CAs."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import run, serving
from servers import authority, silent_server

CUT_OFF = authority().ca_pem[:200] + b"\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"not PEM", b"\xff\xfe", CUT_OFF],
    ids=["empty", "blank", "text", "bytes", "cut-off"],
)
def test_a_ca_file_without_a_certificate_is_refused(
    tmp_path: Path, backend_name: str, version: str, content: bytes
) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with serving(silent_server()) as server:
        words = ["--backend", backend_name, "-V", version, "--timeout", "5", "--cafile", "ca.pem"]
        result = run("connect", *words, str(server.endpoint), cwd=tmp_path)
        assert server.accepted == []
    assert result.code == 2, result.stderr
    assert "CA" in result.last
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["connect", "doctor"])
def test_a_file_that_is_no_ca_is_named_with_what_to_give(tmp_path: Path, command: str) -> None:
    (tmp_path / "public.pem").write_text("-----BEGIN PUBLIC KEY-----\n")
    result = run(command, "--authorizer", "a", "--cafile", "public.pem", "localhost:1", cwd=tmp_path)
    assert result.code == 2
    assert "error: public.pem holds no CA certificate (PEM)\n" in result.stderr
    assert result.last.startswith("next: give --cafile a file with -----BEGIN CERTIFICATE-----")


def test_a_ca_file_that_is_missing_is_named() -> None:
    result = run("connect", "--cafile", "missing.pem", "localhost:1")
    assert result.code == 2
    assert result.stderr == (
        "error: missing.pem: No such file or directory\nnext: give --cafile a file that can be read\n"
    )
