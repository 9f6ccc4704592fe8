"""Check ``aws`` commands against botocore's service models, without AWS or its CLI. Import as ``aws_commands``.

::

    check(["iot", "create-authorizer", "--authorizer-name", "N", ...], folder)   raises BadCommand, saying why
    printed_type([...])                                      what --query prints: string, list, ...

It knows the grammar of the AWS CLI as far as documentation needs it: options named after the members of the
operation's input, shorthand (``a=b,c=d``) and JSON, ``file://`` and ``fileb://``, flags, ``wait``, ``--query`` and
``--output``, and the one command of the CLI's own, ``cloudformation deploy``.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.model
import botocore.session
import botocore.validate
import jmespath
from botocore import xform_name

# What the AWS CLI adds to operations by itself: an option, and the member that it fills.
_ADDED = {("lambda", "create-function"): {"zip-file": ("Code", "ZipFile")}}
_DEPLOY = {"template-file", "stack-name", "capabilities", "parameter-overrides"}
_PAIR = re.compile(r"""([^=,]+)=('[^']*'|"[^"]*"|[^,]*)(?:,|\Z)""")


class BadCommand(ValueError):
    """The AWS CLI, or the service by its model, would refuse the command."""


@functools.cache
def _session() -> Any:
    return botocore.session.get_session()


@functools.cache
def _operations(service: str) -> Mapping[str, Any]:
    if service not in _session().get_available_services():
        raise BadCommand(f"there is no service {service!r}")
    model = _session().get_service_model(service)
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


def check(words: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the operation's parameters as the AWS CLI would send them.

    :param words: the command without ``aws``, as the shell leaves it.
    :param folder: where ``file://`` names are looked for.
    :raises BadCommand: saying what is wrong.
    """
    service, name, *rest = words
    if (service, name) == ("cloudformation", "deploy"):
        return _deploy(rest, folder)
    if name == "wait":
        name, *rest = rest
        operation = _waited_for(service, name)
    else:
        if name not in _operations(service):
            raise BadCommand(f"{service} has no command {name!r}")
        operation = _operations(service)[name]
    options = _options(rest)
    _check_output(operation, options)
    parameters = _parameters(operation, options, _ADDED.get((service, name), {}), folder)
    report = botocore.validate.ParamValidator().validate(parameters, _input(operation))
    if report.has_errors():
        raise BadCommand(f"{service} {name}: {report.generate_report()}")
    _check_values(_input(operation), parameters)
    return parameters


def printed_type(words: Sequence[str]) -> str | None:
    """Return the type of what ``--query`` with a path of members prints, by the model; None without ``--query``."""
    options = _options(words[2:])
    if "query" not in options:
        return None
    shape = _operations(words[0])[words[1]].output_shape
    for member in options["query"][0].split("."):
        shape = shape.members[member]
    return str(shape.type_name)


def _input(operation: Any) -> Any:
    # An operation without any input has no shape for it.
    return operation.input_shape or botocore.model.StructureShape("Nothing", {"type": "structure", "members": {}})


def _waited_for(service: str, name: str) -> Any:
    waiters = _session().get_waiter_model(service)
    named = {xform_name(waiter, "-"): waiter for waiter in waiters.waiter_names}
    if name not in named:
        raise BadCommand(f"{service} wait has no {name!r}")
    return _operations(service)[xform_name(waiters.get_waiter(named[name]).operation, "-")]


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    values: list[str] | None = None
    for word in words:
        if word.startswith("--"):
            if word[2:] in options:
                raise BadCommand(f"{word} is given twice")
            values = options[word[2:]] = []
        elif values is None:
            raise BadCommand(f"{word!r} belongs to no option")
        else:
            values.append(word)
    return options


def _check_output(operation: Any, options: dict[str, list[str]]) -> None:
    if options.pop("output", ["text"]) not in (["text"], ["json"]):
        raise BadCommand("--output is neither text nor json")
    for query in options.pop("query", []):
        try:
            jmespath.compile(query)
        except jmespath.exceptions.JMESPathError as error:
            raise BadCommand(f"--query: {error}") from error
        first = re.match(r"\w+", query)
        members = operation.output_shape.members if operation.output_shape else {}
        if first is None or first[0] not in members:
            raise BadCommand(f"--query {query}: the answer has no such member")


def _parameters(
    operation: Any, options: Mapping[str, list[str]], added: Mapping[str, tuple[str, str]], folder: Path
) -> dict[str, Any]:
    shapes = {xform_name(member, "-"): (member, shape) for member, shape in _input(operation).members.items()}
    parameters: dict[str, Any] = {}
    for option, values in options.items():
        if option in added:
            outer, inner = added[option]
            parameters[outer] = {inner: _value(_input(operation).members[outer].members[inner], values, option, folder)}
            continue
        flag = option.removeprefix("no-")
        if flag in shapes and shapes[flag][1].type_name == "boolean":
            if values:
                raise BadCommand(f"--{option} takes no value")
            parameters[shapes[flag][0]] = flag == option
        elif option in shapes:
            member, shape = shapes[option]
            parameters[member] = _value(shape, values, option, folder)
        else:
            raise BadCommand(f"{xform_name(operation.name, '-')} has no option --{option}")
    return parameters


def _value(shape: Any, values: list[str], option: str, folder: Path) -> Any:
    if shape.type_name == "list" and not values[0].startswith("["):
        return [_one(shape.member, value, folder) for value in values]
    if len(values) != 1:
        raise BadCommand(f"--{option} takes one value, not {len(values)}")
    return _one(shape, values[0], folder)


def _one(shape: Any, text: str, folder: Path) -> Any:
    if text.startswith(("file://", "fileb://")):
        file = folder / text.partition("://")[2]
        if not file.is_file():
            raise BadCommand(f"{text}: there is no such file")
        if shape.type_name == "blob":
            return file.read_bytes()
        text = file.read_text()
    try:
        match shape.type_name:
            case "blob":
                return base64.b64decode(text, validate=True)
            case "integer" | "long":
                return int(text)
            case "boolean":
                return {"true": True, "false": False}[text]
            case "structure" | "map" | "list" if text.startswith(("{", "[")):
                return json.loads(text)
            case "structure":
                return {name: _one(_member(shape, name), value, folder) for name, value in _pairs(text)}
            case "map":
                return dict(_pairs(text))
    except (ValueError, KeyError) as error:
        raise BadCommand(f"{text!r} is no {shape.type_name}: {error}") from error
    return text


def _member(shape: Any, name: str) -> Any:
    if name not in shape.members:
        raise BadCommand(f"{shape.name} has no member {name!r}")
    return shape.members[name]


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs, at = [], 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            raise BadCommand(f"{text!r} is no shorthand (a=b,c=d)")
        name, value = found.groups()
        pairs.append((name, value[1:-1] if value[:1] in ("'", '"') else value))
        at = found.end()
    return pairs


def _check_values(shape: Any, value: Any) -> None:
    """Check what botocore leaves to the service: enumerations and patterns."""
    match shape.type_name:
        case "structure":
            for name, member in value.items():
                _check_values(shape.members[name], member)
        case "list":
            for member in value:
                _check_values(shape.member, member)
        case "map":
            for name, member in value.items():
                _check_values(shape.key, name)
                _check_values(shape.value, member)
        case "string":
            if shape.enum and value not in shape.enum:
                raise BadCommand(f"{shape.name} is one of {', '.join(shape.enum)}, not {value!r}")
            pattern = shape.metadata.get("pattern")
            if pattern and not re.fullmatch(pattern, value, re.ASCII):
                raise BadCommand(f"{shape.name} {value!r} does not match {pattern}")


def _deploy(words: Sequence[str], folder: Path) -> dict[str, Any]:
    options = _options(words)
    if unknown := set(options) - _DEPLOY:
        raise BadCommand(f"cloudformation deploy: {', '.join(sorted(unknown))} is not known here")
    if missing := {"template-file", "stack-name"} - set(options):
        raise BadCommand(f"cloudformation deploy needs {', '.join(sorted(missing))}")
    template = folder / options["template-file"][0]
    declared = set(re.findall(r"^  (\w+):$", _section(template.read_text(), "Parameters"), re.MULTILINE))
    given = dict(word.split("=", 1) for word in options.get("parameter-overrides", []))
    if unknown := set(given) - declared:
        raise BadCommand(f"the template has no parameter {', '.join(sorted(unknown))}")
    return given


def _section(template: str, name: str) -> str:
    return template.partition(f"\n{name}:\n")[2].partition("\n\n")[0]
