"""Secrets from the command line, a file, standard input, the environment or a profile; never more than one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import frozen

from customauth._files import without_line_end
from customauth.cli.misuse import Misuse
from customauth.cli.profile import Level, current_profile, level
from customauth.errors import CredentialError

F = TypeVar("F", bound=Callable[..., Any])

_STDIN_USED = "customauth.stdin-used"


@frozen(kw_only=True)
class Secret:
    """One secret and all the ways to give it.

    :param names: its names as options; the first makes the parameter's name, each makes a ``--NAME-file`` and an
        environment variable ``CUSTOMAUTH_NAME``, the last the key in a profile.
    """

    names: tuple[str, ...]
    what: str

    @property
    def parameter(self) -> str:
        return self.names[0].replace("-", "_")

    @property
    def variables(self) -> list[str]:
        return [f"CUSTOMAUTH_{name.replace('-', '_').upper()}" for name in self.names]

    @property
    def key(self) -> str:
        return self.names[-1].replace("-", "_")

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

    def from_profile(self) -> bytes | None:
        """Fetch the secret that the profile of the running command refers to.

        :raises Misuse: it cannot be had.
        """
        profile = current_profile()
        if profile is None or not profile.has(self.key):
            return None
        from customauth.profiles.reading import ProfileError

        try:
            return profile.secret(self.key)
        except ProfileError as error:
            raise Misuse(str(error), error.next_step) from None

    def level(self, options: Mapping[str, Any]) -> Level:
        """Say where the secret would come from; nothing is read."""
        if options[self.parameter] is not None or options[f"{self.parameter}_file"] is not None:
            return Level.COMMAND_LINE
        if self.variable():
            return Level.ENVIRONMENT
        profile = current_profile()
        return Level.ABSENT if profile is None or not profile.has(self.key) else Level.PROFILE

    def leave(self, options: dict[str, Any]) -> None:
        """Take the secret's options away unread: something else stands in its place."""
        del options[self.parameter], options[f"{self.parameter}_file"]

    def take(self, options: dict[str, Any]) -> bytes | None:
        """Take the secret out of a command's options, or from the environment, which they overrule, or a profile.

        :raises Misuse: given twice, or what holds it cannot be read.
        """
        given = self.given(options)
        if given is None:
            given = self.from_environment()
        return self.from_profile() if given is None else given


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


def take_passphrase(options: dict[str, Any], *, key: str) -> bytes | None:
    """Take the passphrase out of a command's options; a profile's is for its own private key only.

    :param key: the parameter that names the private key.
    :raises Misuse: given twice, or what holds it cannot be read.
    """
    if PASSPHRASE.level(options) is Level.PROFILE and level(key) is not Level.PROFILE:
        PASSPHRASE.leave(options)
        return None
    return PASSPHRASE.take(options)


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
        return without_line_end(read_file(path, option))
    take_standard_input(option)
    try:
        return without_line_end(sys.stdin.buffer.read())
    except (AttributeError, OSError) as error:  # closed, it is None
        raise Misuse("standard input cannot be read", f"give {option} a file") from error
