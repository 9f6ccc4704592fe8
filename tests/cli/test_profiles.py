"""Named profiles: what commands take from them, what overrules what, and what each mistake is told as."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from commands import Result, RunningGateway, run
from customauth import Feature
from customauth.cli.main import cli
from customauth.profiles.keys import KEYS, canonical
from customauth.profiles.reading import read_profiles
from customauth.signing import generate_key_pair
from loaded import loaded_by
from needs import needs_backend, needs_feature

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text()
SIGNATURES = {name: base64.b64encode(name.encode().ljust(256)).decode() for name in ("flag", "env", "file", "other")}
TAKING = ("connect", "pub", "sub", "compare", "username", "sign")

Run = Callable[..., Result]


@pytest.fixture
def configured(tmp_path: Path) -> Run:
    """Return a function that runs the command with the given text as the file of profiles."""
    file = tmp_path / "profiles" / "config.toml"
    file.parent.mkdir()

    def run_configured(text: str, *words: str | Path, env: dict[str, str] | None = None, **extra: Any) -> Result:
        file.write_text(text)
        return run(*words, env={"CUSTOMAUTH_CONFIG": str(file)} | (env or {}), **extra)

    return run_configured


@pytest.fixture(scope="module")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a private key."""
    file = tmp_path_factory.mktemp("key") / "private.pem"
    file.write_bytes(generate_key_pair().private_pem)
    return file


def _lab(sample: RunningGateway, secret: str) -> str:
    return (
        'default = "lab"\n[profiles.lab]\n'
        f'endpoint = "{sample.endpoint}"\nauthorizer = "unsigned-sample"\nusername = "alice"\n'
        f'password = "{secret}"\ncafile = "{sample.ca_file}"\n'
    )


def _wire(result: Result) -> dict[str, str]:
    """Read what ``username --unmask --json`` says: the parts of the user name, and the password."""
    assert result.code == 0, result.stderr
    document = result.json()
    user, _, query = (document["username"] or "").partition("?")
    parts = dict(part.split("=", 1) for part in query.split("&") if part)
    return {"user": user, "password": document["password"]} | parts


# What a profile does for a command.


@needs_backend
def test_a_profile_is_a_whole_command_line(sample: RunningGateway, configured: Run, tmp_path: Path, topic: str) -> None:
    (tmp_path / "profiles" / "password").write_text("wonderland\n")
    text = _lab(sample, "file:password")
    connected = configured(text, "connect", "--profile", "lab", "--json")
    assert connected.code == 0, connected.stderr
    assert connected.json()["endpoint"] == sample.endpoint
    assert configured(text, "connect").code == 0
    assert configured(text, "pub", "-t", topic, "-m", "kept", "-q", "1", "-r").code == 0
    received = configured(text, "sub", "--profile", "lab", "-t", topic, "-C", "1", "-W", "60")
    assert (received.code, received.stdout) == (0, "kept\n")


@needs_backend
def test_a_wrong_secret_of_a_profile_is_refused_as_any_other(sample: RunningGateway, configured: Run) -> None:
    result = configured(_lab(sample, "env:LAB"), "connect", env={"LAB": "hunter2"})
    assert result.code == 7
    assert "hunter2" not in result.stdout + result.stderr


def test_the_profile_is_named_by_option_or_variable_or_is_the_default(configured: Run) -> None:
    text = 'default = "a"\n[profiles.a]\nusername = "a"\n[profiles.b]\nusername = "b"\n[profiles.c]\nusername = "c"\n'
    words = ("username", "--unmask", "--json")
    variable = {"CUSTOMAUTH_PROFILE": "b"}
    assert _wire(configured(text, *words))["user"] == "a"
    assert _wire(configured(text, *words, env={"CUSTOMAUTH_PROFILE": ""}))["user"] == "a"
    assert _wire(configured(text, *words, env=variable))["user"] == "b"
    assert _wire(configured(text, *words, "--profile", "c", env=variable))["user"] == "c"
    assert _wire(configured(text, *words, "--profile", "", env=variable))["user"] == ""


def test_the_file_is_found_where_the_standard_says(tmp_path: Path) -> None:
    for folder in ("xdg", "home/.config"):
        (tmp_path / folder / "customauth").mkdir(parents=True)
        (tmp_path / folder / "customauth" / "config.toml").write_text(f'[profiles.a]\nusername = "{folder}"\n')
    words = ("username", "--unmask", "--json", "--profile", "a")
    home = {"HOME": str(tmp_path / "home")}
    assert _wire(run(*words, env=home | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}))["user"] == "xdg"
    for unset in ("", "relative"):
        assert _wire(run(*words, env=home | {"XDG_CONFIG_HOME": unset}))["user"] == "home/.config"


def test_sign_takes_the_key_and_its_passphrase_from_a_profile(configured: Run, private_key: Path) -> None:
    text = f'[profiles.a]\nsign_with = "{private_key}"\ntoken = "env:LAB"\npassphrase = "cmd:false"\n'
    explicit = run("sign", "--key", private_key, "--token", "t").stdout
    own = text.replace('passphrase = "cmd:false"', "")
    assert configured(own, "sign", "--profile", "a", env={"LAB": "t"}).stdout == explicit
    assert configured(own, "sign", "--profile", "a", "--token", "t").stdout == explicit
    assert "cmd:" not in configured(text, "sign", "--profile", "a", "--token", "t").stdout
    assert configured(text, "sign", "--profile", "a", "--token", "t").code == 2
    # The passphrase is of the profile's key, not of any.
    assert configured(text, "sign", "--profile", "a", "--token", "t", "--key", private_key).stdout == explicit


def test_authorizer_test_takes_who_connects_from_a_profile_that_is_named(
    sample: RunningGateway, configured: Run
) -> None:
    text = (
        'default = "lab"\n[profiles.lab]\nendpoint = "wss://elsewhere.example"\nauthorizer = "unsigned-sample"\n'
        'username = "alice"\npassword = "env:LAB"\nclient_id = "c-7"\n'
    )
    words = ("authorizer", "test", "--config", str(sample.folder / "customauth-gateway" / "gateway.toml"))
    tested = configured(text, *words, "--profile", "lab", env={"LAB": "wonderland"})
    assert tested.code == 0, tested.stderr
    shown = configured(text, *words, "--profile", "lab", "--event", "--unmask", env={"LAB": "wonderland"}).json()
    assert shown["protocolData"]["mqtt"]["clientId"] == "c-7"
    assert shown["protocols"] == ["tls", "http", "mqtt"]
    # Another authorizer on the command line is that one, and not an ENDPOINT.
    other = configured(text, *words, "--profile", "lab", "signed-sample", "--event", env={"LAB": "wonderland"})
    assert "signature" in other.stderr
    # A default profile does not turn a test of contexts into one of a connection.
    context = ("--mqtt-context", '{"username": "alice", "password": "d29uZGVybGFuZA=="}')
    assert configured(text, *words, "unsigned-sample", *context).code == 0


@needs_backend
def test_compare_does_not_turn_to_a_default_profile(configured: Run) -> None:
    text = (
        'default = "lab"\n[profiles.lab]\nendpoint = "bad host"\nauthorizer = "a"\n[profiles.empty]\nauthorizer = "a"\n'
    )
    env = {"CUSTOMAUTH_ENDPOINT": "bad host", "CUSTOMAUTH_AUTHORIZER": "a"}
    alone = configured(text, "compare", "--topic", "x", env=env)
    assert (alone.code, "--topic is for an ENDPOINT, and none is given" in alone.stderr) == (2, True)
    named = configured(text, "compare", "--profile", "lab")
    assert (named.code, "bad host" in named.stderr) == (2, True)
    assert "Missing argument 'ENDPOINT'" in configured(text, "compare", "--profile", "empty").stderr


# What overrules what.


def test_the_command_line_overrules_the_environment_and_that_a_profile(configured: Run) -> None:
    text = 'default = "a"\n[profiles.a]\nusername = "file"\nauthorizer = "file"\npassword = "env:LAB"\n'
    words = ["username", "--unmask", "--json"]
    env = {"LAB": "file"}
    assert _wire(configured(text, *words, env=env)) == {
        "user": "file",
        "password": "file",
        "x-amz-customauthorizer-name": "file",
    }
    env |= {"CUSTOMAUTH_USERNAME": "env", "CUSTOMAUTH_PASSWORD": "env", "CUSTOMAUTH_AUTHORIZER_NAME": "env"}
    assert set(_wire(configured(text, *words, env=env)).values()) == {"env"}
    words += ["--username", "flag", "--password", "flag", "--authorizer", "flag"]
    assert set(_wire(configured(text, *words, env=env)).values()) == {"flag"}


def _places(command: str, **values: str) -> list[str]:
    return [command, *(word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", value))]


_NEEDS_SIGNATURE = "the token needs a signature"
_HALF = "there is a signature or a key but no token"


@pytest.mark.parametrize(
    ("flags", "env", "file", "outcome"),
    [
        # Each in one place.
        ({"token": "t", "token_signature": "flag"}, {}, {}, ("t", "flag")),
        ({}, {"token": "t", "token_signature": "env"}, {}, ("t", "env")),
        ({}, {}, {"token": "t", "token_signature": "file"}, ("t", "file")),
        ({}, {}, {"jwt": "JWT"}, "JWT"),
        ({}, {}, {"token": "t", "sign_with": "KEY"}, ("t", "made")),
        ({}, {"token": "t", "sign_with": "KEY"}, {}, ("t", "made")),
        # Token and signature from different places.
        ({"token": "t"}, {"token_signature": "env"}, {}, ("t", "env")),
        ({"token": "t"}, {}, {"token_signature": "file"}, ("t", "file")),
        ({"token": "t"}, {}, {"sign_with": "KEY"}, ("t", "made")),
        ({}, {"token": "t"}, {"sign_with": "KEY"}, ("t", "made")),
        ({"token_signature": "flag"}, {}, {"token": "t", "token_signature": "file"}, ("t", "flag")),
        # A profile's signature is of its own token.
        ({"token": "t"}, {}, {"token": "u", "token_signature": "file"}, _NEEDS_SIGNATURE),
        ({}, {"token": "t"}, {"token": "u", "token_signature": "file"}, _NEEDS_SIGNATURE),
        ({"token": "t"}, {"token_signature": "env"}, {"token": "u", "token_signature": "file"}, ("t", "env")),
        # A signature, or a key to make it.
        ({"sign_with": "KEY"}, {}, {"token": "t", "token_signature": "file"}, ("t", "made")),
        ({"sign_with": "KEY"}, {"token_signature": "env"}, {"token": "t"}, ("t", "made")),
        ({}, {"sign_with": "KEY"}, {"token": "t", "token_signature": "file"}, ("t", "made")),
        ({"token_signature": "flag"}, {}, {"token": "t", "sign_with": "missing"}, ("t", "flag")),
        ({"token_signature": "flag"}, {"sign_with": "missing"}, {"token": "t"}, ("t", "flag")),
        ({}, {"token_signature": "env"}, {"token": "t", "sign_with": "missing"}, ("t", "env")),
        ({}, {"token": "t", "token_signature": "env", "sign_with": "KEY"}, {}, "are both set"),
        # A JWT in place of all that.
        ({"jwt": "JWT"}, {"token": "t"}, {"token": "u", "token_signature": "file"}, "JWT"),
        ({"jwt": "JWT"}, {"token_signature": "env", "sign_with": "missing"}, {"jwt": "stale"}, "JWT"),
        ({}, {"jwt": "JWT"}, {"token": "t", "sign_with": "missing"}, "JWT"),
        ({"token": "t", "sign_with": "KEY"}, {}, {"jwt": "stale"}, ("t", "made")),
        ({}, {"token": "t", "token_signature": "env"}, {"jwt": "stale"}, ("t", "env")),
        ({"sign_with": "KEY"}, {}, {"jwt": "stale"}, _HALF),
        ({}, {"token": "t", "token_signature": "env", "jwt": "stale"}, {}, ("t", "env")),
    ],
)
def test_what_makes_the_credentials_overrules_what_stands_in_its_place_elsewhere(
    configured: Run,
    private_key: Path,
    flags: dict[str, str],
    env: dict[str, str],
    file: dict[str, str],
    outcome: tuple[str, str] | str,
) -> None:
    made = run("sign", "--key", private_key, "--token", "t").stdout.strip()
    signed = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"RS256"}', b"{}", bytes(256))
    )

    def real(name: str, value: str) -> str:
        if name == "token_signature":
            return SIGNATURES[value]
        return {"KEY": str(private_key), "JWT": signed}.get(value, value)

    variables = {f"LAB_{name.upper()}": real(name, value) for name, value in file.items()}
    lines = [
        f'{name} = "{real(name, value)}"' if name == "sign_with" else f'{name} = "env:LAB_{name.upper()}"'
        for name, value in file.items()
    ]
    variables |= {f"CUSTOMAUTH_{name.upper()}": real(name, value) for name, value in env.items()}
    words = [*_places("username", **{name: real(name, value) for name, value in flags.items()}), "--unmask", "--json"]
    text = "\n".join(['default = "a"', "[profiles.a]", 'token_key_name = "token"', *lines])
    result = configured(text, *words, env=variables)
    if isinstance(outcome, str) and outcome != "JWT":
        assert result.code == 2
        assert outcome in result.stderr
        return
    headers = result.json()["headers"]
    token, signature = headers["token"], headers["x-amz-customauthorizer-signature"]
    if outcome == "JWT":
        assert f"{token}." == signed[: len(token) + 1]
    else:
        assert (token, signature) == (outcome[0], SIGNATURES.get(outcome[1], made))


def test_a_command_for_a_secret_runs_only_when_the_secret_is_wanted(configured: Run, tmp_path: Path) -> None:
    text = (
        '[profiles.a]\npassword = "cmd:touch asked"\ntoken = "cmd:touch asked"\ntoken_signature = "cmd:touch asked"\n'
        'token_key_name = "token"\n'
    )
    words = ("username", "--profile", "a", "--password", "x", "--token", "t", "--token-signature", SIGNATURES["flag"])
    assert configured(text, *words).code == 0
    assert configured(text, "username", "--profile", "a", "--help").code == 0
    assert not (tmp_path / "profiles" / "asked").exists()
    result = configured(text, "username", "--profile", "a", "--password", "x")
    assert "config.toml line 3: profiles.a.token: touch printed nothing" in result.stderr
    assert (tmp_path / "profiles" / "asked").exists()


def test_what_a_command_says_passes_through_and_what_it_prints_does_not(configured: Run, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "ask").write_text("#!/bin/sh\necho hunter2; echo locked >&2; exit 4\n")
    (tmp_path / "profiles" / "ask").chmod(0o700)
    result = configured('[profiles.a]\npassword = "cmd:./ask"\n', "username", "--profile", "a")
    assert result.code == 2
    assert "locked\n" in result.stderr
    assert "config.toml line 2: profiles.a.password: ./ask ended with exit code 4" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr
    assert result.last.startswith("next: ")


@needs_feature(Feature.ADDRESS)
@pytest.mark.parametrize(
    ("words", "env", "endpoint"),
    [
        ([], {}, "wss://localhost:1/p"),
        (["other"], {}, "other:443"),
        (["other:2"], {}, "other:2"),
        (["--port", "3"], {}, "wss://localhost:3/p"),
        ([], {"CUSTOMAUTH_PORT": "4"}, "wss://localhost:4/p"),
        ([], {"CUSTOMAUTH_ENDPOINT": "elsewhere"}, "elsewhere:443"),
        (["other"], {"CUSTOMAUTH_ENDPOINT": "elsewhere", "CUSTOMAUTH_PORT": "4"}, "other:443"),
        (["other"], {"CUSTOMAUTH_PORT": "4"}, "other:4"),
        (["other:2"], {"CUSTOMAUTH_PORT": "4"}, "other:2"),
        (["wss://other"], {"CUSTOMAUTH_TRANSPORT": "mqtt"}, "wss://other:443/mqtt"),
    ],
)
def test_port_and_transport_and_address_go_with_the_endpoint(
    configured: Run, words: list[str], env: dict[str, str], endpoint: str
) -> None:
    text = (
        'default = "a"\n[profiles.a]\nendpoint = "wss://localhost:1/p"\naddress = "127.0.0.1:1"\ntransport = "wss"\n'
        'authorizer = "x"\n'
    )
    dialled = [] if not words and "CUSTOMAUTH_ENDPOINT" not in env else ["--address", "127.0.0.1:1"]
    if words == ["--port", "3"]:
        dialled = []
    result = configured(text, "connect", *words, *dialled, env=env)
    assert f" to {endpoint}, " in result.stdout
    assert result.code == 4


@needs_backend
def test_a_flag_of_a_profile_is_switched_off_on_the_command_line(configured: Run) -> None:
    text = '[profiles.a]\nendpoint = "localhost:1"\nwill_retain = true\n'
    assert "a will needs a topic" in configured(text, "connect", "--profile", "a").stderr
    off = configured(text, "connect", "--profile", "a", "--no-will-retain")
    assert off.code == 4
    variable = configured(text, "connect", "--profile", "a", env={"CUSTOMAUTH_WILL_RETAIN": "no"})
    assert variable.code == 4


def test_a_file_of_the_environment_is_relative_to_here(configured: Run, tmp_path: Path, private_key: Path) -> None:
    (tmp_path / "here.pem").write_bytes(private_key.read_bytes())
    result = configured("", "sign", "--token", "t", env={"CUSTOMAUTH_SIGN_WITH": "here.pem"}, cwd=tmp_path)
    assert result.stdout == run("sign", "--token", "t", "--key", private_key).stdout


# What goes wrong.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[profiles.lab]\nendpont = 'x'", "config.toml line 2: profiles.lab.endpont: unknown; is endpoint meant?"),
        ("[profiles.lab]\nport = 70000", "config.toml line 2: profiles.lab.port: 70000 is not in the range"),
        ("[profiles.lab]\nprotocol = '4'", "config.toml line 2: profiles.lab.protocol: '4' is not one of"),
        ("[profiles.lab]\npassword = 'hunter2'", 'write password = "file:PATH"'),
        ("[profiles.lab]\npassword = 'env:NOT_SET'", "line 2: profiles.lab.password: the environment variable NOT_SET"),
        ("[profiles.lab]\npassword = 'file:none'", "none: No such file or directory"),
        ("[profiles.lab", "config.toml line 1: not TOML"),
        ("[profiles.lob]", "there is no profile 'lab'"),
    ],
)
def test_a_mistake_in_the_file_is_a_usage_error_that_names_the_line(configured: Run, text: str, message: str) -> None:
    result = configured(text, "connect", "--profile", "lab", "localhost:1")
    assert result.code == 2
    assert message in result.stderr
    assert result.last.startswith("next: ")
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "value"), [("PORT", "x"), ("PROTOCOL", "4"), ("NO_CLEAN_START", "maybe"), ("TIMEOUT", "soon")]
)
def test_a_variable_that_cannot_be_read_is_named(variable: str, value: str) -> None:
    result = run("connect", "localhost:1", env={f"CUSTOMAUTH_{variable}": value})
    assert result.code == 2
    assert f"CUSTOMAUTH_{variable}: " in result.stderr
    assert result.last == f"next: mend it, or unset CUSTOMAUTH_{variable}"


def test_a_profile_without_any_file_is_told_where_to_write_it(tmp_path: Path) -> None:
    result = run("username", "--profile", "lab", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert result.code == 2
    assert f"there is no profile 'lab': {tmp_path}/customauth/config.toml does not exist" in result.stderr
    missing = run("username", env={"CUSTOMAUTH_CONFIG": str(tmp_path / "none.toml")})
    assert (missing.code, "none.toml: No such file or directory" in missing.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in cli.list_commands(click.Context(cli))),
        ["connect", "--profile", "lab", "--help"],
        ["keygen"],
        ["policy", "--help"],
        ["backends", "--json"],
        ["username", "--profile", ""],
    ],
    ids=" ".join,
)
def test_a_broken_file_is_no_matter_to_who_does_not_need_it(configured: Run, tmp_path: Path, words: list[str]) -> None:
    assert configured("[[[", *words, cwd=tmp_path).code == 0


# What the others ask.


def test_profiles_lists_where_secrets_come_from_and_never_one_of_them(configured: Run) -> None:
    text = (
        'default = "lab"\n[profiles.lab]\nendpoint = "h:1"\nauthorizer = "a"\npassword = "env:LAB"\n'
        'token = "file:/t"\n[profiles.bad]\njwt = "hunter2"\n[profiles.plain]\nproxy = "http://p:1"\n'
    )
    listed = configured(text, "profiles", "--json", env={"LAB": "wonderland"})
    document = listed.json()
    assert listed.code == 2
    assert document["default"] == "lab"
    problem = document["profiles"][1].pop("problem")
    assert "line 8: profiles.bad.jwt" in problem
    nothing = {"endpoint": None, "authorizer": None, "secrets": {}}
    assert document["profiles"] == [
        {
            "name": "lab",
            "endpoint": "h:1",
            "authorizer": "a",
            "secrets": {"password": "env:LAB", "token": "file:/t"},
            "problem": None,
        },
        {"name": "bad", **nothing},
        {"name": "plain", **nothing, "problem": None},
    ]
    table = configured(text, "profiles", env={"LAB": "wonderland"})
    assert re.search(r"lab \(default\) +h:1 +a +password from env:LAB, token from file:/t", table.stdout)
    assert "profiles.bad.jwt" in table.stderr
    shown = listed.stdout + listed.stderr + table.stdout + table.stderr
    assert "hunter2" not in shown
    assert "wonderland" not in shown


@pytest.mark.parametrize("line", ["protocol = '4'", "port = 70000", "transport = 'tcp'"])
def test_profiles_tells_of_a_value_that_no_command_takes(configured: Run, line: str) -> None:
    listed = configured(f"[profiles.lab]\nendpoint = 'h'\n{line}\n", "profiles")
    assert listed.code == 2
    assert f"config.toml line 3: profiles.lab.{line.split()[0]}: " in listed.stderr
    assert listed.last == "next: mend the file; the other profiles can be used"


def test_profiles_tells_of_a_default_that_is_not_there(configured: Run) -> None:
    text = 'default = "lob"\n[profiles.lab]\nendpoint = "h"\n'
    listed = configured(text, "profiles")
    assert listed.code == 2
    assert "config.toml line 1: default: there is no profile 'lob'; there are lab" in listed.stderr
    document = configured(text, "profiles", "--json").json()
    assert "there is no profile 'lob'" in document["problem"]
    assert document["profiles"][0]["problem"] is None


def test_without_a_file_there_are_no_profiles(configured: Run, tmp_path: Path) -> None:
    result = run("profiles", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert result.code == 0
    assert f"{tmp_path}/customauth/config.toml does not exist" in result.stderr
    assert result.last.startswith("next: write one")
    assert json.loads(run("profiles", "--json").stdout)["profiles"] == []
    assert "has none" in configured("", "profiles").stderr


def test_the_file_on_the_page_can_be_used(tmp_path: Path) -> None:
    found = re.search(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    (tmp_path / "config.toml").write_text(found[1])
    file = read_profiles(tmp_path / "config.toml")
    assert [file.profile(name).name for name in file.tables] == ["lab", "pump-7"]


def test_every_key_is_on_the_page_and_no_other() -> None:
    table = PAGE.partition("## Keys")[2].partition("|---|---|")[2]
    cells = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("|")]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(KEYS)


def _long_names(*commands: str) -> Iterator[str]:
    for name in commands:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for parameter in command.params:
            yield from (word.lstrip("-") for word in parameter.opts if len(word) > 2)


def test_every_key_is_a_long_name_of_an_option() -> None:
    names = {canonical(name) for name in _long_names("connect", "pub", "sub", "doctor")}
    assert set(KEYS) - names == set()


def test_every_option_that_says_who_and_where_and_how_is_a_key() -> None:
    names = {canonical(name) for name in _long_names("connect")}
    others = {"user_property", "json", "debug", "profile"}
    assert {name for name in names - set(KEYS) - others if not name.endswith("_file")} == set()


@pytest.mark.parametrize("name", TAKING)
def test_a_command_that_takes_profiles_says_so(name: str) -> None:
    assert "--profile NAME" in run(name, "--help").stdout


@needs_backend
def test_who_has_no_profiles_does_not_load_what_reads_them(login: list[str]) -> None:
    loaded = loaded_by("connect", *login)
    assert loaded & {"tomllib", "customauth.profiles.reading", "customauth.profiles.references"} == set()
    assert "tomllib" not in loaded_by("connect", "--profile", "lab", "--help")
