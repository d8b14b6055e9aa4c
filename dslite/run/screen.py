"""What a run shows while it works: redrawn in place on a terminal, a line now and then in a log file."""

import sys
import threading
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from dslite.files import full
from dslite.layout import progress
from dslite.layout.paths import Paths
from dslite.run import outcome
from dslite.run.estimates import total
from dslite.run.plan import Job
from dslite.wording import spoken

SPEAK = 20.0
"""Seconds between two lines in a log file."""
KILLED = "Its process was killed from outside, most likely because memory ran out; try --cores 1."


class Screen:
    """Progress of the jobs of one run, with the estimated seconds of each by its name. A context manager: the picture
    lives inside it."""

    queues = False
    """Whether jobs go to a cluster, where one may wait for long: its time counts from its first report."""

    def __init__(self, jobs: Sequence[Job], estimates: dict[str, float], cores: int, paths: Paths) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.estimates, self.cores, self.paths = estimates, cores, paths
        self.running: dict[str, float] = {}  # name -> when it started, monotonic
        self.heard: dict[str, float] = {}  # name -> when its first report was seen, monotonic
        self.ended: dict[str, float] = {}  # name -> seconds that it took
        self.failed = 0
        self._console = Console(force_terminal=sys.stdout.isatty())
        self._live: Live | None = None
        if self._console.is_interactive:
            self._live = Live(get_renderable=self._drawing, console=self._console, transient=True)
        self._over = threading.Event()
        self._speaker = threading.Thread(target=self._keep_speaking, daemon=True)

    def __enter__(self) -> "Screen":
        (self._live or self._speaker).start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()
        else:
            self._over.set()
            self._speaker.join()

    def started(self, name: str) -> None:
        """A job has begun, or one of its helpers."""
        if name in self.running:
            return
        self.jobs[name].progress(self.paths).unlink(missing_ok=True)
        self.heard.pop(name, None)
        self.running[name] = time.monotonic()
        if not self._live:
            self._say(f"started   {_title(self.jobs[name])}")

    def finished(self, name: str) -> None:
        """A job has ended, well or badly."""
        title, last = _title(self.jobs[name]), outcome.read(self.jobs[name].note(self.paths))
        done = last is not None and last.state == "done"
        begun = self.running.pop(name)
        now = time.monotonic()
        took = now - (self.heard.get(name, now) if self.queues else begun)
        self.ended[name] = max(took, last.seconds) if done else took  # its first report was seen late, or none
        self.failed += not done
        if done:
            self._say(f"done      {title}  ({spoken(self.ended[name])})")
        else:
            self._say(f"FAILED    {title}: {last and last.error or full(self.paths.output) or KILLED}")

    def picture(self) -> list[str]:
        """The run in a line, and a line per running job."""
        ended, lefts, lines = dict(self.ended), {}, []  # copies: another thread says what starts and ends
        for name, begun in dict(self.running).items():
            now, report = time.monotonic(), progress.read(self.jobs[name].progress(self.paths))
            if report:
                self.heard.setdefault(name, now)
            lefts[name] = self._left(name, now - (self.heard.get(name, now) if self.queues else begun), report)
            silent = "queued or starting" if self.queues else "starting"
            words = f"{report.fraction:.0%} {report.text}" if report else silent
            lines.append(f"  {_title(self.jobs[name])}  {words}, {spoken(lefts[name])} left")
        head = f"{len(ended)} of {len(self.jobs)} notebooks" + f", {self.failed} failed" * bool(self.failed)
        guessed = sum(self.estimates[name] for name in ended)
        pace = min(max(sum(ended.values()) / guessed, 0.2), 5.0) if guessed else 1.0
        to_come = [job for name, job in self.jobs.items() if name not in ended]
        each = {job.name: lefts.get(job.name, pace * self.estimates[job.name]) for job in to_come}
        return [f"{head}, about {spoken(total(to_come, each, self.cores))} left", *lines]

    def _left(self, name: str, elapsed: float, report: progress.Progress | None) -> float:
        """Seconds until a running job ends: by its own progress once that says something, else by the estimate."""
        at_report = elapsed - (time.time() - report.time) if report else 0.0
        if report and report.fraction > 0.05 and at_report > 0:  # not above 0 where it is the first one that is seen
            return max(at_report / report.fraction - elapsed, 1.0)
        return max(self.estimates[name] - elapsed, 1.0)

    def _drawing(self) -> Text:
        return Text("\n".join(self.picture()), no_wrap=True, overflow="ellipsis")

    def _keep_speaking(self) -> None:
        while not self._over.wait(SPEAK):
            self._say(" |".join(self.picture()))

    def _say(self, line: str) -> None:
        """A line that stays; the live picture moves down. Text from users' files is not read as markup."""
        self._console.out(line if self._live else f"[{time.strftime('%H:%M:%S')}] {line}", highlight=False)


def _title(job: Job) -> str:
    return f"{job.corpus} {job.stage}".strip() + (f", seed {job.seed}" if job.seed else "")
