"""AWS's protocols from the server's side, by botocore's service models. Import as ``aws_account_wire``.

::

    call = read_call(method, target, headers, body)     which operation, of which service, with what
    status, headers, body = answer(call, {...})         validated against the operation's output shape
    status, headers, body = failure(call, Refused(...)) with the status that the model has for the error's code

It speaks rest-json (IoT, Lambda), json (CloudWatch Logs) and query (STS); the service is the one that the request is
signed for.
"""

from __future__ import annotations

import base64
import datetime
import functools
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import botocore.session
import botocore.validate
from attrs import field, frozen

SERVICES = ("iot", "lambda", "logs", "sts")

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# What every service may say; no model lists them. The status is that of AWS's page on common errors.
_COMMON_ERRORS = {"AccessDeniedException": 403, "AccessDenied": 403, "ValidationException": 400}

HttpAnswer = tuple[int, dict[str, str], bytes]


class Refused(Exception):
    """An error of a service.

    :ivar code: its name in the service's model.
    :ivar text: its message; None where AWS sends a null.
    """

    def __init__(self, code: str, text: str | None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


@frozen(kw_only=True)
class Call:
    """One request to AWS.

    :ivar model: botocore's model of the operation.
    :ivar region: the region that the request is signed for.
    """

    service: str
    region: str
    model: Any = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)

    @property
    def operation(self) -> str:
        return str(self.model.name)

    @property
    def action(self) -> str:
        """What a caller must be permitted to do, such as ``iot:DescribeAuthorizer``."""
        return f"{self.service}:{self.operation}"


def read_call(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Find the operation, and parse what it is called with.

    :raises ValueError: not a signed request to a service that is known here, or not one of its operations.
    """
    scope = _SCOPE.search(headers.get("Authorization", ""))
    if scope is None:
        raise ValueError("the request is not signed")
    service = next((name for name in SERVICES if _signing_name(name) == scope["service"]), None)
    if service is None:
        raise ValueError(f"there is no service {scope['service']!r} here")
    model = _model(service)
    match model.metadata["protocol"]:
        case "rest-json":
            operation, parameters = _read_rest(model, method, target, headers, body)
        case "json":
            operation = model.operation_model(headers["X-Amz-Target"].partition(".")[2])
            parameters = _from_json(operation.input_shape, json.loads(body or b"{}"))
        case "query":
            given = parse_qs(body.decode(), keep_blank_values=True)
            operation = model.operation_model(given.pop("Action")[0])
            given.pop("Version")
            parameters = {name: values[0] for name, values in given.items()}
        case other:
            raise ValueError(f"the protocol {other} is not spoken here")
    return Call(service=service, region=scope["region"], model=operation, parameters=parameters)


def check_input(call: Call) -> None:
    """Check the parameters against the model: types, needed members, lengths, patterns.

    :raises Refused: as the service does (B15).
    """
    shape = call.model.input_shape
    if shape is None:
        return
    report = botocore.validate.ParamValidator().validate(call.parameters, shape)
    broken = [report.generate_report()] if report.has_errors() else list(_broken_patterns(shape, call.parameters, ""))
    if broken:
        code = "InvalidRequestException" if call.service == "iot" else "ValidationException"
        raise Refused(code, f"{len(broken)} validation error detected: {'; '.join(broken)}")


def answer(call: Call, output: Mapping[str, Any]) -> HttpAnswer:
    """Write the answer of an operation.

    :raises botocore.exceptions.ParamValidationError: it does not have the shape that the model says.
    """
    shape = call.model.output_shape
    botocore.validate.validate_parameters(output, shape)
    if call.model.service_model.metadata["protocol"] == "query":
        name = call.operation
        namespace = call.model.service_model.metadata["xmlNamespace"]
        result = "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in output.items())
        text = (
            f'<{name}Response xmlns="{namespace}"><{shape.serialization["resultWrapper"]}>{result}'
            f"</{shape.serialization['resultWrapper']}><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId>"
            f"</ResponseMetadata></{name}Response>"
        )
        return 200, {"Content-Type": "text/xml"}, text.encode()
    elsewhere = [name for name, member in shape.members.items() if "location" in member.serialization]
    assert not elsewhere, f"{call.operation} answers with {elsewhere} outside of the body, which nothing here writes"
    return _status(call), _json_headers(call), json.dumps(_to_json(shape, output)).encode()


def failure(call: Call, refused: Refused) -> HttpAnswer:
    """Write an error as the service of a call does.

    :raises ValueError: the model has no such error for the operation, and no service says it for all of them.
    """
    if call.model.service_model.metadata["protocol"] == "query":
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{refused.code}</Code>"
            f"<Message>{escape(refused.text or '')}</Message></Error>"
            f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        )
        return _COMMON_ERRORS[refused.code], {"Content-Type": "text/xml"}, text.encode()
    shape = next((shape for shape in call.model.error_shapes if shape.name == refused.code), None)
    if shape is None and refused.code not in _COMMON_ERRORS:
        raise ValueError(f"{call.operation} has no error {refused.code}")
    member = "message"
    if shape is not None:
        member = next((name for name in shape.members if name.lower() == "message"), member)
    content = {member: refused.text}
    if call.service == "logs":
        return 400, _json_headers(call), json.dumps({"__type": refused.code} | content).encode()
    status = _COMMON_ERRORS[refused.code] if shape is None else shape.metadata["error"]["httpStatusCode"]
    return status, _json_headers(call) | {"x-amzn-ErrorType": refused.code}, json.dumps(content).encode()


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _signing_name(service: str) -> str:
    metadata = _model(service).metadata
    return str(metadata.get("signingName", metadata["endpointPrefix"]))


@functools.cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """List method, path and name of the operations of a service that has paths, the most literal paths first."""
    model = _model(service)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].partition("?")[0]
        parts = re.split(r"(\{\w+\+?\})", path)
        pattern = "".join(
            f"(?P<{part[1:-1].rstrip('+')}>{'.+' if '+' in part else '[^/]+'})" if part[:1] == "{" else re.escape(part)
            for part in parts
        )
        found.append((path.count("{"), http["method"], re.compile(pattern), name))
    return [route[1:] for route in sorted(found, key=lambda route: route[0])]


def _read_rest(
    model: Any, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[Any, dict[str, Any]]:
    url = urlsplit(target)
    matches = (
        (name, pattern.fullmatch(url.path)) for wanted, pattern, name in _routes(model.service_name) if wanted == method
    )
    name, found = next(((name, match) for name, match in matches if match), (None, None))
    if found is None:
        raise ValueError(f"{model.service_name} has no operation {method} {url.path}")
    operation = model.operation_model(name)
    if operation.input_shape is None:
        return operation, {}
    query = parse_qs(url.query, keep_blank_values=True)
    content = json.loads(body) if body else {}
    parameters = {}
    for member, shape in operation.input_shape.members.items():
        key = shape.serialization.get("name", member)
        match shape.serialization.get("location"):
            case "uri":
                parameters[member] = _from_text(shape, unquote(found[key]))
            case "querystring" if key in query:
                parameters[member] = _from_text(shape, query[key][0])
            case "header" if key in headers:
                parameters[member] = _from_text(shape, headers[key])
            case None if key in content:
                parameters[member] = _from_json(shape, content[key])
    return operation, parameters


def _from_text(shape: Any, text: str) -> Any:
    match shape.type_name:
        case "integer" | "long":
            return int(text)
        case "boolean":
            return text == "true"
    return text


def _from_json(shape: Any, value: Any) -> Any:
    match shape.type_name:
        case "structure":
            names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
            return {
                names[key]: _from_json(shape.members[names[key]], item) for key, item in value.items() if key in names
            }
        case "list":
            return [_from_json(shape.member, item) for item in value]
        case "map":
            return {key: _from_json(shape.value, item) for key, item in value.items()}
        case "blob":
            return base64.b64decode(value, validate=True)
    return value


def _to_json(shape: Any, value: Any) -> Any:
    match shape.type_name:
        case "structure":
            return {
                shape.members[name].serialization.get("name", name): _to_json(shape.members[name], item)
                for name, item in value.items()
            }
        case "list":
            return [_to_json(shape.member, item) for item in value]
        case "map":
            return {key: _to_json(shape.value, item) for key, item in value.items()}
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            # Both protocols with JSON have seconds since 1970 in bodies.
            assert isinstance(value, datetime.datetime)
            return value.timestamp()
    return value


def _broken_patterns(shape: Any, value: Any, where: str) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            for name, item in value.items():
                yield from _broken_patterns(shape.members[name], item, f"{where}.{name}".lstrip("."))
        case "list":
            for item in value:
                yield from _broken_patterns(shape.member, item, where)
        case "string":
            pattern = shape.metadata.get("pattern")
            if pattern and not re.fullmatch(pattern, value, re.ASCII):
                constraint = f"Member must satisfy regular expression pattern: {pattern}"
                yield f"Value at '{where}' failed to satisfy constraint: {constraint}"


def _status(call: Call) -> int:
    return int(call.model.http.get("responseCode", 200))


def _json_headers(call: Call) -> dict[str, str]:
    version = call.model.service_model.metadata.get("jsonVersion")
    kind = "application/json" if version is None else f"application/x-amz-json-{version}"
    return {"Content-Type": kind, "x-amzn-RequestId": str(uuid.uuid4())}
