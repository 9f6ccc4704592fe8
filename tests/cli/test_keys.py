"""`customauth keygen`, `sign` and `verify`."""

from __future__ import annotations

import base64
import stat
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from commands import run


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    assert run("keygen", "--dir", folder).code == 0
    return folder


@pytest.fixture(scope="module")
def signature(keys: Path) -> str:
    return run("sign", "--key", str(keys / "private.pem"), "--token", "tök-1").stdout.strip()


def test_keygen_writes_a_private_key_that_only_its_owner_reads(keys: Path) -> None:
    assert stat.S_IMODE((keys / "private.pem").stat().st_mode) == 0o600
    key = serialization.load_pem_private_key((keys / "private.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


def test_keygen_says_what_to_do_with_the_files(tmp_path: Path) -> None:
    result = run("keygen", "--dir", "some keys", "--bits", "3072", cwd=tmp_path)
    assert result.code == 0
    assert "aws iot create-authorizer" in result.stdout
    assert "\"$(cat 'some keys/public.pem')\"" in result.stdout
    assert run("sign", "--key", "some keys/private.pem", "--token", "x", cwd=tmp_path).code == 0


def test_keygen_in_json(tmp_path: Path) -> None:
    result = run("keygen", "--json", cwd=tmp_path)
    assert result.json() == {"private_key": "private.pem", "public_key": "public.pem", "bits": 2048}


@pytest.mark.parametrize("there", ["private.pem", "public.pem"])
def test_keygen_never_overwrites_without_force(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    result = run("keygen", "--dir", tmp_path)
    assert result.code == 2
    assert f"{there} would be lost" in result.stderr
    assert result.last == "next: choose another --dir, or replace with --force"
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {there: "precious"}
    assert run("keygen", "--dir", tmp_path, "--force").code == 0
    assert (tmp_path / there).read_text().startswith("-----BEGIN")


@pytest.mark.parametrize("name", ["occupied/deeper", "occupied", "x" * 300])
def test_keygen_names_a_folder_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")
    result = run("keygen", "--dir", tmp_path / name)
    assert result.code == 2
    assert str(tmp_path / name) in result.stderr
    assert result.last == "next: choose a --dir that can be written"
    assert "Traceback" not in result.stderr


def test_a_passphrase_encrypts_the_key(tmp_path: Path) -> None:
    assert run("keygen", "--dir", tmp_path, "--passphrase-file", "-", stdin=b"phrase\n").code == 0
    words = ["sign", "--key", str(tmp_path / "private.pem"), "--token", "x"]
    assert b"ENCRYPTED" in (tmp_path / "private.pem").read_bytes()
    assert run(*words, env={"CUSTOMAUTH_PASSPHRASE": "phrase"}).code == 0
    for missing_or_wrong in (run(*words), run(*words, "--passphrase", "other")):
        assert missing_or_wrong.code == 2
        assert "passphrase" in missing_or_wrong.last


def test_a_signature_is_what_openssl_verifies(keys: Path, signature: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes("tök-1".encode())
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    command = ["openssl", "dgst", "-sha256", "-verify", str(keys / "public.pem"), "-signature", "signature", "token"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.stdout == "Verified OK\n"


def test_sign_percent_encodes_on_demand(keys: Path, signature: str) -> None:
    words = ["sign", "--key", str(keys / "private.pem"), "--token", "tök-1"]
    encoded = run(*words, "--encoded").stdout.strip()
    assert set("+/=") & set(encoded) == set()
    assert unquote(encoded) == signature
    assert run(*words, "--json").json() == {"signature": signature}


def test_verify_says_whether_the_signature_is_of_this_token(keys: Path, signature: str) -> None:
    words = ["verify", "--public-key", str(keys / "public.pem"), "--token-signature", signature]
    good = run(*words, "--token", "tök-1")
    assert (good.code, good.stdout) == (0, "The signature verifies.\n")
    assert run(*words, "--token-file", "-", stdin="tök-1\n".encode()).code == 0
    bad = run(*words, "--token", "tök-2")
    assert (bad.code, bad.stdout) == (2, "The signature does not verify.\n")
    assert bad.last.startswith("next: sign exactly this token")
    assert run(*words, "--token", "tök-1", "--json").json() == {"verifies": True}
    assert run(*words, "--token", "tök-2", "--json").json() == {"verifies": False}


def test_verify_takes_a_percent_encoded_signature(keys: Path) -> None:
    encoded = run("sign", "--key", str(keys / "private.pem"), "--token", "x", "--encoded").stdout.strip()
    assert (
        run("verify", "--public-key", str(keys / "public.pem"), "--token", "x", "--token-signature", encoded).code == 0
    )


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["sign", "--key", "private.pem"], "add --token-file PATH (- for standard input)"),
        (["verify", "--public-key", "public.pem", "--token", "x"], "add --token-signature-file PATH"),
        (["sign", "--key", "missing.pem", "--token", "x"], "give --key a file that can be read"),
        (["sign", "--key", "public.pem", "--token", "x"], "signing needs the private key"),
        (["sign", "--key", "nonsense.pem", "--token", "x"], "-----BEGIN PRIVATE KEY-----"),
        (["verify", "--public-key", ".", "--token", "x", "--token-signature", "S"], "give --public-key a file"),
        (["verify", "--public-key", "private.pem", "--token", "x", "--token-signature", "S"], "give the public key"),
        (["verify", "--public-key", "nonsense.pem", "--token", "x", "--token-signature", "S"], "-----BEGIN PUBLIC KEY"),
        (["verify", "--public-key", "public.pem", "--token", "x", "--token-signature", "cut"], "copy it whole"),
    ],
)
def test_a_key_or_token_that_cannot_work_ends_with_the_mend(
    keys: Path, signature: str, tmp_path: Path, words: list[str], mend: str
) -> None:
    for file in ("private.pem", "public.pem"):
        (tmp_path / file).write_bytes((keys / file).read_bytes())
    (tmp_path / "nonsense.pem").write_text("nonsense")
    result = run(*(signature if word == "S" else word for word in words), cwd=tmp_path)
    assert result.code == 2
    assert mend in result.last
    assert "Traceback" not in result.stderr
