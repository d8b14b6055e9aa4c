"""Memory of each stage's notebook, beside what a cluster is asked for it: a SYNTHETIC stand-in goes through all stages
with DenseNet121, one notebook at a time.

How memory grows with a corpus is measured by ``benchmarks.growth``. The stage graph, which asks a second corpus, is
asked for the same as train and not measured.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.timing import report
from dslite.layout.paths import Paths
from dslite.run import estimates, outcome
from dslite.run.plan import Job
from dslite.stages.catalogue import OF_CORPUS, STAGES

ROOT = Path(__file__).resolve().parents[1]
NAME = "css"
MEASURED = tuple(name for name in STAGES if name != "graph")
HOW = ("--profile", "demo", "--random-weights", "--search", "2", "--set", "epochs=1,1", "--cores", "1")


def measured(output: Path) -> dict[str, float]:
    """Most memory, in MB, that the processes of the run had together while the notebook of a stage was at work: what
    several of them share counts once, and what the run itself has counts too."""
    jobs = {name: f"{NAME}-{name}" if name in OF_CORPUS else name for name in MEASURED}
    command = [sys.executable, "run_all.py", "--corpora", NAME, "--stages", *MEASURED, *HOW, "--output", str(output)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DSLITE_")}
    peaks, log = dict.fromkeys(MEASURED, 0.0), output / "log"
    with log.open("w") as stream:
        run = psutil.Popen(command, cwd=ROOT, stdout=stream, stderr=stream, env=clean)
        while run.poll() is None:
            used = 0.0
            for process in (run, *run.children(recursive=True)):
                with suppress(psutil.Error):
                    used += process.memory_full_info().pss / 1e6
            for changed in (output / "changed_runs").glob("*"):
                for name, job in jobs.items():
                    if (last := outcome.read(Paths(changed).outcome(job))) and last.state == "running":
                        peaks[name] = max(peaks[name], used)
            time.sleep(0.2)
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command, log.read_text("utf-8"))
    return peaks


def main() -> int:
    if not sys.platform.startswith("linux"):
        print("Memory that processes share is told by Linux alone; nothing is measured here.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        peaks = measured(Path(folder))
    good = True
    for name, used in peaks.items():
        job = Job(NAME if name in OF_CORPUS else "", name, "", "", {}, {}, {}, {})
        asked = estimates.resources(job, 0.0)["memory"]
        good &= report(f"{name}: memory of its job, of {asked:,} MB that a cluster is asked for", used, asked, "MB")
    return not good


if __name__ == "__main__":
    sys.exit(main())
