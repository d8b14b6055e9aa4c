"""A disk without room or to be read alone, little memory: ``python -m tests.campaigns.scarce``.

The output folder is a small file system in memory (which takes root). Before each stage it is filled but for 8 kB,
then 0.2 MB, then 1.2 MB; the run has then to end by itself, say in a sentence that the disk is full, and leave nothing
that is half-written under its final name; with the room given back the same command has to go on and come to its end.
The same holds of a run whose processes may take 0.6, then 1 GB of memory together (a control group, which takes root).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.campaigns.kill import GONE, half_written
from tests.whole import UNTRAINED, copied, environment, run

LEFT = (8_000, 200_000, 1_200_000)
"""Bytes that are left."""

MEMORY = (600_000_000, 1_000_000_000)
"""Bytes that all processes of a run may take: with 0.3 GB the system kills the run itself, which says nothing then."""


def possible() -> str:
    """Why file systems cannot be made here; empty if they can."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder)):
                return ""
        except (OSError, subprocess.CalledProcessError) as error:
            return f"no file system can be mounted here ({error})"


@contextmanager
def mounted(folder: Path, size: str = "1g") -> Iterator[None]:
    """A file system in memory."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def campaign(root: Path, stages: list[str], left: tuple[int, ...], say: Callable[[str], None]) -> list[str]:
    """Takes the room away before each of some stages of one stand-in; what was wrong, a sentence each."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder, mounted(Path(folder)):
        output, ballast = Path(folder, "out"), Path(folder, "ballast")

        def go(stage: str, *more: str, corpus: str = "css"):
            own = {"search": ("--search", 2), "graph": ("--source", "ess")}.get(stage, ())
            return run(root, output, "--corpora", corpus, *UNTRAINED, *own, "--stages", stage, *more)

        for stage in stages:
            if stage == "graph":  # its own room is to be too little, not its source's
                go("evaluate", corpus="ess")
            for bytes_left in left:
                output.mkdir(exist_ok=True)
                with ballast.open("wb") as stream:
                    stream.write(bytes(max(0, shutil.disk_usage(folder).free - bytes_left)))
                done = go(stage)
                told = done.stdout + done.stderr
                how = f"{stage} with {bytes_left / 1e6:g} MB left"
                if not done.returncode:
                    say(f"{how}: went through")
                elif "is full. Make room" not in told and "Nothing more can be written" not in told:
                    wrong.append(f"{how}: {told[-300:]}")
                else:
                    say(f"{how}: said so")
                wrong += ["a traceback: " + told[-300:]] if "Traceback" in told else []
                wrong += [f"{how}: {found}" for found in half_written(output)]
                ballast.unlink()
            if (done := go(stage)).returncode:
                wrong.append(f"{stage} does not go on: {done.stdout[-300:]}{done.stderr[-300:]}")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        done = go(stages[-1], "--seed", "7")
        if not done.returncode or "Read-only file system" not in done.stderr or "Traceback" in done.stderr:
            wrong.append(f"read-only: {done.stdout[-300:]}{done.stderr[-300:]}")
        say(f"read-only: {done.stderr.strip().replace(f'{folder}/', '')}")
    return wrong


@contextmanager
def little_memory(limit: int) -> Iterator[Path]:
    """A control group (of version 1) inside this process' own; a process that writes its id to the file is held by it.

    Raises:
        OSError, StopIteration: there can be none.
    """
    own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line)
    group = Path(f"/sys/fs/cgroup/memory{own.split(':', 2)[2]}", f"dslite-{os.getpid()}")
    group.mkdir()
    try:
        group.joinpath("memory.limit_in_bytes").write_text(str(limit))
        yield group / "cgroup.procs"
    finally:
        limit = time.monotonic() + GONE
        while group.joinpath("cgroup.procs").read_text() and time.monotonic() < limit:
            time.sleep(0.2)
        group.rmdir()  # fails where processes are left


def memory_possible() -> str:
    """Why memory cannot be withheld here; empty if it can."""
    try:
        with little_memory(MEMORY[0]):
            return ""
    except (OSError, StopIteration) as error:
        return f"no control group for memory can be made here ({type(error).__name__} {error})"


def memory(root: Path, stages: list[str], limits: tuple[int, ...], say: Callable[[str], None]) -> list[str]:
    """Has some stages of one stand-in done with little memory, then with all; what was wrong, a sentence each."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for stage in stages:
            words = ["--corpora", "css", *UNTRAINED, "--cores", "2", "--stages", stage]
            for limit in limits:
                how = f"{stage} with {limit / 1e9:g} GB of memory"
                with little_memory(limit) as held:
                    enter = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(held)]
                    command = [*enter, sys.executable, "run_all.py", "--output", folder, *words]
                    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
                    done = subprocess.run(command, cwd=root, env=environment(root), check=False, **pipes)
                told = next((line for line in done.stdout.splitlines() if "memory r" in line.lower()), "")
                if not done.returncode:
                    say(f"{how}: went through")
                elif told and "Traceback" not in done.stdout:
                    say(f"{how}: {told.partition('] ')[2] or told}")
                else:
                    wrong.append(f"{how}: {done.stdout[-300:]}")
                wrong += [f"{how}: {found}" for found in half_written(Path(folder))]
            if (done := run(root, Path(folder), *words)).returncode:
                wrong.append(f"{stage} does not go on: {done.stdout[-300:]}{done.stderr[-300:]}")
    return wrong


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if why := possible():
        print(why, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        stages = ["corpus", "train", "baseline", "evaluate", "explain", "deploy", "paper"]
        optional = ["benchmark", "ablation", "folds", "search", "compress", "graph"]
        root, say = copied(Path(folder)), lambda line: print(line, flush=True)
        wrong = campaign(root, [*stages, *optional], LEFT, say)
        if why := memory_possible():
            say(why)
        else:
            wrong += memory(root, stages, MEMORY, say)
    print("\n".join(wrong) or "nothing was wrong")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
