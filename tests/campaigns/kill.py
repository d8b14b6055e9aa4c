"""A run that is killed again and again, and what it leaves: ``python -m tests.campaigns.kill --times 20``.

The same command runs once undisturbed and once with, at random moments, by turns: an end without warning of the run, of
a notebook's kernel, of a worker that fits, and of all processes at once; a polite end (SIGTERM), a closed terminal
(SIGHUP), Ctrl-C, and a pause. Where the run is gone, it is started again. After each: no process of it is left after
some seconds, and no file that has its final name is half-written. In the end predictions, scores, models for
a phone and tables are, byte for byte, those of the undisturbed run.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil

from tests.whole import ROOT, UNTRAINED, copied, environment

TOKEN = "DSLITE_CAMPAIGN"
"""An environment variable by which all processes of a run are known."""

GONE = 5.0
"""Seconds after which nothing may be left of a run that has ended."""

PATIENCE = 20.0
"""Seconds that a process which is to be killed is waited for."""

SAME = (
    *("artifacts/*/*/**/predictions.parquet", "artifacts/*/*/scores.parquet", "artifacts/*/*/**/*.tflite"),
    *("reports/results.csv", "reports/tables/table[1-4]*.csv"),
)
"""What must be equal in the end, below the output."""


def processes(token: str) -> list[psutil.Process]:
    """All that have the token in their environment, the oldest first."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.create_time())


Fault = Callable[[subprocess.Popen, str], bool]
"""Does something to a run, whose processes have a token; returns whether there was something to do it to."""


def named(*words: str) -> Fault:
    """Kills one process of the run whose command has one of some words in it, as soon as there is one."""

    def kill(run: subprocess.Popen, token: str) -> bool:
        end = time.monotonic() + PATIENCE
        while run.poll() is None and time.monotonic() < end:
            # The first fork of all is the server that the others are forks of: the run's own.
            forks = [one for one in processes(token) if "dslite.run.forks" in _words(one)][1:]
            some = [one for one in processes(token) if "dslite.run.forks" not in _words(one)]
            some = [one for one in [*forks, *some] if any(word in " ".join(_words(one)) for word in words)]
            if some:
                random.choice(some).kill()
                return True
            time.sleep(0.1)
        return False

    return kill


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def everything(run: subprocess.Popen, token: str) -> bool:
    for process in processes(token):
        if process.is_running():
            process.kill()
    return True


def paused(run: subprocess.Popen, token: str) -> bool:
    os.killpg(run.pid, signal.SIGSTOP)
    time.sleep(3)
    os.killpg(run.pid, signal.SIGCONT)
    return True


def told(*numbers: signal.Signals) -> Fault:
    return lambda run, token: not any(run.send_signal(number) for number in numbers)


FAULTS: dict[str, Fault] = {
    "kill -9 of the run": told(signal.SIGKILL),
    "kill -9 of a kernel": named("dslite.run.kernel", "dslite.run.forks"),
    "kill -9 of a worker": named("multiprocessing.spawn"),
    "kill -9 of all": everything,
    "SIGTERM": told(signal.SIGTERM),
    "SIGHUP, a closed terminal": told(signal.SIGHUP),
    "SIGTERM and SIGHUP, a session that ends": told(signal.SIGTERM, signal.SIGHUP),
    "Ctrl-C": told(signal.SIGINT),
    "SIGSTOP, 3 s, SIGCONT": paused,
}


def half_written(output: Path) -> Iterator[str]:
    """Files with their final names that cannot be read."""
    for file in output.rglob("*"):
        if not file.is_file() or ".part" in file.name or ".snakemake" in file.parts:
            continue
        try:
            if file.suffix == ".parquet":
                pd.read_parquet(file)
            elif file.suffix in (".json", ".ipynb"):
                json.loads(file.read_text("utf-8"))
            elif file.suffix == ".keras":
                assert zipfile.ZipFile(file).testzip() is None
            elif file.suffix == ".tflite":
                assert file.read_bytes()[4:8] == b"TFL3"
            elif file.suffix == ".html":
                assert file.read_text("utf-8").rstrip().endswith("</html>")
        except FileNotFoundError:  # made anew at this moment
            continue
        except Exception as error:
            yield f"{file.relative_to(output)}: {type(error).__name__} {error}"


def results(output: Path) -> dict[str, bytes]:
    """By name, what :data:`SAME` means."""
    return {str(file.relative_to(output)): file.read_bytes() for form in SAME for file in output.glob(form)}


def campaign(root: Path, words: list[str], times: int, seed: int, say: Callable[[str], None]) -> list[str]:
    """Kills a run so many times; what was wrong, a sentence each.

    Args:
        root: a folder with ``run_all.py``.
        words: its options, but for ``--output``.
        times, seed: how often, and of the moments.
        say: called with a line for each fault.
    """
    wrong, rng = [], random.Random(seed)
    random.seed(seed)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        whole, killed = Path(folder, "whole"), Path(folder, "killed")
        began = time.monotonic()
        _run(root, whole, words, "whole", Path(folder, "whole.log")).wait()
        took = time.monotonic() - began
        say(f"undisturbed: {took:.0f} s")
        log, token, run, starts = Path(folder, "killed.log"), f"killed-{os.getpid()}", None, 0
        hits: dict[str, list[bool]] = {}
        for number in range(times):
            if run is None or run.poll() is not None:
                run, starts = _run(root, killed, words, token, log), starts + 1
            name = list(FAULTS)[number % len(FAULTS)]
            moment = rng.uniform(2, max(4, 2 * took / times))
            time.sleep(moment)
            hit = run.poll() is None and FAULTS[name](run, token)
            hits.setdefault(name, []).append(hit)
            wrong += _after(run, killed, token, name)
            what = "run goes on" if run.poll() is None else "run is gone"
            say(f"{number + 1}. {name} after {moment:.1f} s, {what if hit else 'nothing was there to be hit'}")
        wrong += [
            f"{name} never hit anything: give it more --times" for name, hit in hits.items() if hit[1:] and not any(hit)
        ]
        for _ in range(3):  # a kernel that was killed makes a run end with what it could not do
            if run is None or run.wait() != 0:
                run, starts = _run(root, killed, words, token, log), starts + 1
        if run.wait():
            wrong.append(f"after all, the run ends with {run.returncode}: {log.read_text()[-500:]}")
        expected, found = results(whole), results(killed)
        wrong += [f"{name} is {'not there' if name not in found else 'another'}" for name in expected
                  if found.get(name) != expected[name]]  # fmt: skip
        wrong += [f"{name} is there too" for name in found.keys() - expected.keys()]
        say(f"{len(expected)} files compared, {starts} starts")
    return wrong


def _run(root: Path, output: Path, words: list[str], token: str, log: Path) -> subprocess.Popen:
    with log.open("a") as stream:
        return subprocess.Popen(
            [sys.executable, "run_all.py", "--output", str(output), *words], cwd=root, stdout=stream, stderr=stream,
            env=environment(root) | {TOKEN: token}, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup's runs are deaf to it
        )  # fmt: skip


def _after(run: subprocess.Popen, output: Path, token: str, name: str) -> list[str]:
    """What is wrong some seconds after a fault."""
    limit = time.monotonic() + GONE
    while time.monotonic() < limit and (run.poll() is None or processes(token)):
        if run.poll() is None and name.startswith(("SIGSTOP", "kill -9 of a ")):
            break  # the run itself goes on
        time.sleep(0.2)
    wrong = [f"after {name}: {found}" for found in half_written(output)]
    if run.poll() is None and name.startswith(("SIGTERM", "SIGHUP", "Ctrl-C")):
        wrong.append(f"after {name}: the run goes on")
    if run.poll() is not None and (left := processes(token)):
        wrong.append(f"after {name}: {len(left)} processes are left, {' '.join(_words(left[0]))[:120]}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, metavar="N", help="faults (default: 20)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments (default: 0)")
    parser.add_argument("--small", action="store_true", help="a run with less to do, as in the tests")
    parser.add_argument("--corpora", nargs="+", default=["css", "ess", "mpssc"], help="stand-ins (default: three)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = copied(Path(folder)) if chosen.small else ROOT
        words = ["--corpora", *chosen.corpora, *(UNTRAINED if chosen.small else ("--random-weights",))]
        wrong = campaign(root, words, chosen.times, chosen.seed, lambda line: print(line, flush=True))
    print("\n".join(wrong) or "nothing was wrong")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
