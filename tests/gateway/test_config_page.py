"""The page about the configuration says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from customauth.gateway import ConfigError, load_config
from customauth.gateway.ca import server_identity
from customauth.gateway.config_parse import parse_config
from customauth.signing import generate_key_pair

PAGE = (Path(__file__).parents[2] / "docs" / "gateway-config.md").read_text()
AUTHORIZER = '[authorizers.a]\nfunction = "authorizer.py:handler"\nsigning_disabled = true\n'
POLICY = '{"Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the files that the page's configuration names."""
    (tmp_path / "authorizer.py").write_text("def handler(event, context): ...")
    (tmp_path / "public.pem").write_bytes(generate_key_pair().public_pem)
    (tmp_path / "pump7.pem").write_bytes(server_identity(tmp_path / "ca", ["pump"]).certificate_file.read_bytes())
    (tmp_path / "pump7-policy.json").write_text(POLICY)
    return tmp_path


def example() -> str:
    found = re.search(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def known(text: str, folder: Path) -> set[str]:
    """Return the keys that are known where a text ends."""
    with pytest.raises(ConfigError, match="no-such-key: unknown; known here: ") as caught:
        parse_config(f"{text}\nno-such-key = 1\n", file=folder / "gateway.toml")
    return set(str(caught.value).rpartition(": ")[2].split(", "))


def test_the_configuration_on_the_page_loads(folder: Path) -> None:
    (folder / "gateway.toml").write_text(example())
    config = load_config(folder / "gateway.toml")
    assert config.server_names == ("localhost", "wss.example.test")


def section(header: str) -> str:
    (found,) = re.findall(rf"^## `\[{header}\]`\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


# Each table, and the keys that it cannot be without.
TABLES = pytest.mark.parametrize(
    ("header", "needed"),
    [
        ("gateway", ""),
        ("authorizers.NAME", AUTHORIZER.partition("\n")[2]),
        ("domain_configurations.NAME", 'server_name = "a.test"\n'),
        ("client_certificates.NAME", 'certificate = "pump7.pem"\n'),
    ],
)


@TABLES
def test_every_key_is_on_the_page_and_no_other(header: str, needed: str, folder: Path) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| ", section(header), re.MULTILINE)
    assert set(rows) == known(f"{AUTHORIZER}[{header}]\n{needed}", folder)
    assert len(rows) == len(set(rows))


@TABLES
def test_a_key_that_is_left_out_is_what_the_page_says(header: str, needed: str, folder: Path) -> None:
    defaults = re.findall(r"^\| `([a-z_]+)` \| `([^`]+)`", section(header), re.MULTILINE)
    stated = "".join(f"{key} = {value}\n" for key, value in defaults if f"{key} = " not in needed)
    assert stated
    without, with_defaults = (
        parse_config(f"{AUTHORIZER}[{header}]\n{needed}{lines}", file=folder / "gateway.toml") for lines in ("", stated)
    )
    assert with_defaults == without
