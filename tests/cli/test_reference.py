"""docs/command.md is true to the command: all its options, variables and exit codes, and no others."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from customauth.cli import secrets
from customauth.cli.exits import ExitCode
from customauth.cli.main import cli
from customauth.gateway import load_config

PAGE = (Path(__file__).parents[2] / "docs" / "command.md").read_text()
NAMES = cli.list_commands(click.Context(cli))
SECRETS = (secrets.PASSWORD, secrets.TOKEN, secrets.SIGNATURE, secrets.PASSPHRASE, secrets.JWT)


def _command(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def _options() -> set[str]:
    parameters = [parameter for name in NAMES for parameter in _command(name).params]
    return {word for parameter in parameters for word in parameter.opts if word.startswith("-")}


def _examples() -> list[str]:
    sessions = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = "".join(sessions).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines]


def test_every_option_is_on_the_page_and_no_other() -> None:
    on_page = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", PAGE)) - {"--help", "-m"}
    assert on_page - _options() - {"-ats"} == set()
    assert _options() - on_page == set()


def test_every_command_is_on_the_page() -> None:
    assert set(NAMES) - set(re.findall(r"`(\w+)`", PAGE)) == set()


def test_every_variable_is_on_the_page_and_no_other() -> None:
    variables = {name for secret in SECRETS for name in secret.variables}
    assert set(re.findall(r"CUSTOMAUTH_\w+", PAGE)) == variables


def test_every_exit_code_is_on_the_page_and_no_other() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)] == sorted(ExitCode)


@pytest.mark.parametrize("line", _examples())
def test_an_example_is_understood(line: str) -> None:
    words = shlex.split(line.partition(" < ")[0])
    assert words[0] == "customauth"
    assert _command(words[1]).make_context(words[1], words[2:]).params


def test_the_configuration_on_the_page_loads(tmp_path: Path) -> None:
    from customauth.signing import generate_key_pair

    (tmp_path / "authorizer.py").write_text("def handler(event, context): ...")
    (tmp_path / "public.pem").write_bytes(generate_key_pair().public_pem)
    found = re.search(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    (tmp_path / "gateway.toml").write_text(found[1])
    assert set(load_config(tmp_path / "gateway.toml").authorizers) == {"my-authorizer", "open-door"}
