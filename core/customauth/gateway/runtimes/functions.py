"""The forms in which a configuration names an authorizer's function."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

_FILE_FORM = re.compile(r"(?P<file>[^:]*)\.(?P<suffix>py|mjs|cjs|js):(?P<handler>[^:]*)", re.DOTALL)
_NODE_HANDLER = re.compile(r"([^\W\d]|[$])[\w$]*(\.([^\W\d]|[$])[\w$]*)*")
_LAMBDA_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:(?P<name>[\w-]{1,64})(:(\$LATEST|[\w-]{1,128}))?",
    re.ASCII,
)
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+-]+):.+", re.DOTALL)
_FORMS = (
    "write FILE.py:HANDLER or FILE.mjs:HANDLER (for example auth.py:handler), the URL of an Invoke endpoint, "
    "or the ARN of a Lambda function"
)


def _address(url: str) -> str:
    """Return a URL without what may be secret in it: credentials, query and fragment."""
    parts = urlsplit(url)
    return SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "").geturl()


@frozen(kw_only=True)
class PythonFunction:
    """A function in a Python file."""

    file: Path
    handler: str

    def __str__(self) -> str:
        return f"{self.handler} in {self.file}"


@frozen(kw_only=True)
class NodeFunction:
    """A function that a Node.js module exports."""

    file: Path
    handler: str

    def __str__(self) -> str:
        return f"{self.handler} in {self.file}"


@frozen(kw_only=True)
class InvokeUrl:
    """A URL that speaks Lambda's Invoke API; its credentials and query stay out of its texts."""

    url: str = field(repr=_address)

    def __str__(self) -> str:
        return _address(self.url)


@frozen(kw_only=True)
class LambdaFunction:
    """A function in AWS Lambda, by its ARN, with or without a qualifier."""

    arn: str

    def __str__(self) -> str:
        return self.arn


@frozen(kw_only=True)
class OtherFunction:
    """A function of the form ``scheme:rest``, for a plug-in to run."""

    text: str

    @property
    def scheme(self) -> str:
        """What stands before the first colon, in lower case."""
        return self.text.partition(":")[0].lower()

    def __str__(self) -> str:
        return self.text


Function = PythonFunction | NodeFunction | InvokeUrl | LambdaFunction | OtherFunction


def parse_function(text: str, *, base: Path) -> Function:
    """Read the text that names a function; a file in it is taken relative to `base`.

    :raises ValueError: the text has none of the forms, or there is no such file; the message names the mend.
    """
    if match := _FILE_FORM.fullmatch(text):
        return _file_function(text, match, base)
    scheme = _SCHEME.fullmatch(text)
    if scheme is None:
        raise ValueError(f"{text!r} names no authorizer function; {_FORMS}")
    match scheme["scheme"].lower():
        case "http" | "https":
            return _invoke_url(text)
        case "arn":
            if not _LAMBDA_ARN.fullmatch(text):
                wanted = "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]"
                raise ValueError(f"{text!r} is not the ARN of a Lambda function; write {wanted}")
            return LambdaFunction(arn=text)
    return OtherFunction(text=text)


def _file_function(text: str, match: re.Match[str], base: Path) -> PythonFunction | NodeFunction:
    file, handler = base / f"{match['file']}.{match['suffix']}", match["handler"]
    is_python = match["suffix"] == "py"
    if not (handler.isidentifier() if is_python else _NODE_HANDLER.fullmatch(handler)):
        raise ValueError(f"{text!r} names no function in the file; {_FORMS}")
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    return PythonFunction(file=file, handler=handler) if is_python else NodeFunction(file=file, handler=handler)


def _invoke_url(text: str) -> InvokeUrl:
    example = "http://127.0.0.1:9000/2015-03-31/functions/function/invocations"
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0 and not re.search(r"[^!-~]", text)
    except ValueError:
        usable = False
    if not usable:
        # What was written may hold a password.
        raise ValueError(f"the URL of the function is not valid; write one such as {example}")
    return InvokeUrl(url=text)
