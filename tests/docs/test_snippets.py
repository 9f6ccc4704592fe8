"""The documentation's Python runs, and says what is so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from customauth import Feature, PluginManager
from customauth.cli.exits import ExitCode
from gateway_process import running_gateway

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(page: Path, language: str) -> list[tuple[str | None, str]]:
    return [(name or None, text) for found, name, text in _FENCE.findall(page.read_text()) if found == language]


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _programs() -> list[object]:
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in _pages()
        for number, (name, text) in enumerate(_blocks(page, "python"), start=1)
        if name is None
    ]


@pytest.mark.parametrize("program", _programs())
def test_a_program_of_the_documentation_connects(program: str, tmp_path: Path, backend_name: str) -> None:
    """The programs connect to what `customauth gateway` makes in the current folder, with the first backend."""
    if "paho.mqtt" in program and backend_name != "paho":
        pytest.skip("this program is written for paho-mqtt alone")
    with running_gateway(tmp_path) as endpoint:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", program.replace("localhost:8443", endpoint)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("connected:"), run.stdout


def test_there_is_a_program_in_the_readme() -> None:
    assert _blocks(ROOT / "README.md", "python")


@pytest.fixture(scope="session")
def template_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the template as a stranger would, into a folder of its own."""
    folder = tmp_path_factory.mktemp("template")
    source, site = folder / "source", folder / "site"
    # pip builds in the folder that it is given.
    shutil.copytree(ROOT / "examples" / "template-backend", source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(source)], check=True, timeout=120)
    return site


def _with_template(site: Path, folder: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_template_is_a_strangers_package_that_connects(template_site: Path, tmp_path: Path) -> None:
    def customauth(*words: str) -> subprocess.CompletedProcess[str]:
        return _with_template(template_site, tmp_path, "customauth", *words)

    assert '"customauth-template 1.0"' in customauth("backends", "--json").stdout
    with running_gateway(tmp_path) as endpoint:
        folder = tmp_path / "customauth-gateway"
        words = ["connect", "--backend", "template", "--authorizer", "signed-sample", "--token-key-name", "token"]
        words += ["--token", "open-sesame", "--sign-with", str(folder / "private.pem")]
        words += ["--cafile", str(folder / "ca" / "ca.pem")]
        for version in ("5", "3.1.1"):
            good = customauth(*words, "--protocol", version, endpoint)
            assert good.returncode == ExitCode.OK, good.stderr
            refused = customauth(*words, "--protocol", version, "--authorizer", "nobody", endpoint)
            assert refused.returncode == ExitCode.REFUSED, refused.stderr


def test_the_kit_of_the_documentation_runs_on_the_installed_template(template_site: Path, tmp_path: Path) -> None:
    ((name, text),) = [(name, text) for name, text in _blocks(ROOT / "docs" / "write-a-backend.md", "python") if name]
    (tmp_path / str(name)).write_text(text)
    chosen = "on_the_wire_is_what or a_feature_works or connack-0x87 or stage_leaves"
    run = _with_template(template_site, tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, str(name))
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\d\d passed", run.stdout), run.stdout


def test_the_page_names_every_method_of_the_contract() -> None:
    from customauth import Connection

    page = (ROOT / "docs" / "write-a-backend.md").read_text()
    owed = {"_disconnect", "_pause_reading", "_resume_reading", *Connection.__abstractmethods__}
    called = {"_received", "_answer", "_ended", "_hold_publishes", "_release_publishes"}
    assert all(hasattr(Connection, name) for name in called)
    assert [name for name in sorted(owed | called) if f"{name}(" not in page] == []


def test_the_readme_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \| ", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(ExitCode)


def test_the_readme_lists_every_backend_with_its_features() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    table = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert set(table) == set(project["entry-points"]["customauth.backends"])
    features = {info.name: info.features for info in PluginManager().describe()}
    columns = (
        Feature.MQTT5,
        Feature.MQTT311,
        Feature.WEBSOCKET,
        Feature.HTTP_PROXY,
        Feature.SOCKS5_PROXY,
        Feature.ADDRESS,
        Feature.CLIENT_CERTIFICATE,
        Feature.BACK_PRESSURE,
        Feature.CONNACK_CODE_311,
    )
    for name, row in table.items():
        said = [cell.strip().startswith("yes") for cell in row.split("|")[1:]]
        assert said == [feature in features[name] for feature in columns], name


def test_every_error_is_explained() -> None:
    import customauth

    page = (ROOT / "docs" / "errors.md").read_text().partition("\n## ")[0]
    explained = {
        name
        for row in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page, re.MULTILINE)
        for name in row[1:-1].split("`, `")
    }
    roots = {"CustomAuthError", "BackendError", "ConnectError", "DialError", "RequestRefused"}
    errors = {
        name
        for name in customauth.__all__
        if isinstance(getattr(customauth, name), type) and issubclass(getattr(customauth, name), Exception)
    }
    assert explained == errors - roots
