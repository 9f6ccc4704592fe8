"""`--help`: what it says, and what it does not load."""

from __future__ import annotations

import click
import pytest

from commands import run
from customauth import __version__
from customauth.cli.exits import ExitCode
from customauth.cli.main import cli
from loaded import loaded_by

COMMANDS = cli.list_commands(click.Context(cli))
HEAVY = {"asyncio", "ssl", "_ssl", "h11", "websockets", "cryptography", "paho", "gmqtt", "mqttium", "awscrt", "awsiot"}
BACKENDS = {"customauth_paho", "customauth_gmqtt", "customauth_mqttium", "customauth_awscrt"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_loads_no_mqtt_library_no_asyncio_and_no_ssl(words: list[str]) -> None:
    assert loaded_by(*words) & (HEAVY | BACKENDS) == set()


def test_listing_the_backends_loads_no_mqtt_library(backend_name: str) -> None:
    loaded = loaded_by("backends")
    assert f"customauth_{backend_name}" in loaded
    assert loaded & {"paho", "gmqtt", "mqttium", "awscrt", "awsiot"} == set()


def test_help_lists_every_command_and_exit_code() -> None:
    result = run("--help")
    assert result.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.stdout
    flat = " ".join(result.stdout.split())
    for code in set(ExitCode) - {ExitCode.OK}:
        assert f" {int(code)} " in flat
    assert result.stdout.endswith("Start with: customauth demo\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    result = run(name, "-h")
    assert result.code == 0
    assert result.stdout.startswith(f"Usage: customauth {name} [OPTIONS]")


def test_version_is_the_distributions() -> None:
    assert run("--version").stdout == f"customauth, version {__version__}\n"


def test_without_a_command_it_shows_the_help_as_a_usage_error() -> None:
    result = run()
    assert (result.code, result.stdout) == (2, "")
    assert result.last.strip() == "Start with: customauth demo"


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (["frob"], "next: customauth --help tells what it takes"),
        (["connect"], "next: customauth connect --help tells what it takes"),
        (["connect", "--frob", "x"], "next: customauth connect --help tells what it takes"),
        (["connect", "-V", "4", "x"], "next: customauth connect --help tells what it takes"),
        (["connect", "--port", "0", "x"], "next: customauth connect --help tells what it takes"),
        (["gateway", "--port", "65536"], "next: customauth gateway --help tells what it takes"),
        (["sign", "--token", "x"], "next: customauth sign --help tells what it takes"),
    ],
)
def test_a_command_line_that_cannot_be_read_ends_with_where_to_look(words: list[str], next_step: str) -> None:
    result = run(*words)
    assert result.code == 2
    assert result.last == next_step
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr
