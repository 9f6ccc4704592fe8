"""`customauth doctor` on a user name that was copied with what stands around it, against the sample gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import RunningGateway, run


def _cause(stdout: str) -> tuple[str, str, list[str]]:
    cause = json.loads(stdout)["verdict"]["causes"][0]
    return cause["rule"], cause["certainty"], cause["evidence"]


@pytest.mark.parametrize("data", [b'"%s"\n', b"\xef\xbb\xbf%s", b"MQTT_USERNAME='%s'\n", b"MQTT_USERNAME=%s"])
def test_a_device_that_sends_them_is_let_in_without_and_so_they_are_certain(
    data: bytes, sample: RunningGateway, tmp_path: Path
) -> None:
    (tmp_path / "raw").write_bytes(data % b"alice?x-amz-customauthorizer-name=unsigned-sample")
    words = ["--from-username-file", tmp_path / "raw", "--password", "wonderland", "--json", *sample.where()]
    result = run("doctor", *words)
    rule, certainty, evidence = _cause(result.stdout)
    assert (result.code, rule, certainty) == (13, "username-wrapped", "certain")
    assert "with the text without what stands around it: accepted" in " ".join(evidence)


def test_a_file_in_the_unicode_of_windows_is_read(sample: RunningGateway, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes("alice?x-amz-customauthorizer-name=unsigned-sample\r\n".encode("utf-16"))
    words = ["--from-username-file", tmp_path / "raw", "--password", "wonderland", "--json", *sample.where()]
    result = run("doctor", *words)
    assert (result.code, _cause(result.stdout)[0]) == (13, "username-wrapped")
