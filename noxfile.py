"""The matrix: every Python × every backend alone, and the other ways in which people will install customauth."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ["3.11", "3.12", "3.13"]
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BACKENDS = sorted(PROJECT["entry-points"]["customauth.backends"])
GROUPS = nox.project.load_toml("pyproject.toml")["dependency-groups"]
TEST_GROUP, SDK_GROUP = GROUPS["test"], GROUPS["sdk"]
# More than cores: most of the time is spent waiting for deadlines.
PYTEST = ("pytest", "-n", "4")
CELLS = ROOT / "build" / "compare"

nox.options.sessions = ["lint", "typing", "tests", "bare", "minimums", "wheel"]


@nox.session(python=PYTHONS)
@nox.parametrize("backend", BACKENDS)
def tests(session: nox.Session, backend: str) -> None:
    """Run the suite with one backend's library and no other."""
    beside = SDK_GROUP if backend == "awscrt" else []
    session.install("--editable", f".[{backend}]", *TEST_GROUP, *beside)
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
    session.install("build", *TEST_GROUP, *SDK_GROUP)
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


@nox.session(python=False)
def compare(session: nox.Session) -> None:
    """Compare all backends on every Python, with the lowest and the newest versions; joined in build/compare/.

    `nox -s compare -- --quick` does it on this Python with the newest versions only. Other options go to the command.
    """
    shutil.rmtree(CELLS, ignore_errors=True)
    CELLS.mkdir(parents=True)
    quick = "--quick" in session.posargs
    for python in [THIS_PYTHON] if quick else PYTHONS:
        for versions in ["newest"] if quick else ["newest", "lowest"]:
            session.notify(f"compare-cell-{python}(versions='{versions}')", session.posargs)
    session.notify("compare-page", [])


@nox.session(name="compare-cell", python=sorted({*PYTHONS, THIS_PYTHON}), reuse_venv=True, default=False)
@nox.parametrize("versions", ["newest", "lowest"])
def compare_cell(session: nox.Session, versions: str) -> None:
    """Compare in one cell; all backends in one environment, because only those that take turns can be compared."""
    libraries = [line for name in BACKENDS for line in PROJECT["optional-dependencies"][name]]
    if versions == "lowest":
        session.install(*(re.sub(r">=\s*", "==", line) for line in libraries), "--editable", ".")
    else:
        session.install("--upgrade", *libraries, "--editable", ".")
    CELLS.mkdir(parents=True, exist_ok=True)
    name = f"py{session.python}-{versions}"
    files = ["--json", str(CELLS / f"{name}.json"), "--html", str(CELLS / f"{name}.html")]
    # 7: something did not end as it should, which is a finding and no failure of the session.
    session.run(
        *("customauth", "compare", "--environment", name, *files, *session.posargs),
        success_codes=[0, 7],
        # Ctrl-C reaches it too: it has to write what it has measured.
        interrupt_timeout=120,
    )


@nox.session(name="compare-page", reuse_venv=True, default=False)
def compare_page(session: nox.Session) -> None:
    """Join the cells that `compare` left into one page, one document and one table."""
    cells = sorted(CELLS.glob("py*.json"))
    if not cells:
        session.error("no cell was compared; run: nox -s compare")
    session.install("--editable", ".")
    merged = [f"--merge={cell}" for cell in cells]
    whole = CELLS / "comparison"
    files = [
        f"--{form}={whole}.{end}"
        for form, end in (("json", "json"), ("markdown", "md"), ("junit", "xml"), ("html", "html"))
    ]
    session.run("customauth", "compare", *merged, *files, success_codes=[0, 7])


@nox.session(python=PYTHONS[0])
def bench(session: nox.Session) -> None:
    """Measure the gateway against mosquitto, and the clients a little; takes ten minutes, and a quiet machine."""
    session.install("--editable", ".[all,uvloop]", *SDK_GROUP)
    programs = {
        "front_door": ["benchmarks/front_door.py"],
        "messages": ["benchmarks/messages.py"],
        "clients": ["-m", "benchmarks.clients"],
    }
    if session.posargs:
        # `nox -s bench -- clients --rounds 9` runs one of them, with its options.
        session.run("python", *programs[session.posargs[0]], *session.posargs[1:])
        return
    for name, words in programs.items():
        session.run("python", *words, *(["--quick"] if name == "clients" else []))


@nox.session(python=PYTHONS[0])
def fuzz(session: nox.Session) -> None:
    """Fuzz what reads a stranger's bytes: 10 million inputs, which takes hours, or as many as `--runs` says."""
    session.install("--editable", ".", *GROUPS["fuzz"])
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
    session.install("--editable", ".[all]", *GROUPS["typing"])
    session.run("mypy")
    for package in ("customauth", *(f"customauth_{name}" for name in BACKENDS)):
        session.run("pyright", "--verifytypes", package, "--ignoreexternal")
