"""`customauth backends`: what there is, what it can do, and how to install what is missing."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from commands import features, installed_backends, run, write_plugin
from customauth import Feature, __version__
from needs import needs_backend

MISSING = """
from customauth import Backend, Feature, hookimpl

class Missing(Backend):
    name = "missing"
    library = "not-in-any-index"
    extra = "customauth[missing]"
    features = frozenset({Feature.MQTT5})

    async def connect(self, request):
        raise NotImplementedError

@hookimpl
def customauth_backend():
    return Missing()
"""


def test_an_installed_backend_is_listed_with_its_versions_and_features(backend_name: str) -> None:
    entry = next(entry for entry in run("backends", "--json").json() if entry["name"] == backend_name)
    assert entry["distribution"] == f"customauth {__version__}"
    assert entry["installed"] is True
    assert entry["problem"] is None
    assert entry["library_version"] == metadata.version(entry["library"])
    assert set(entry["features"]) == {feature.value for feature in features(backend_name)}


def test_the_table_names_every_backend_with_its_features() -> None:
    result = run("backends")
    assert result.code == 0
    for entry in run("backends", "--json").json():
        line = next(line for line in result.stdout.splitlines() if line.split()[:1] == [entry["name"]])
        assert ", ".join(entry["features"]) in line


def test_a_missing_library_is_listed_with_the_pip_command(tmp_path: Path) -> None:
    write_plugin(tmp_path, "missing", MISSING)
    environment = {"PYTHONPATH": str(tmp_path)}
    result = run("backends", env=environment)
    assert result.code == 0
    assert 'run: pip install "customauth[missing]"' in result.stdout.splitlines()[-1]
    entry = next(entry for entry in run("backends", "--json", env=environment).json() if entry["name"] == "missing")
    assert (entry["installed"], entry["distribution"], entry["library_version"]) == (False, "strange 1.2", None)
    assert entry["features"] == [Feature.MQTT5.value]


@needs_backend
def test_a_broken_plugin_costs_a_line_and_not_the_command(tmp_path: Path, signed: list[str]) -> None:
    write_plugin(tmp_path, "broken", "raise RuntimeError('[/no] markup')")
    environment = {"PYTHONPATH": str(tmp_path)}
    result = run("backends", env=environment)
    assert result.code == 0
    assert "Traceback" not in result.stderr
    assert "strange 1.2" in result.stdout.splitlines()[-1]
    names = [entry["name"] for entry in run("backends", "--json", env=environment).json()]
    assert set(installed_backends()) | {"broken"} <= set(names)
    assert run(*signed, env=environment).code == 0
