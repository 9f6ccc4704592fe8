"""docs/command.md is true to the command: all its options, variables and exit codes, and no others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from customauth.cli import secrets
from customauth.cli.contexts import CONTEXTS
from customauth.cli.doctor_options import FROM_QUERY, FROM_USERNAME
from customauth.cli.exits import ExitCode
from customauth.cli.main import cli
from customauth.gateway import load_config
from customauth.profiles.keys import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "command.md").read_text()
NAMES = cli.list_commands(click.Context(cli))
SECRETS = (
    *(secrets.PASSWORD, secrets.TOKEN, secrets.SIGNATURE, secrets.PASSPHRASE, secrets.JWT, secrets.PROXY),
    *(FROM_USERNAME, FROM_QUERY),
    *CONTEXTS,
)


def _command(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def _commands() -> Iterator[click.Command]:
    """Give every command, and those below it."""
    for command in map(_command, NAMES):
        yield command
        if isinstance(command, click.Group):
            yield from (_below(command, name) for name in command.list_commands(click.Context(command)))


def _below(group: click.Group, name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


def _options() -> set[str]:
    parameters = [parameter for command in _commands() for parameter in command.params]
    words = {word for parameter in parameters for word in (*parameter.opts, *parameter.secondary_opts)}
    return {word for word in words if word.startswith("-")}


def _examples() -> list[str]:
    sessions = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = "".join(sessions).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines]


def test_every_option_is_on_the_page_and_no_other() -> None:
    on_page = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", PAGE)) - {"--help"}
    assert on_page - _options() - {"-ats"} == set()
    assert _options() - on_page == set()


def test_every_command_is_on_the_page() -> None:
    assert set(NAMES) - set(re.findall(r"`(\w+)`", PAGE)) == set()


def test_every_command_below_another_has_a_section() -> None:
    below = [(name, group) for name in NAMES if isinstance(group := _command(name), click.Group)]
    names = [f"{name} {sub}" for name, group in below for sub in group.list_commands(click.Context(group))]
    assert names
    assert set(names) - set(re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)) == set()


def test_every_variable_is_on_the_page_and_no_other() -> None:
    variables = {name for secret in SECRETS for name in secret.variables} | {"CUSTOMAUTH_CONFIG", "CUSTOMAUTH_PROFILE"}
    on_page = set(re.findall(r"CUSTOMAUTH_\w+", PAGE))
    assert variables - on_page == set()
    assert on_page - variables <= {f"CUSTOMAUTH_{key.upper()}" for key in KEYS}


def test_every_exit_code_is_on_the_page_and_no_other() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)] == sorted(ExitCode)


@pytest.mark.parametrize("line", _examples())
def test_an_example_is_understood(line: str) -> None:
    words = shlex.split(line.partition(" < ")[0])
    assert words[0] == "customauth"
    command, rest = _command(words[1]), words[2:]
    if isinstance(command, click.Group):
        command, rest = _below(command, rest[0]), rest[1:]
    assert command.make_context(words[1], rest).params


def test_the_configuration_on_the_page_loads(tmp_path: Path) -> None:
    from customauth.signing import generate_key_pair

    (tmp_path / "authorizer.py").write_text("def handler(event, context): ...")
    (tmp_path / "public.pem").write_bytes(generate_key_pair().public_pem)
    found = re.search(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    (tmp_path / "gateway.toml").write_text(found[1])
    assert set(load_config(tmp_path / "gateway.toml").authorizers) == {"my-authorizer", "open-door"}
