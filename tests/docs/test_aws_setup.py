"""docs/aws-setup.md and examples/aws are true: every command is run, and the template is checked.

No marks of facts: these tests hold what the documentation says, not what the gateway does.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import string
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen

from aws_commands import BadCommand, check, printed_type
from commands import gateway
from customauth import CustomAuth, PluginManager
from needs import needs_backend

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "aws-setup.md"
README = ROOT / "examples" / "aws" / "README.md"
TEMPLATE = ROOT / "examples" / "aws" / "template.yaml"
FUNCTION = ROOT / "examples" / "aws" / "authorizer.py"

REGION, ACCOUNT = "eu-central-1", "123456789012"
IOT = f"arn:aws:iot:{REGION}:{ACCOUNT}"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pumps-authorizer"
ANSWERS = {
    "sts get-caller-identity": ACCOUNT,
    "iam create-role": f"arn:aws:iam::{ACCOUNT}:role/pumps-authorizer",
    "lambda create-function": FUNCTION_ARN,
}

# Stands in for `aws` on the path: AWS cannot be called, so it notes the words and prints a ready answer.
_AWS = """\
import json, os, sys
with open(os.environ["AWS_RECORD"], "a") as record:
    record.write(json.dumps(sys.argv[1:]) + "\\n")
print(json.loads(os.environ["AWS_ANSWERS"]).get(" ".join(sys.argv[1:3]), ""))
"""

# The local gateway's CA is in no trust store. Without one given, nothing is to be connected to.
_CUSTOMAUTH = """\
case "$*" in
  "connect "*) [ -n "$CA_FILE" ] || exit 0 ;;
esac
case "$*" in
  "connect "*--cafile*) ;;
  "connect "*) set -- "$@" --cafile "$CA_FILE" ;;
esac
exec "$PYTHON" -m customauth "$@"
"""

_HANGS = 120.0


def _blocks(page: Path, language: str) -> list[str]:
    found: list[str] = re.findall(
        rf"^```{language}(?: file=\S+)?\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
    )
    return found


@frozen(kw_only=True)
class PageRun:
    """What the page's commands did: the `aws` commands that were run, what they printed, where."""

    aws: list[list[str]]
    output: str
    folder: Path


class Shell:
    """Runs blocks of the page in one folder, as a reader does, with a stand-in for `aws`."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self._record = home / "record"
        (home / "customauth").symlink_to(ROOT)
        programs = home / "bin"
        programs.mkdir()
        (home / "aws.py").write_text(_AWS)
        for name, text in {
            "aws": f'exec "$PYTHON" -ISE "{home / "aws.py"}" "$@"\n',
            "python3": 'exec "$PYTHON" "$@"\n',
            "customauth": _CUSTOMAUTH,
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{text}")
            (programs / name).chmod(0o755)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CUSTOMAUTH_", "AWS_"))},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHON": sys.executable,
            "AWS_RECORD": str(self._record),
        }

    def run(self, script: str, *, endpoint: str = "", ca_file: Path | None = None) -> str:
        """Run a script and return its standard output.

        :param endpoint: what `aws` says when it is asked for one.
        :param ca_file: the CA of that endpoint; `customauth connect` does nothing without.
        """
        answers = ANSWERS | {"iot describe-endpoint": endpoint, "iot describe-domain-configuration": endpoint}
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self._environment
            | {
                "AWS_ANSWERS": json.dumps(answers),
                "CA_FILE": str(ca_file or ""),
            },
            capture_output=True,
            text=True,
            timeout=_HANGS,
        )
        assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
        return run.stdout

    def aws(self) -> list[list[str]]:
        """Return the words of every `aws` command so far."""
        return [json.loads(line) for line in self._record.read_text().splitlines()]


@pytest.fixture(scope="module")
def page_run(tmp_path_factory: pytest.TempPathFactory) -> PageRun:
    """Run the whole page, top to bottom, with the local gateway in the place of AWS."""
    folder = tmp_path_factory.mktemp("page")
    shell = Shell(folder, tmp_path_factory.mktemp("home"))
    names, *blocks = _blocks(PAGE, "bash")
    first_connect = next(number for number, block in enumerate(blocks) if "customauth connect" in block)
    shell.run("\n".join([names, *blocks[:first_connect]]))
    (config,) = _blocks(PAGE, "toml")
    (folder / "gateway.toml").write_text(config)
    usable = any(info.problem is None for info in PluginManager().describe())
    with gateway(folder, "--config", "gateway.toml") as running:
        script = "\n".join([names, *blocks[first_connect:]]).replace("localhost:8443", running.endpoint)
        # Without an MQTT library the `aws` commands can be checked all the same.
        output = shell.run(script, endpoint=running.endpoint, ca_file=running.ca_file if usable else None)
    return PageRun(aws=shell.aws(), output=output, folder=folder)


def _problems(commands: list[list[str]], folder: Path) -> list[str]:
    problems = []
    for words in commands:
        try:
            check(words, folder)
        except BadCommand as error:
            problems.append(f"{shlex.join(['aws', *words])}: {error}")
    return problems


def test_every_aws_command_of_the_page_is_one_of_the_service_models(page_run: PageRun) -> None:
    assert _problems(page_run.aws, page_run.folder) == []


def test_every_aws_command_of_the_page_was_run(page_run: PageRun) -> None:
    blocks = "\n".join(_blocks(PAGE, "bash"))
    written = len(re.findall(r"(?:^|\()aws (?=\w)", blocks, re.MULTILINE))
    # The block with the names is run once before the gateway starts and once after.
    assert len(page_run.aws) == written + 1


def test_what_the_page_takes_from_an_answer_is_text(page_run: PageRun) -> None:
    taken = [words for words in page_run.aws if "--query" in words and "[]" not in words[words.index("--query") + 1]]
    assert {" ".join(words[:2]) for words in taken} >= set(ANSWERS)
    assert {printed_type(words) for words in taken} == {"string"}


@needs_backend
def test_every_login_of_the_page_succeeds_at_the_local_gateway(page_run: PageRun) -> None:
    logins = len(re.findall(r"^customauth connect ", "\n".join(_blocks(PAGE, "bash")), re.MULTILINE))
    assert logins >= 6
    assert page_run.output.count("Connection attempt successful!") == logins


def _sent(page_run: PageRun, name: str) -> list[dict[str, Any]]:
    return [check(words, page_run.folder) for words in page_run.aws if words[1] == name]


def test_the_page_creates_an_active_authorizer_with_a_key_that_keeps_its_line_breaks(page_run: PageRun) -> None:
    (created,) = _sent(page_run, "create-authorizer")
    assert created["status"] == "ACTIVE"
    (pem,) = created["tokenSigningPublicKeys"].values()
    assert pem == (page_run.folder / "keys" / "public.pem").read_text().rstrip("\n")


def test_the_page_permits_the_authorizer_and_nobody_else_to_invoke(page_run: PageRun) -> None:
    (permitted,) = _sent(page_run, "add-permission")
    (created,) = _sent(page_run, "create-authorizer")
    assert permitted["Principal"] == "iot.amazonaws.com"
    assert permitted["SourceArn"] == f"{IOT}:authorizer/{created['authorizerName']}"
    assert permitted["SourceAccount"] == ACCOUNT


def test_the_page_tests_a_token_and_a_whole_user_name(page_run: PageRun) -> None:
    token, context = _sent(page_run, "test-invoke-authorizer")
    sent = CustomAuth.parse(context["mqttContext"]["username"], token_key_name="token")
    assert sent.token is not None
    assert (sent.token.value, sent.token.signature) == (token["token"], token["tokenSignature"])


def test_the_page_cleans_up_in_the_order_that_aws_takes(page_run: PageRun) -> None:
    names = [words[1] for words in page_run.aws]
    inactive = len(names) - 1 - names[::-1].index("update-authorizer")
    assert "INACTIVE" in page_run.aws[inactive]
    order = [names.index("clear-default-authorizer"), inactive, names.index("delete-authorizer")]
    assert order == sorted(order)
    for made in ("role", "function", "domain-configuration", "authorizer"):
        assert names.count(f"create-{made}") == names.count(f"delete-{made}") > 0


def test_the_domain_configurations_of_the_page_and_the_template_are_legal_pairs(page_run: PageRun) -> None:
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    legal = {kind: set(re.findall(r"`(\w+)`", protocols)) for kind, protocols in rows if kind.isupper()}
    assert {kind: legal[kind] for kind in ("CUSTOM_AUTH", "CUSTOM_AUTH_X509", "AWS_X509", "AWS_SIGV4", "DEFAULT")} == {
        "CUSTOM_AUTH": {"SECURE_MQTT", "MQTT_WSS", "HTTPS"},
        "CUSTOM_AUTH_X509": {"SECURE_MQTT", "HTTPS"},
        "AWS_X509": {"SECURE_MQTT", "HTTPS"},
        "AWS_SIGV4": {"MQTT_WSS", "HTTPS"},
        "DEFAULT": {"DEFAULT"},
    }
    (created,) = _sent(page_run, "create-domain-configuration")
    assert created["applicationProtocol"] in legal[created["authenticationType"]]
    made = _resources()["DomainConfiguration"]["Properties"]
    assert made["ApplicationProtocol"] in legal[made["AuthenticationType"]]


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_the_aws_commands_in_the_text_are_of_the_service_models(page: Path, tmp_path: Path) -> None:
    inline = re.findall(r"`aws ([^`]+)`", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL))
    values = {"AUTHORIZER": "pumps", "FUNCTION": "pumps-authorizer", "FUNCTION_ARN": FUNCTION_ARN}
    commands = [shlex.split(string.Template(line).substitute(values)) for line in inline]
    assert commands
    assert _problems(commands, tmp_path) == []


def test_the_readme_of_the_template_deploys_and_deletes_it(tmp_path: Path) -> None:
    folder, home = tmp_path / "folder", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    shell = Shell(folder, home)
    shell.run("\n".join(_blocks(README, "bash")))
    assert _problems(shell.aws(), folder) == []
    deployed = check(next(words for words in shell.aws() if words[1] == "deploy"), folder)
    assert deployed["PublicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----\n")
    listed = set(re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE))
    assert listed == set(_template()["Parameters"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("iot create-authoriser --authorizer-name a", "no command"),
        ("iott create-authorizer --authorizer-name a", "no service"),
        ("iot create-authorizer --authorizer-name a", "authorizerFunctionArn"),
        ("iot update-authorizer --authorizer-name a --status ACTIV", "AuthorizerStatus"),
        ("iot update-authorizer --authorizer-name 'a b'", "does not match"),
        ("iot update-authorizer --name a", "no option --name"),
        ("iot update-authorizer --authorizer-name a --token-signing-public-keys key1", "shorthand"),
        ("iot update-domain-configuration --domain-configuration-name d --authorizer-config name=a", "no member"),
        ("iot update-domain-configuration --domain-configuration-name d --remove-authorizer-config yes", "no value"),
        ("iot describe-endpoint --query address", "no such member"),
        ("iam create-role --role-name r --assume-role-policy-document file://gone.json", "no such file"),
        ("lambda wait function-ready --function-name f", "no 'function-ready'"),
        ("lambda add-permission --function-name f --principal iot.amazonaws.com", "StatementId"),
        ("iot test-invoke-authorizer --authorizer-name a --mqtt-context password=open-sesame", "blob"),
    ],
)
def test_a_wrong_aws_command_is_found(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadCommand, match=re.escape(said)):
        check(shlex.split(line), tmp_path)


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's own tags as what follows them."""


def _plain(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Template.add_multi_constructor("!", _plain)


def _template() -> Mapping[str, Any]:
    template: Mapping[str, Any] = yaml.load(TEMPLATE.read_text(), _Template)  # noqa: S506 - a safe loader
    return template


def _resources() -> Mapping[str, Any]:
    resources: Mapping[str, Any] = _template()["Resources"]
    return resources


def _lint(template: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from cfnlint.runner import main; sys.exit(main())"
    words = [sys.executable, "-c", program, "--regions", "us-east-1", REGION, "--template", str(template)]
    return subprocess.run(words, capture_output=True, text=True, timeout=_HANGS)


def test_the_template_passes_cfn_lint() -> None:
    lint = _lint(TEMPLATE)
    assert (lint.returncode, lint.stdout) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("      Status: ACTIVE", "      Status: ACTIV", "ACTIV"),
        ("      AuthorizerFunctionArn: !GetAtt Function.Arn\n", "", "AuthorizerFunctionArn"),
        ("!GetAtt Authorizer.Arn\n      SourceAccount", "!GetAtt Authorizer.ARN\n      SourceAccount", "ARN"),
        ("SECURE_MQTT", "MQTT", "MQTT"),
    ],
)
def test_a_broken_template_fails_cfn_lint(right: str, wrong: str, named: str, tmp_path: Path) -> None:
    text = TEMPLATE.read_text()
    assert text.count(right) == 1
    broken = tmp_path / "template.yaml"
    broken.write_text(text.replace(right, wrong))
    lint = _lint(broken)
    assert lint.returncode != 0
    assert named in lint.stdout


def test_the_function_in_the_template_is_the_file_beside_it() -> None:
    code = _resources()["Function"]["Properties"]["Code"]["ZipFile"]
    assert code == FUNCTION.read_text()


def test_the_template_makes_an_active_authorizer_that_alone_may_invoke() -> None:
    resources = _resources()
    assert resources["Authorizer"]["Properties"]["Status"] == "ACTIVE"
    permission = resources["InvokePermission"]["Properties"]
    assert permission["Principal"] == "iot.amazonaws.com"
    assert permission["SourceArn"] == "Authorizer.Arn"
    assert permission["SourceAccount"] == "AWS::AccountId"
