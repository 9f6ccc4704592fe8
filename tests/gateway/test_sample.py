"""The sample that a gateway makes for itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from customauth.gateway import load_config, write_sample
from customauth.signing import sign, verify


def test_the_sample_is_a_configuration_that_loads_and_keys_that_fit(tmp_path: Path) -> None:
    sample = write_sample(tmp_path)
    config = load_config(sample.config_file)
    assert set(config.authorizers) == {"signed-sample", "unsigned-sample"}
    signature = sign("token", sample.private_key_file.read_bytes())
    assert verify("token", signature, sample.public_key_file.read_bytes())
    assert sample.private_key_file.stat().st_mode & 0o077 == 0


def test_its_private_keys_are_not_committed_by_accident(tmp_path: Path) -> None:
    write_sample(tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    status = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_what_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    sample = write_sample(tmp_path)
    sample.function_file.write_text("# mine\n")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write_sample(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_lost_public_key_is_made_again_from_the_private_one(tmp_path: Path) -> None:
    sample = write_sample(tmp_path)
    public = sample.public_key_file.read_bytes()
    sample.public_key_file.unlink()
    write_sample(tmp_path)
    assert sample.public_key_file.read_bytes() == public


def test_a_public_key_that_lost_its_private_one_is_not_replaced(tmp_path: Path) -> None:
    sample = write_sample(tmp_path)
    public = sample.public_key_file.read_bytes()
    sample.private_key_file.unlink()
    with pytest.raises(ValueError, match="lost its private key"):
        write_sample(tmp_path)
    assert sample.public_key_file.read_bytes() == public


def test_keys_that_are_no_pair_are_refused_with_the_mend(tmp_path: Path) -> None:
    sample = write_sample(tmp_path)
    for content in (write_sample(tmp_path / "other").public_key_file.read_bytes(), b"no key"):
        sample.public_key_file.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"public\.pem is not the public key of .*; remove .*public\.pem, and it is"
        ):
            write_sample(tmp_path)
        assert sample.public_key_file.read_bytes() == content


def test_a_private_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_sample(tmp_path).private_key_file.write_text("no key")
    with pytest.raises(ValueError, match=r"private\.pem: "):
        write_sample(tmp_path)
