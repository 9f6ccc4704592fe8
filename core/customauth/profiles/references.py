"""References to secrets: ``file:PATH``, ``env:NAME``, ``cmd:COMMAND``."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from attrs import frozen

from customauth._files import without_line_end

_SCHEMES = ("file", "env", "cmd")
_COMMAND_TIMEOUT = 10.0


class UnusableReference(ValueError):
    """What a reference names cannot be had; the message never holds any of it."""


@frozen(kw_only=True)
class Reference:
    """Where a secret is.

    :param scheme: ``file``, ``env`` or ``cmd``.
    :param target: a path, the name of an environment variable, or a command.
    :param folder: what relative paths start from, and where a command runs.
    """

    scheme: str
    target: str
    folder: Path

    @classmethod
    def parse(cls, text: str, *, folder: Path) -> Reference | None:
        """Read a reference; None for a text that is none.

        :raises UnusableReference: it names nothing, or its command has a quotation mark that is never closed.
        """
        scheme, colon, target = text.partition(":")
        if not colon or scheme not in _SCHEMES:
            return None
        if not target.strip():
            raise UnusableReference(f"there is nothing behind {scheme}:")
        reference = cls(scheme=scheme, target=target, folder=folder)
        if scheme == "cmd":
            reference._words()
        return reference

    def __str__(self) -> str:
        return f"{self.scheme}:{self.target}"

    def read(self) -> bytes:
        """Fetch the secret, without one line end at the end of a file or of what a command prints.

        :raises UnusableReference: it cannot be had.
        """
        if self.scheme == "env":
            return self._from_environment()
        return without_line_end(self._from_file() if self.scheme == "file" else self._from_command())

    def _from_file(self) -> bytes:
        path = located(self.target, self.folder)
        try:
            return path.read_bytes()
        except (OSError, ValueError) as error:
            raise UnusableReference(f"{path}: {getattr(error, 'strerror', None) or error}") from None

    def _from_environment(self) -> bytes:
        value = os.environb.get(os.fsencode(self.target), b"")
        if not value:
            raise UnusableReference(f"the environment variable {self.target} is not set")
        return value

    def _from_command(self) -> bytes:
        words = self._words()
        try:
            # The person may be asked something on the terminal, but standard input belongs to the messages.
            with subprocess.Popen(  # noqa: S603 - the person's own file says what is run, and no shell reads it
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=self.folder
            ) as process:
                output = _output(process)
        except (OSError, ValueError) as error:
            raise UnusableReference(f"{words[0]}: {getattr(error, 'strerror', None) or error}") from None
        except subprocess.TimeoutExpired:
            raise UnusableReference(f"{words[0]} has not ended within {_COMMAND_TIMEOUT:g} seconds") from None
        if process.returncode:
            raise UnusableReference(f"{words[0]} ended with {_ending(process.returncode)}")
        if not output:
            raise UnusableReference(f"{words[0]} printed nothing")
        return output

    def _words(self) -> list[str]:
        try:
            words = shlex.split(self.target)
        except ValueError:
            raise UnusableReference("the command has a quotation mark that is never closed") from None
        if not words or not words[0]:
            raise UnusableReference("there is no command behind cmd:")
        return [os.path.expanduser(words[0]), *words[1:]]


def located(path: str, folder: Path) -> Path:
    """Return the path of a file that a profile names."""
    return folder / os.path.expanduser(path)


def _output(process: subprocess.Popen[bytes]) -> bytes:
    try:
        return process.communicate(timeout=_COMMAND_TIMEOUT)[0]
    except BaseException:
        # Whatever the command has started may hold the pipe for longer: nobody waits for its end.
        process.kill()
        raise


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
