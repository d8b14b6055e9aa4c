"""Whole corpora of SYNTHETIC clips through corpus, train (an epoch), baseline, evaluate and paper: memory, pages, time;
how long ``--verify`` and the same command take after that; and ``--dry-run`` of eight corpora with three seeds.

``python -m benchmarks.growth [NAME ...]``: stand-ins of the corpora's own size; SLEEP, which is not among those that
are taken by default, has 16,462 files.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.timing import report
from dslite.layout.paths import Paths

ROOT = Path(__file__).resolve().parents[1]
CORPORA = ("mpssc", "ess", "iemocap")
STAGES = ("corpus", "train", "baseline", "evaluate")
HOW = ("--standin-size", "real", "--profile", "demo", "--backbone", "squeezenet_v1", "--random-weights")
FITS = ("--set", "epochs=1,0", "--set", "fits=none on train,none on train + dev")


def timed(*words: str) -> float:
    """Seconds that a command takes; an error if it fails."""
    began = time.monotonic()
    subprocess.run([sys.executable, "run_all.py", *words], cwd=ROOT, env=_clean(), check=True, capture_output=True)
    return time.monotonic() - began


def _clean() -> dict[str, str]:
    """No corpora or weights of this machine: it is stand-ins that are measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DSLITE_")}


def measured(name: str, output: Path) -> tuple[dict[str, float], float, float]:
    """Size and seconds of each stage, of ``--verify`` and of the same command once more, the most memory that a process
    of the run had, in GB, and its largest page, in MB.

    Pages of files that are mapped into memory do not count, as the system takes them back when it needs room; where it
    does not say how many these are (it does on Linux), they do.
    """
    words = ["--corpora", name, "--stages", "evaluate", "paper", *HOW, *FITS, "--output", str(output)]
    peak, log = 0, output / "log"
    with log.open("w") as stream:
        command = [sys.executable, "run_all.py", *words]
        run = psutil.Popen(command, cwd=ROOT, stdout=stream, stderr=stream, env=_clean())
        while run.poll() is None:
            for process in (run, *run.children(recursive=True)):
                try:
                    used = process.memory_info()
                    peak = max(peak, used.rss - getattr(used, "shared", 0))
                except psutil.Error:
                    continue
            time.sleep(0.5)
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command, log.read_text("utf-8"))
    (changed,) = (output / "changed_runs").iterdir()
    places = Paths(changed).corpus(name)
    records = {stage: json.loads(places.record(stage).read_text("utf-8")) for stage in STAGES}
    seconds = {stage: record["seconds"] for stage, record in records.items()}
    largest = max(page.stat().st_size for page in changed.rglob("*.html"))
    audio = pd.read_parquet(places.clips, columns=["duration"])["duration"].sum()
    sizes = {name: records["corpus"][name] for name in ("files", "chunks")} | {"audio s": audio}
    after = {"verify": timed("--verify", str(changed)), "again": timed(*words)}
    return sizes | seconds | after, peak / 1e9, largest / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"corpora (default: {', '.join(CORPORA)})")
    rows, good = [], True
    for name in parser.parse_args().names or CORPORA:
        with tempfile.TemporaryDirectory() as folder:
            row, peak, largest = measured(name, Path(folder))
        rows.append({"name": name, **row, "GB": peak, "MB": largest})
        what = f"{name}, {row['files']:,} files, {row['chunks']:,} chunks"
        good &= report(f"{what}: peak memory of a process", peak, 2.0, "GB")
        good &= report(f"{what}: largest page", largest, 5.0, "MB")
        good &= report(f"{what}: --verify", row["verify"], 60.0, "s")
        good &= report(f"{what}: the same command once more, with nothing to do", row["again"], 5.0, "s")
    table = pd.DataFrame(rows)
    print(table.round(2).to_string(index=False))
    for stage in STAGES if len(table) > 2 else ():
        size = "audio s" if stage == "corpus" else "chunks"  # which are of other lengths in each corpus
        power, _ = np.polyfit(np.log(table[size]), np.log(table[stage].clip(lower=0.1)), 1)
        good &= report(f"{stage}: seconds grow with {size} to the power of", power, 1.15)
    with tempfile.TemporaryDirectory() as folder:
        nothing = timed("--dry-run", "--seeds", "3", "--output", folder)
    return not good & report("--dry-run of eight corpora with three seeds", nothing, 5.0, "s")


if __name__ == "__main__":
    sys.exit(main())
