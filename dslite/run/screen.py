"""What a run shows while it works: redrawn in place on a terminal, a line now and then in a log file."""

import shutil
import sys
import threading
import time
from collections.abc import Sequence

from dslite.layout import notes as traces
from dslite.layout import progress
from dslite.layout.paths import Paths
from dslite.run import outcome
from dslite.run.estimates import spoken, total
from dslite.run.plan import Job

REDRAW, SPEAK = 0.25, 20.0
"""Seconds between two pictures on a terminal, and between two lines in a log file."""
KILLED = "Its process was killed from outside, most likely because memory ran out; try --cores 1."


class Screen:
    """Progress of the jobs of one run. A context manager: the picture lives inside it.

    Args:
        jobs: those that have to run, in order.
        estimates: seconds of each, by its name.
        cores: threads that run at a time.
        paths: where jobs report to.
    """

    def __init__(self, jobs: Sequence[Job], estimates: dict[str, float], cores: int, paths: Paths) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.estimates, self.cores, self.paths = estimates, cores, paths
        self.running: dict[str, float] = {}  # name -> when it started, monotonic
        self.ended: dict[str, float] = {}  # name -> seconds that it took
        self.failed = 0
        self._live = sys.stdout.isatty()
        self._drawn = 0  # lines on the terminal that belong to the present picture
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, daemon=True)

    def __enter__(self) -> "Screen":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        self._erase()

    def started(self, name: str) -> None:
        """A job has begun."""
        traces.progress(self.paths, name).unlink(missing_ok=True)
        with self._lock:
            self.running[name] = time.monotonic()
            if not self._live:
                self._say(f"started   {_title(self.jobs[name])}")

    def finished(self, name: str) -> None:
        """A job has ended, well or badly."""
        last = outcome.read(traces.outcome(self.paths, name))
        with self._lock:
            self.ended[name] = time.monotonic() - self.running.pop(name)
            if last is not None and last.state == "done":
                self._say(f"done      {_title(self.jobs[name])}  ({spoken(self.ended[name])})")
            else:
                self.failed += 1
                why = last.error if last and last.error else KILLED
                self._say(f"FAILED    {_title(self.jobs[name])}: {why}")

    def picture(self) -> list[str]:
        """The run in a line, and a line per running job."""
        with self._lock:
            running = [(self.jobs[name], begun) for name, begun in self.running.items()]
            head = f"{len(self.ended)} of {len(self.jobs)} notebooks"
            if self.failed:
                head += f", {self.failed} failed"
        lefts = {job.name: self._left(job, begun) for job, begun in running}
        head += f", about {spoken(self._all_left(lefts))} left"
        return [head] + [f"  {_title(job)}{self._words(job)}, {spoken(lefts[job.name])} left" for job, _ in running]

    def _words(self, job: Job) -> str:
        report = progress.read(traces.progress(self.paths, job.name))
        return f"  {report.fraction:.0%} {report.text}" if report else "  starting"

    def _left(self, job: Job, begun: float) -> float:
        """Seconds until a running job ends: by its own progress once that says something, else by the estimate."""
        elapsed = time.monotonic() - begun
        report = progress.read(traces.progress(self.paths, job.name))
        if report and report.fraction > 0.05:
            at_report = elapsed - (time.time() - report.time)
            return max(at_report / report.fraction - elapsed, 1.0)
        return max(self.estimates[job.name] - elapsed, 1.0)

    def _all_left(self, lefts: dict[str, float]) -> float:
        with self._lock:
            guessed = sum(self.estimates[name] for name in self.ended)
            pace = min(max(sum(self.ended.values()) / guessed, 0.2), 5.0) if guessed else 1.0
            to_come = [job for name, job in self.jobs.items() if name not in self.ended]
        each = {job.name: lefts.get(job.name, pace * self.estimates[job.name]) for job in to_come}
        return total(to_come, each, self.cores)

    def _keep_drawing(self) -> None:
        while not self._over.wait(REDRAW if self._live else SPEAK):
            if self._live:
                self._draw()
            else:
                self._say(" |".join(self.picture()))

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1
        lines = [line[:width] for line in self.picture()]
        with self._lock:
            self._erase()
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
            self._drawn = len(lines)

    def _erase(self) -> None:
        if self._drawn:
            sys.stdout.write(f"\x1b[{self._drawn}F\x1b[J")
            sys.stdout.flush()
            self._drawn = 0

    def _say(self, line: str) -> None:
        """A line that stays; the picture moves down."""
        with self._lock:
            self._erase()
            print(line if self._live else f"[{time.strftime('%H:%M:%S')}] {line}", flush=True)


def _title(job: Job) -> str:
    return f"{job.corpus} {job.stage}".strip()
