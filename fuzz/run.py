"""Fuzz the gateway's entrances with atheris: ``python fuzz/run.py [TARGET...] [--runs N] [--seconds S]``.

Without a target all are run, one after the other, and ``--runs`` is divided among them by their shares. What is found
is left in the folder of ``--out``: an input that fails as ``TARGET/crash-*``, one that takes too long as
``TARGET/timeout-*``; ``--replay FILE`` runs one such file again, without atheris.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# For one input; most take a millisecond.
_SECONDS_PER_INPUT = 5
_MEMORY = 1024
_PACKAGES = ["customauth", "h11", "websockets"]


def main(arguments: Sequence[str]) -> int:
    options = _parsed(arguments)
    if options.alone:
        _fuzz(options.targets[0], options.runs, options.seconds, options.out)
        return 0
    obstacle = _obstacle(options.targets, replay=options.replay is not None)
    if obstacle is not None:
        print(obstacle, file=sys.stderr)
        return 2
    if options.replay is not None:
        return _replay(options.targets[0], options.replay)
    return _fuzz_each(options.targets, options.runs, options.seconds, options.out)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz what reads a stranger's bytes in the gateway.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all of them when none is named")
    parser.add_argument("--runs", type=int, default=10_000_000, help="inputs in all (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=0, help="stop each target after this time; 0 for never")
    parser.add_argument(
        "--out", type=Path, default=Path("build/fuzz"), help="corpus and findings (default: %(default)s)"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one input of the one TARGET again")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.replay is not None and len(options.targets) != 1:
        parser.error("--replay needs the one TARGET that the file is for")
    return options


def _obstacle(names: Sequence[str], *, replay: bool) -> str | None:
    from fuzz_targets import TARGETS

    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        return f"no target named {unknown[0]!r}; there are: {', '.join(TARGETS)}"
    if not replay and importlib.util.find_spec("atheris") is None:
        return "atheris is not installed; use nox -s fuzz, or pip install --group fuzz"
    return None


def _replay(name: str, file: Path) -> int:
    from fuzz_targets import TARGETS

    TARGETS[name].run(file.read_bytes())
    print(f"{name}: {file} passes")
    return 0


def _fuzz_each(names: Sequence[str], runs: int, seconds: int, out: Path) -> int:
    """Fuzz each target in a process of its own, since a fuzzer ends its process."""
    from fuzz_targets import TARGETS

    chosen = [TARGETS[name] for name in names or TARGETS]
    shares = sum(target.share for target in chosen)
    failed = []
    for target in chosen:
        count = max(1, runs * target.share // shares)
        print(f"{target.name}: {count} inputs", flush=True)
        begun = time.monotonic()
        more = ["--runs", str(count), "--seconds", str(seconds), "--out", str(out)]
        status = subprocess.run([sys.executable, __file__, target.name, "--alone", *more], check=False).returncode
        print(f"{target.name}: ended with {status} after {time.monotonic() - begun:.0f} s", flush=True)
        if status:
            failed.append(target.name)
    print(f"failed: {', '.join(failed)}" if failed else "nothing was found")
    return 1 if failed else 0


def _fuzz(name: str, runs: int, seconds: int, out: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=_PACKAGES):
        from fuzz_targets import TARGETS

    target = TARGETS[name]
    folder = out / name
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    settings = {
        "runs": runs,
        "max_total_time": seconds,
        "timeout": _SECONDS_PER_INPUT,
        "rss_limit_mb": _MEMORY,
        "max_len": target.max_size,
        "dict": words,
        "artifact_prefix": f"{folder}/",
        "print_final_stats": 1,
    }
    command = [sys.argv[0], *(f"-{key}={value}" for key, value in settings.items()), str(corpus)]
    mutate = target.mutate
    if mutate is None:
        atheris.Setup(command, target.run)
    else:

        def mutated(data: bytes, max_size: int, seed: int) -> bytes:
            # Half of them anywhere: a field of another kind is no field.
            return mutate(data, max_size, atheris.Mutate) if seed & 1 else atheris.Mutate(data, max_size)

        atheris.Setup(command, target.run, custom_mutator=mutated)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
