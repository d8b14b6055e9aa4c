"""A disk without room, at each stage, and one that may only be read: ``python -m tests.campaigns.scarce``.

The output folder is a small file system in memory (which takes root). Before each stage it is filled but for 8 kB,
then 0.2 MB, then 1.2 MB; the run has then to end by itself, say in a sentence that the disk is full, and leave nothing
that is half-written under its final name; with the room given back the same command has to go on and come to its end.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.campaigns.kill import half_written
from tests.whole import UNTRAINED, copied, run

LEFT = (8_000, 200_000, 1_200_000)
"""Bytes that are left."""


def possible() -> str:
    """Why file systems cannot be made here; empty if they can."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder)):
                return ""
        except (OSError, subprocess.CalledProcessError) as error:
            return f"no file system can be mounted here ({error})"


@contextmanager
def mounted(folder: Path, size: str = "300m") -> Iterator[None]:
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

        def go(stage: str):
            return run(root, output, "--corpora", "css", *UNTRAINED, "--stages", stage)

        for stage in stages:
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
        done = run(root, output, "--corpora", "css", *UNTRAINED, "--stages", stages[-1], "--seed", "7")
        if not done.returncode or "Read-only file system" not in done.stderr or "Traceback" in done.stderr:
            wrong.append(f"read-only: {done.stdout[-300:]}{done.stderr[-300:]}")
        say(f"read-only: {done.stderr.strip()}")
    return wrong


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if why := possible():
        print(why, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        stages = ["corpus", "train", "baseline", "evaluate", "explain", "deploy", "paper"]
        wrong = campaign(copied(Path(folder)), stages, LEFT, lambda line: print(line, flush=True))
    print("\n".join(wrong) or "nothing was wrong")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
