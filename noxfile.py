"""The matrix: every Python × every backend alone, and the other ways in which people will install customauth."""

from __future__ import annotations

import functools
import re
import shutil
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ["3.11", "3.12", "3.13"]
BACKENDS = sorted(PROJECT["entry-points"]["customauth.backends"])
TEST_GROUP = nox.project.load_toml("pyproject.toml")["dependency-groups"]["test"]
# More than cores: most of the time is spent waiting for deadlines.
PYTEST = ("pytest", "-n", "4")
CELLS = ROOT / "build" / "compare"

nox.options.sessions = ["lint", "typing", "tests", "bare", "minimums", "wheel"]


@nox.session(python=PYTHONS)
@nox.parametrize("backend", BACKENDS)
def tests(session: nox.Session, backend: str) -> None:
    """Run the suite with one backend's library and no other."""
    session.install("--editable", f".[{backend}]", *TEST_GROUP)
    session.run(*PYTEST, *session.posargs)


@nox.session(python=PYTHONS)
def bare(session: nox.Session) -> None:
    """Run the suite with no MQTT library at all."""
    session.install("--editable", ".", *TEST_GROUP)
    session.run(*PYTEST, *session.posargs)


@nox.session(python=PYTHONS[0])
def minimums(session: nox.Session) -> None:
    """Run the suite with the lowest versions that pyproject.toml promises."""
    extras = PROJECT["optional-dependencies"]
    promised = [*PROJECT["dependencies"], *(line for name in BACKENDS for line in extras[name])]
    lowest = [re.sub(r">=\s*", "==", line) for line in promised]
    session.install("--editable", ".", *lowest, *TEST_GROUP)
    session.run(*PYTEST, *session.posargs)


@nox.session(python=PYTHONS[0])
def wheel(session: nox.Session) -> None:
    """Run the suite against the built wheel, outside the checkout."""
    outside = Path(session.create_tmp())
    dist = outside / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build", *TEST_GROUP)
    session.run("python", "-m", "build", "--outdir", str(dist), str(ROOT))
    (built,) = dist.glob("*.whl")
    session.install("--force-reinstall", "--no-deps", str(built))
    session.install(f"{built}[all]")
    suite = outside / "suite"
    shutil.rmtree(suite, ignore_errors=True)
    suite.mkdir()
    for name in (
        "tests",
        "benchmarks",
        "docs",
        "examples",
        "fuzz",
        "tools",
        "README.md",
        "pyproject.toml",
        "noxfile.py",
        "Makefile",
    ):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, suite / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, suite / name)
    session.chdir(suite)
    session.run(*PYTEST, *session.posargs)


@nox.session(python=PYTHONS)
@nox.parametrize("backend", BACKENDS)
def compare(session: nox.Session, backend: str) -> None:
    """Run the comparison in one cell, backend × Python; the tables are joined when the last cell is done."""
    session.install("--editable", f".[{backend}]")
    cell = _cells_of_this_run() / f"{session.python}-{backend}.json"
    with cell.open("w") as stream:
        session.run("customauth", "compare", "--json", *session.posargs, stdout=stream)
    session.notify("compare-table")


@functools.cache
def _cells_of_this_run() -> Path:
    """Empty the folder of earlier runs' cells, once; a joined table must not mix them."""
    shutil.rmtree(CELLS, ignore_errors=True)
    CELLS.mkdir(parents=True)
    return CELLS


@nox.session(name="compare-table", default=False)
def compare_table(session: nox.Session) -> None:
    """Join the cells that `compare` left into one Markdown table."""
    session.install("--editable", ".")
    merged = [f"--merge={cell}" for cell in sorted(CELLS.glob("*.json"))]
    session.run("customauth", "compare", "--markdown", *merged)


@nox.session(python=PYTHONS[0])
def bench(session: nox.Session) -> None:
    """Measure the gateway against mosquitto on this machine; takes five minutes, and a quiet machine."""
    session.install("--editable", ".[uvloop]")
    # `nox -s bench -- messages --rounds 9` runs one of them, with its options.
    for name in session.posargs[:1] or ["front_door", "messages"]:
        session.run("python", f"benchmarks/{name}.py", *session.posargs[1:])


@nox.session(python=PYTHONS[0])
def fuzz(session: nox.Session) -> None:
    """Fuzz what reads a stranger's bytes: 10 million inputs, which takes hours, or as many as `--runs` says."""
    session.install("--editable", ".", *nox.project.load_toml("pyproject.toml")["dependency-groups"]["fuzz"])
    session.run("python", "fuzz/run.py", *session.posargs)


@nox.session(python=PYTHONS[0])
def soak(session: nox.Session) -> None:
    """Cut the gateway's clients off at random for ten minutes, and count whether an acknowledged message is lost."""
    session.install("--editable", ".")
    session.run("python", "tests/support/soak.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types: mypy strictly, and that every public name has a known type."""
    session.install("--editable", ".[all]", *nox.project.load_toml("pyproject.toml")["dependency-groups"]["typing"])
    session.run("mypy")
    for package in ("customauth", *(f"customauth_{name}" for name in BACKENDS)):
        session.run("pyright", "--verifytypes", package, "--ignoreexternal")
