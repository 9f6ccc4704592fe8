"""Where options come from that are not on the command line: first the environment, then a profile."""

from __future__ import annotations

import enum
import functools
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import Factory, frozen
from click.core import ParameterSource

from customauth.cli.misuse import Misuse
from customauth.profiles.keys import KEYS, Kind, canonical

if TYPE_CHECKING:
    from customauth.profiles.reading import Profile, ProfileFile

F = TypeVar("F", bound=Callable[..., Any])

_STATE = "customauth.profile"
_FILE_VARIABLE = "CUSTOMAUTH_CONFIG"
_IN_HOME = Path(".config")
_FILE = Path("customauth", "config.toml")
_OF_AN_ENDPOINT = ("port", "transport", "address")
_PORT = re.compile(r":\d+(?=/|$)", re.ASCII)
# One variable has no room for several values of two words.
_WITHOUT_VARIABLE = (Kind.PAIRS,)


class Level(enum.IntEnum):
    """Where a value comes from; the higher overrules the lower."""

    ABSENT = 0
    PROFILE = 1
    ENVIRONMENT = 2
    COMMAND_LINE = 3


@frozen
class _State:
    """What this run of a command takes from elsewhere: the profile, and by parameter the level of its value."""

    profile: Profile | None = None
    levels: dict[str, Level] = Factory(dict)


def takes_profile(
    *,
    needs_endpoint: bool = False,
    only_beside: Collection[str] = (),
    leave_out: Collection[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    """Add ``--profile``, and let options that are not on the command line come from the environment or the profile.

    It stands directly above the function, which gets the options filled in.

    :param needs_endpoint: without an ENDPOINT from anywhere the command line is incomplete.
    :param only_beside: parameters; where none of them is on the command line, nothing comes from elsewhere.
    :param leave_out: keys that the command does not take from elsewhere.
    :param renamed: by parameter, the key under which profiles have it.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def filled(profile: str | None, **options: Any) -> Any:
            context = click.get_current_context()
            beside = [*filter(functools.partial(_on_command_line, context), only_beside)]
            if beside or not only_beside:
                state = context.meta[_STATE] = _State(_choose(profile))
                _fill(context, state, options, leave_out=leave_out, renamed=renamed or {})
                _settle_endpoint(state, options)
            if needs_endpoint or "profile" in beside:
                _need_endpoint(context, options, leave_out)
            return function(**options)

        option = click.option(
            "--profile",
            metavar="NAME",
            envvar="CUSTOMAUTH_PROFILE",
            shell_complete=_complete_profiles,
            help="Take what is not given here from this profile (customauth profiles).",
        )
        return option(filled)  # type: ignore[return-value]

    return decorate


def current_profile() -> Profile | None:
    """Return the profile that the running command takes its options from."""
    return _state().profile


def elsewhere(key: str) -> str | None:
    """Return the text that the environment, or else the profile, has for what the running command has no option for."""
    profile = current_profile()
    of_profile = profile.values[key] if profile is not None and profile.has(key) else None
    return os.environ.get(_variable(key)) or (None if of_profile is None else str(of_profile))


def level(parameter: str) -> Level:
    """Say where the value of a plain option of the running command comes from; a default is absent."""
    context = click.get_current_context()
    if _on_command_line(context, parameter):
        return Level.COMMAND_LINE
    return _state().levels.get(parameter, Level.ABSENT)


def check_values(profile: Profile, command: click.Command) -> None:
    """Check the values of a profile that a command would take.

    :raises Misuse: one is none that it takes.
    """
    context = click.Context(command)
    for parameter in command.params:
        key = _key(_words(parameter))
        if key is not None and key in profile.values:
            _from_profile(context, parameter, profile, key)


def profile_file() -> tuple[Path, bool]:
    """Return the file that profiles are in, and whether the environment names it."""
    named = os.environ.get(_FILE_VARIABLE)
    if named:
        return Path(named).expanduser(), True
    home = os.environ.get("XDG_CONFIG_HOME", "")
    # Others than absolute paths do not count, says the standard.
    folder = Path(home) if home.startswith("/") else Path(os.path.expanduser("~")) / _IN_HOME
    return folder / _FILE, False


def read_profile_file() -> ProfileFile | None:
    """Read the file that profiles are in; None where there is none and the environment names none.

    :raises Misuse: it cannot be used.
    """
    path, named = profile_file()
    if not named and not os.path.lexists(path):
        return None
    from customauth.profiles.reading import ProfileError, read_profiles

    try:
        return read_profiles(path)
    except ProfileError as error:
        raise Misuse(str(error), error.next_step) from None


def _state() -> _State:
    context = click.get_current_context(silent=True)
    state: _State | None = None if context is None else context.meta.get(_STATE)
    return state or _State()


def _on_command_line(context: click.Context, parameter: str) -> bool:
    return context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE


def _choose(name: str | None) -> Profile | None:
    """Read the profile that is named, or the default one; the empty name is none."""
    if name == "":
        return None
    file = read_profile_file()
    if file is None:
        if name is None:
            return None
        raise Misuse(
            f"there is no profile {name!r}: {profile_file()[0]} does not exist",
            f"write it, with a table [profiles.{name}], or name another file with {_FILE_VARIABLE}",
        )
    from customauth.profiles.reading import ProfileError

    try:
        return file.chosen(name)
    except ProfileError as error:
        raise Misuse(str(error), error.next_step) from None


def _fill(
    context: click.Context,
    state: _State,
    options: dict[str, Any],
    *,
    leave_out: Collection[str],
    renamed: Mapping[str, str],
) -> None:
    for parameter in context.command.params:
        name = parameter.name
        if name is None or name not in options or _on_command_line(context, name):
            continue
        words = [renamed[name]] if name in renamed else [*_words(parameter)]
        key = _key(words)
        if key is None or key in leave_out or KEYS[key] in (Kind.SECRET, Kind.PROXY):
            continue
        variable = next((word for word in map(_variable, words) if os.environ.get(word)), None)
        if variable is not None and KEYS[key] not in _WITHOUT_VARIABLE:
            options[name] = _from_environment(context, parameter, variable)
            state.levels[name] = Level.ENVIRONMENT
        elif state.profile is not None and state.profile.has(key):
            options[name] = _from_profile(context, parameter, state.profile, key)
            state.levels[name] = Level.PROFILE


def _settle_endpoint(state: _State, options: dict[str, Any]) -> None:
    """Let port, transport and address be of the same place as ENDPOINT, which may say the first two itself."""
    endpoint: str | None = options.get("endpoint")
    if endpoint is None:
        return
    found = level("endpoint")
    lower = [name for name in _OF_AN_ENDPOINT if options.get(name) is not None and level(name) < found]
    for name in lower:
        of_another = _has_endpoint(state, level(name))
        said = {"port": _PORT.search(endpoint), "transport": "://" in endpoint}.get(name)
        if of_another or said:
            options[name] = None
    if options.get("port") is not None and level("port") > found:
        options["endpoint"] = _PORT.sub("", endpoint)


def _has_endpoint(state: _State, where: Level) -> bool:
    if where is Level.ENVIRONMENT:
        return bool(os.environ.get(_variable("endpoint")))
    return state.profile is not None and state.profile.has("endpoint")


def _words(parameter: click.Parameter) -> Iterator[str]:
    """Give the names that a parameter may have elsewhere: the long ones of an option, an argument's own."""
    for word in parameter.opts:
        if word.startswith("--"):
            yield word.removeprefix("--")
        elif isinstance(parameter, click.Argument):
            yield word


def _key(words: Iterable[str]) -> str | None:
    return next((canonical(word) for word in words if canonical(word) in KEYS), None)


def _variable(word: str) -> str:
    return f"CUSTOMAUTH_{word.replace('-', '_').upper()}"


def _from_environment(context: click.Context, parameter: click.Parameter, variable: str) -> Any:
    value = os.environ[variable]
    try:
        return parameter.type_cast_value(context, (value,) if parameter.multiple else value)
    except click.BadParameter as error:
        raise Misuse(f"{variable}: {error.message}", f"mend it, or unset {variable}") from None


def _from_profile(context: click.Context, parameter: click.Parameter, profile: Profile, key: str) -> Any:
    value = profile.values[key]
    if parameter.multiple and not isinstance(value, tuple):
        value = (value,)
    try:
        return parameter.type_cast_value(context, value)
    except click.BadParameter as error:
        mend = profile.error(key, error.message)
        raise Misuse(str(mend), mend.next_step) from None


def _need_endpoint(context: click.Context, options: dict[str, Any], leave_out: Collection[str]) -> None:
    if options.get("endpoint") is not None or "endpoint" in leave_out:
        return
    argument = next(parameter for parameter in context.command.params if parameter.name == "endpoint")
    raise click.MissingParameter(ctx=context, param=argument, param_hint="'ENDPOINT'")


def _complete_profiles(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    try:
        file = read_profile_file()
    except Misuse:
        return []
    return [name for name in (file.tables if file else ()) if name.startswith(incomplete)]
