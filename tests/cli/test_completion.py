"""Shell completion, as the shells themselves ask for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from commands import COMMAND, run
from customauth import PluginManager
from customauth.cli.completion import _VARIABLE
from loaded import loaded_by

SHELLS = ("bash", "zsh", "fish")

# Calls the function that bash would call when TAB is pressed behind the words, and prints what it offers.
_PRESS_TAB = """
eval "$(customauth completion bash)"
complete -p customauth >&2
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
compopt() { echo "by bash: $1 $2"; }
_customauth_completion customauth
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _needs(shell: str) -> ParameterSet:
    missing = shutil.which(shell) is None
    return pytest.param(shell, marks=pytest.mark.skipif(missing, reason=f"{shell} is not installed"))


def _environment(folder: Path) -> dict[str, str]:
    """Make an environment in which the shells find the command that is tested, and profiles."""
    program = folder / "bin" / "customauth"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m customauth "$@"\n')
    program.chmod(0o700)
    (folder / "config.toml").write_text("[profiles.lab]\n[profiles.production]\n[profiles.bad]\nx = 1\n")
    return {
        "PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "CUSTOMAUTH_CONFIG": str(folder / "config.toml"),
    }


def _tab(folder: Path, *words: str) -> list[str]:
    made = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", _PRESS_TAB, "bash", *words],
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "-F _customauth_completion customauth" in made.stderr
    return [line for line in made.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["pro"], ["profiles"]),
        (["authorizer", "t"], ["test"]),
        (["policy", ""], ["explain", "lint"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["connect", "--profile", ""], ["lab", "production", "bad"]),
        (["sub", "--profile", "p"], ["production"]),
        (["connect", "--protocol", ""], ["5", "3.1.1"]),
        (["connect", "--token-s"], ["--token-signature", "--token-signature-file"]),
        (["connect", "--cafile", ""], ["by bash: -o default"]),
        (["connect", "--password-file", "x"], ["by bash: -o default"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_bash_is_offered_what_can_follow(tmp_path: Path, words: list[str], offered: Sequence[str]) -> None:
    assert _tab(tmp_path, "customauth", *words) == list(offered)


def test_bash_is_offered_every_command(tmp_path: Path) -> None:
    from customauth.cli.main import cli

    offered = _tab(tmp_path, "customauth", "")
    assert set(offered) == {*cli._modules}


@pytest.mark.parametrize("command", ["connect", "compare"])
def test_bash_is_offered_the_backends(tmp_path: Path, command: str) -> None:
    assert _tab(tmp_path, "customauth", command, "--backend", "") == PluginManager().names()


@pytest.mark.parametrize("shell", [_needs("zsh"), _needs("fish")])
def test_the_script_is_understood_by_its_shell(tmp_path: Path, shell: str) -> None:
    check = {
        "zsh": 'autoload -U compinit; compinit -u; eval "$(customauth completion zsh)"; print $_comps[customauth]',
        "fish": "customauth completion fish | source; complete -C 'customauth connect --profile l'",
    }[shell]
    made = subprocess.run([shell, "-c", check], env=_environment(tmp_path), capture_output=True, text=True, check=True)
    assert made.stderr == ""
    assert made.stdout.strip() in {"_customauth_completion", "lab"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_the_command_by_its_variable(shell: str) -> None:
    result = run("completion", shell)
    assert result.code == 0
    assert f"{_VARIABLE}={shell}_complete" in result.stdout
    assert "customauth" in result.stdout


def test_an_unknown_shell_is_a_usage_error_that_names_the_known(tmp_path: Path) -> None:
    result = run("completion", "tcsh")
    assert result.code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr


def _asked(words: str, position: int, **env: str) -> subprocess.CompletedProcess[str]:
    question = {_VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    return subprocess.run([*COMMAND], env=question | env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("text", ["[[[", "profiles = 1", "default = 1"])
def test_a_broken_file_of_profiles_offers_nothing_and_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    env = {"CUSTOMAUTH_CONFIG": str(tmp_path / "config.toml"), "CUSTOMAUTH_PORT": "x", "CUSTOMAUTH_PROFILE": "none"}
    asked = _asked("customauth connect --profile ", 3, **env)
    assert (asked.returncode, asked.stdout.strip(), asked.stderr) == (0, "", "")
    assert "plain,--port" in _asked("customauth connect --po", 2, **env).stdout


def test_completing_a_command_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {_VARIABLE: "bash_complete", "COMP_WORDS": "customauth co", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    loaded = loaded_by()
    assert "customauth.cli.subcommands" in loaded
    assert loaded & {"customauth.cli.connect", "customauth.cli.compare", "customauth.cli.completion"} == set()
