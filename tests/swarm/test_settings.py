"""What may be said about a swarm, by options and in a scenario file."""

from __future__ import annotations

from pathlib import Path

import pytest

from customauth import CredentialError, CustomAuthError, EndpointError
from customauth.swarm import Quotas, Settings, Storm, check_quotas, is_aws, read_scenario

AWS = "abc-ats.iot.eu-west-1.amazonaws.com"
FIPS = "abc.iot-fips.us-east-1.amazonaws.com"


def written(folder: Path, text: str) -> Path:
    file = folder / "fleet.toml"
    file.write_text(text)
    return file


def test_a_file_says_all_that_options_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password.txt").write_text("wonderland\n")
    monkeypatch.setenv("FLEET_TOKEN", "open-sesame")
    file = written(
        tmp_path,
        """
        endpoint = "localhost:8443"
        protocol = "3.1.1"
        clients = 12
        rate = 5
        [client]
        username = "alice-{n}"
        password = "file:password.txt"
        token-key-name = "token"
        token = "env:FLEET_TOKEN"
        signature = "cmd:printf %s abc"
        [publish]
        every = 2.5
        qos = 0
        [storm]
        after = 3
        """,
    )
    settings = read_scenario(file)
    assert (settings.clients, settings.rate, settings.protocol) == (12, 5, "3.1.1")
    assert (settings.password, settings.token, settings.signature) == ("wonderland", "open-sesame", "abc")
    assert (settings.publish_every, settings.publish_qos, settings.storm_after) == (2.5, 0, 3)


def test_options_go_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'endpoint = "localhost"\nclients = 12\nrate = 5\n[client]\nusername = "alice"\n')
    plan = Settings(clients=3).over(read_scenario(file)).plan()
    assert (plan.clients, plan.rate) == (3, 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clients = 'ten'", r"fleet.toml:1: clients: a whole number is wanted"),
        ("clients = true", "clients: a whole number is wanted"),
        ("\nclinets = 5", r"fleet.toml:2: clinets: unknown; is clients meant\?"),
        ("[client]\npassword = 'geheim'", "client.password: a reference .* is wanted"),
        ("[client]\npassword = 'geheim:secret'", "secrets do not stand in this file"),
        ("[client]\npassword = 'file:nowhere'", "client.password: .*nowhere"),
        ("[client]\nsign-with = 'nowhere.pem'", "client.sign-with: nowhere.pem"),
        ("protocol = '4'", "protocol: write one of 5, 3.1.1"),
        ("client = 5", "client: is a table"),
        ("clients = ", "is no TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_line_and_no_secret(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(EndpointError, match=said) as refused:
        read_scenario(written(tmp_path, text))
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(endpoint="localhost", clients=0),
        Settings(endpoint="localhost", rate=0.0),
        Settings(endpoint="localhost", duration=-1.0),
        Settings(endpoint="localhost", publish_topic="a"),
        Settings(endpoint="localhost", publish_every=1.0, publish_qos=2),
        Settings(endpoint="localhost", storm_jitter=-1.0),
        Settings(endpoint="localhost", storm_after=58.0, storm_jitter=5.0),
        Settings(endpoint="localhost", duration=5.0, storm_after=10.0),
        Settings(endpoint="localhost", keep_alive=-1),
        Settings(endpoint="localhost", clients=3, table="client_id\na\nb\n"),
    ],
)
def test_what_cannot_be_is_refused(settings: Settings) -> None:
    with pytest.raises(EndpointError):
        settings.plan()


def test_credentials_that_cannot_work_are_refused_before_anything_is_started() -> None:
    with pytest.raises(CredentialError):
        Settings(endpoint="localhost", token="t", token_key_name="k").plan()


def test_a_table_says_how_many_there_are() -> None:
    assert Settings(endpoint="localhost", table="client_id\na\nb\n").plan().clients == 2


@pytest.mark.fact("E46", "E28", "E9")
@pytest.mark.parametrize(
    "settings",
    [
        Settings(endpoint=AWS, rate=101.0),
        Settings(endpoint=AWS, clients=1000, storm_after=1.0, storm_jitter=1.0),
        Settings(endpoint=AWS, clients=500_001),
        Settings(endpoint=AWS, clients=5000, refresh=10.0),
        Settings(endpoint=FIPS, rate=101.0),
        Settings(endpoint=AWS, clients=40_000, publish_every=1.0),
        Settings(endpoint=AWS, clients=1, publish_every=0.001),
    ],
)
def test_a_plan_above_the_quotas_is_refused(settings: Settings) -> None:
    plan = settings.plan()
    assert is_aws(plan)
    with pytest.raises(EndpointError, match="--beyond-quotas"):
        check_quotas(plan, Quotas())


def test_a_plan_within_the_quotas_passes() -> None:
    plan = Settings(endpoint=AWS, clients=500, rate=100.0, publish_every=10.0).plan()
    check_quotas(plan, Quotas())
    assert plan.storm is None
    assert Settings(endpoint=AWS, storm_after=1.0).plan().storm == Storm(after=1.0)


def test_an_error_is_one_of_ours() -> None:
    assert issubclass(EndpointError, CustomAuthError)
