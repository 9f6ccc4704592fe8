"""Secrets from the command line, a file, standard input or the environment; never more than one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import frozen

from customauth.cli.misuse import Misuse
from customauth.errors import CredentialError

F = TypeVar("F", bound=Callable[..., Any])

_STDIN_USED = "customauth.stdin-used"


@frozen(kw_only=True)
class Secret:
    """One secret and all the ways to give it.

    :param names: its names as options; the first makes the parameter's name, each makes a ``--NAME-file`` and an
        environment variable ``CUSTOMAUTH_NAME``.
    """

    names: tuple[str, ...]
    what: str

    @property
    def parameter(self) -> str:
        return self.names[0].replace("-", "_")

    @property
    def variables(self) -> list[str]:
        return [f"CUSTOMAUTH_{name.replace('-', '_').upper()}" for name in self.names]

    def options(self, command: F) -> F:
        """Add the options to a command."""
        value = click.option(
            *[f"--{name}" for name in self.names],
            self.parameter,
            metavar="TEXT",
            help=f"{self.what} Visible in the process list: prefer the file or {self.variables[-1]}.",
        )
        file = click.option(
            *[f"--{name}-file" for name in self.names],
            f"{self.parameter}_file",
            type=click.Path(),
            metavar="PATH",
            help="The same from a file, one line end at its end dropped; - is standard input.",
        )
        return value(file(command))

    def given(self, options: dict[str, Any]) -> bytes | None:
        """Take the secret out of a command's options.

        :raises Misuse: given twice, or the file cannot be read.
        """
        option = f"--{self.names[-1]}"
        value: str | None = options.pop(self.parameter)
        file: str | None = options.pop(f"{self.parameter}_file")
        if value is not None and file is not None:
            raise Misuse(f"{option} and {option}-file are both given", "give one of them")
        if value is not None:
            return os.fsencode(value)
        return None if file is None else _read_secret_file(file, f"{option}-file")

    def variable(self) -> str | None:
        """Return the environment variable that holds the secret; an empty one holds none."""
        return next((name for name in self.variables if os.environ.get(name)), None)

    def from_environment(self) -> bytes | None:
        """Read the secret from the environment."""
        name = self.variable()
        return None if name is None else os.environb[os.fsencode(name)]

    def take(self, options: dict[str, Any]) -> bytes | None:
        """Take the secret out of a command's options, or from the environment, which an option overrules.

        :raises Misuse: given twice, or the file cannot be read.
        """
        given = self.given(options)
        return self.from_environment() if given is None else given


PASSWORD = Secret(names=("password",), what="The password, any bytes.")
TOKEN = Secret(names=("authorizer-token-key-value", "token"), what="The token.")
SIGNATURE = Secret(names=("authorizer-signature", "token-signature"), what="The token's signature in base64.")
JWT = Secret(names=("jwt",), what="An RS256 JWT, token and signature in one.")
PASSPHRASE = Secret(names=("passphrase",), what="The passphrase of the private key.")
PROXY = Secret(
    names=("proxy",), what="Connect through this proxy: http://[USER:PASSWORD@]HOST:PORT, or socks5:// or socks5h://."
)


def take_token(options: dict[str, Any]) -> str:
    """Take the token out of a command's options.

    :raises Misuse: when there is none.
    :raises CredentialError: when it is not text.
    """
    token = TOKEN.take(options)
    if token is None:
        raise Misuse("which token?", "add --token-file PATH (- for standard input)")
    return as_text("the token", token)


def take_standard_input(option: str) -> None:
    """Note that an option reads standard input.

    :raises Misuse: something else does already.
    """
    context = click.get_current_context()
    if context.meta.get(_STDIN_USED):
        raise Misuse("only one thing can come from standard input", f"give {option} a file")
    context.meta[_STDIN_USED] = True


def as_text(what: str, raw: bytes) -> str:
    """Decode a secret that has to be text.

    :raises CredentialError: when it is not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise CredentialError(f"{what} is not UTF-8 text; give it as text") from None


def read_file(path: str, option: str) -> bytes:
    """Read a file that an option names.

    :raises Misuse: when it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror or error}", f"give {option} a file that can be read") from error


def _read_secret_file(path: str, option: str) -> bytes:
    """Read a file, or standard input for ``-``, without one line end at its end."""
    if path != "-":
        return _without_line_end(read_file(path, option))
    take_standard_input(option)
    try:
        return _without_line_end(sys.stdin.buffer.read())
    except (AttributeError, OSError) as error:  # closed, it is None
        raise Misuse("standard input cannot be read", f"give {option} a file") from error


def _without_line_end(content: bytes) -> bytes:
    end = next((end for end in (b"\r\n", b"\n") if content.endswith(end)), b"")
    return content.removesuffix(end)
