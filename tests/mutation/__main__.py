"""Draw faults, run the tests that touch each, and write down which were seen.

`python -m tests.mutation --sample 200` in the root of the repository. The tree is copied; nothing
in place is changed. A run that was ended goes on where it was. A fault counts as killed only where
the test that fails passes without it.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutation.mutate import Mutant, sample

COLUMNS = ("path", "line", "kind", "after", "status", "seconds", "test", "diff")
MEMORY = 12 * 2**30
"""Bytes of address space: a fault can ask for any size of array."""


@dataclass(frozen=True)
class Scratch:
    """A copy of the repository in which faults are tried."""

    root: Path
    budget_s: float

    def tried(self, mutant: Mutant) -> tuple[str, str]:
        """Return killed, survived or timeout, and the test that failed."""
        path = self.root / mutant.path
        source, stat = path.read_bytes(), path.stat()
        end = time.monotonic() + self.budget_s
        try:
            path.write_bytes(mutant.applied(source))
            failed = self._first_failure(mutant.path, end)
        finally:
            path.write_bytes(source)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its bytecode fits again
        return failed

    def _first_failure(self, path: str, end: float) -> tuple[str, str]:
        stages, known_bad = stages_of(self.root, path), list[str]()
        while stages:
            tests = stages[0]
            out = self._pytest(tests, end - time.monotonic(), known_bad)
            if out is None:
                return "timeout", ""
            name = _failed(out)
            if name is None:
                stages = stages[1:]
                continue
            with _without_fault(self, path):
                alone = self._pytest((name,) if name else tests, self.budget_s)
            if alone is not None and _failed(alone) is None:
                return "killed", name or "the interpreter"
            if name in known_bad or not name:
                return "timeout", name
            known_bad.append(name)
        return "survived", ""

    def _pytest(
        self, tests: tuple[str, ...], left_s: float, without: list[str] | None = None
    ) -> str | None:
        """Return the output; None where the time ran out."""
        if left_s <= 0:
            return None
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-m", "not slow", "--no-header", "--tb=no", *tests]
        command += [part for name in without or () for part in ("--deselect", name)]
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_bounded,
        )
        try:
            out, _ = process.communicate(timeout=left_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None
        return out if process.returncode in (0, 5) else f"{out}\nrc {process.returncode}"


class _without_fault:
    """The copy as it was, for as long as a test is run again."""

    def __init__(self, scratch: Scratch, path: str) -> None:
        self.path, self.sound = scratch.root / path, scratch.root / ".sound" / path

    def __enter__(self) -> None:
        self.faulty = self.path.read_bytes()
        shutil.copy2(self.sound, self.path)

    def __exit__(self, *_: object) -> None:
        self.path.write_bytes(self.faulty)


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(5)


def _failed(out: str) -> str | None:
    """Return the test that failed, or the file that could not be read; None if all passed."""
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", out, re.MULTILINE)
    if found:
        return found[1]
    return "" if re.search(r"^rc ", out, re.MULTILINE) else None


@cache
def _texts(root: Path) -> dict[str, str]:
    files = sorted((root / "tests").rglob("test_*.py"))
    return {path.relative_to(root).as_posix(): path.read_text() for path in files}


def stages_of(root: Path, path: str) -> list[tuple[str, ...]]:
    """Return the tests that touch a file, those first that most likely see a fault in it.

    To be asked one after the other: most faults are seen by the first, which is read in a moment.
    Its doctests with the test file of its name; the files of the folder that mirrors its own, or one
    above it, which name it or something it defines; those of other folders that do; the rest of these.
    """
    parts = path.removeprefix("src/phytomass/").removesuffix(".py").split("/")
    defined = re.findall(r"^(?:def|class) ([A-Za-z]\w+)", _source(root, path), re.MULTILINE)
    named = re.compile(rf"\b(?:{'|'.join([re.escape('.'.join(parts)), *defined])})\b")
    home = "/".join(["tests", *parts[:-1]])
    stages: list[list[str]] = [[path], [], [], []]
    for test, text in _texts(root).items():
        folder, says = test.rpartition("/")[0], bool(named.search(text))
        near = folder != "tests" and f"{home}/".startswith(f"{folder}/")
        if near and Path(test).stem == f"test_{parts[-1]}":
            stages[0].append(test)
        elif (near or says) and not test.startswith("tests/mutation/"):
            stages[1 if near and says else 2 if says else 3].append(test)
    return [tuple(stage) for stage in (stages[0], stages[1], stages[2] + stages[3]) if stage]


def _source(root: Path, path: str) -> str:
    return (root / ".sound" / path).read_text()


def copied(root: Path, target: Path) -> None:
    """Copy what git knows, twice: to be changed, and (`.sound`) to be put back."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (root / name).is_file():
            for place in (target, target / ".sound") if name.startswith("src/") else (target,):
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, place / name)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "src"], cwd=target, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="part of the paths, e.g. src/phytomass/models/")
    parser.add_argument("--budget", type=float, default=600, help="seconds per fault")
    parser.add_argument("--out", type=Path, default=Path("mutants.csv"))
    given = parser.parse_args()
    root = Path.cwd()
    done = list(csv.DictReader(given.out.open())) if given.out.exists() else []
    known = {(row["path"], row["line"], row["kind"], row["after"]) for row in done}
    with tempfile.TemporaryDirectory() as folder, given.out.open("a", newline="") as file:
        copied(root, Path(folder))
        scratch = Scratch(Path(folder), given.budget)
        writer = csv.DictWriter(file, COLUMNS)
        if not done:
            writer.writeheader()
        for mutant in sample(root, given.sample, given.seed, given.only):
            if (mutant.path, str(mutant.line), mutant.kind, mutant.after) in known:
                continue
            source, begin = (root / mutant.path).read_bytes(), time.monotonic()
            status, test = scratch.tried(mutant)
            seconds = round(time.monotonic() - begin)
            row = (mutant.path, mutant.line, mutant.kind, mutant.after, status, seconds, test)
            writer.writerow(dict(zip(COLUMNS, (*row, mutant.diff(source)), strict=True)))
            file.flush()
            print(f"{status:9}{seconds:5} s  {mutant.path}:{mutant.line} {mutant.kind}", flush=True)
    _summary(given.out)


def _summary(path: Path) -> None:
    statuses = [row["status"] for row in csv.DictReader(path.open())]
    counts = {status: statuses.count(status) for status in ("killed", "survived", "timeout")}
    judged = counts["killed"] + counts["survived"]
    print(counts, f"kill rate {counts['killed'] / max(1, judged):.1%} of {judged} judged")


if __name__ == "__main__":
    main()
