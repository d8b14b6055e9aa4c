"""Everything wrong that a person may hand in, one thing at a time: what is said, and is it of use?

``python -m tests.campaigns.bad_input`` prints a table. A kind is passed if the program says which file or value it is
and what was expected or what to do, in an error for people or in a line of the report; a traceback, silence and
anything longer than :data:`LIMIT` are failures.
"""

import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dslite.errors import DsliteError
from tests.campaigns.kinds import KINDS

LIMIT = 10
"""Seconds that a kind may take."""


@dataclass(frozen=True)
class Seen:
    """What came of a kind: ``said``, all that a person reads of it, and how: ``refused``, ``told`` in the report, or
    what it was instead."""

    how: str
    said: str


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Ends what takes longer with a :class:`TimeoutError`."""

    def over(*_):
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(hand_in: Callable[[Path], str]) -> Seen:
    """Hands one kind in."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            with limited(LIMIT):
                return Seen("told", hand_in(Path(folder)))
        except DsliteError as error:
            return Seen("refused", str(error))
        except BaseException as error:  # whatever it is, it is not for people
            return Seen(type(error).__name__, str(error))


def wrong(name: str, seen: Seen) -> str:
    """Why a kind is not passed; empty if it is."""
    if seen.how not in ("refused", "told"):
        return f"{seen.how}: {seen.said}"
    missing = [word for word in KINDS[name].words if word not in seen.said]
    return f"does not say {missing}: {seen.said}" if missing else ""


def shown(name: str, said: str) -> str:
    """The line that matters, without this machine's folders."""
    (*_, line) = [line for line in said.splitlines() if KINDS[name].words[0] in line] or said.splitlines()[-1:]
    return re.sub(r"\S*/tmp\w+/", "", line).replace(f"{Path.cwd()}/", "").replace("|", "\\|")[:300]


def main() -> int:
    failed = 0
    print("| kind | | what is said |\n|---|---|---|")
    for name in KINDS:
        seen = tried(KINDS[name].hand_in)
        failed += bool(why := wrong(name, seen))
        print(f"| {name} | {'**FAILED**' if why else seen.how} | {why or shown(name, seen.said)} |")
    print(f"\n{len(KINDS)} kinds, {failed} failed", file=sys.stderr)
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())
