"""An output's copy, in which things are made again and compared with what lies there, and what came of it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dslite.errors import DsliteError
from dslite.layout.paths import Paths
from dslite.run import differing
from dslite.run.differing import Difference

ALONE = "nothing here makes it again"
NOT_AGAIN = "they come from audio, models or clocks"
LACKING = "it cannot be made again"
ITS_NOTEBOOK = "only against its notebook: its record is not there, or it cannot be drawn again"
BESIDE = "no result or page of a run lies there"
ABSENT = "it is not there, though what is there makes it"
SPLIT_ABSENT = "it is not there; a run with --set has that of the output that its changed_runs/ lies in"
OTHER_CODE = "other code of dslite made it, and this one would say something else"

_NAMED = 8
"""How many names a line has for people."""


@dataclass
class Report:
    """How many values are right, which are wrong, and what was not checked -> why not."""

    right: int = 0
    wrong: list[Difference] = field(default_factory=list)
    unchecked: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict:
        return {"right": self.right, "wrong": [one.as_json() for one in self.wrong], "not_checked": self.unchecked}

    def lines(self) -> Iterator[str]:
        """For people: of many files, how many have which name."""
        for reason in dict.fromkeys(self.unchecked.values()):
            what = [name for name, why in self.unchecked.items() if why == reason]
            if len(what) > _NAMED:
                kinds = Counter(name.rpartition("/")[2] for name in what)
                what = [f"{kind} ({count} of them)" if count > 1 else kind for kind, count in kinds.items()]
            yield f"not checked, because {reason}: {', '.join(what)}"
        for one in self.wrong:
            said, mine = (one.as_json()[key] or "nothing" for key in ("said", "recomputed"))
            yield f"WRONG {one.file}, {one.key}: it says {said}; recomputed: {mine}"
        excuses = (LACKING, OTHER_CODE, ITS_NOTEBOOK)
        lacking = sum(why.startswith(excuses) for why in self.unchecked.values())
        more = f" Not compared, though results or pages: {lacking:,} (see above)." * (lacking > 0)
        yield f"{self.right:,} values are right, {len(self.wrong):,} are wrong.{more}"


def parts_of(output: Path) -> list[Path]:
    """The folders of an output that hold what a run left, as far as they are there."""
    return [folder for folder in (Paths(output).artifacts, Paths(output).reports) if folder.is_dir()]


class Copy:
    """A folder with a link for each file of an output, which a file that is made again replaces.

    Files are named as they lie in the output; ``other`` says whether other code than this one's has made what is looked
    at: then what differs is not wrong.

    Attributes:
        origin: the output.
        scratch: a folder for everything that is made, ``folder``, the copy, among it.
        report: what has come of it so far.
        compared: names of the files of which more than a hash was compared.
    """

    def __init__(self, origin: Path, scratch: Path) -> None:
        self.origin, self.scratch, self.folder = origin, scratch, scratch / "copy"
        self.report, self.compared = Report(), set[str]()
        for folder in parts_of(origin):
            self._take(folder)

    def merge(self, other: "Copy") -> None:
        """Takes over what came of another copy of the same output."""
        self.report.right += other.report.right
        self.report.wrong += other.report.wrong
        self.report.unchecked |= other.report.unchecked
        self.compared |= other.compared

    def _take(self, folder: Path) -> None:
        """Has the files of a folder take part."""
        for place, folders, names in os.walk(folder):
            passed = ("standins", "tools") if Path(place).name == Paths(self.origin).artifacts.name else ()
            hidden = [name for name in folders if name.startswith(".")]
            here = Path(place).relative_to(self.origin)
            self.report.unchecked |= {(here / name).as_posix(): BESIDE for name in hidden}
            folders[:] = [name for name in folders if name not in (*hidden, *passed)]
            target = self.folder / here
            target.mkdir(parents=True, exist_ok=True)
            for file in (Path(place, name) for name in [*names, *folders]):
                if file.is_symlink():
                    self.report.unchecked[self.name(target / file.name)] = "it is a link, and none is followed"
                elif not file.is_dir():
                    (target / file.name).symlink_to(file.resolve())

    def attempt(self, what: str, make: Callable, *given: object, other: bool = False) -> Any:
        """What ``make`` returns of what is given; where it fails, None and a line in the report."""
        try:
            return make(*given)
        except Exception as error:
            said = self.here(str(error))
            # Of files that disagree with each other dslite says so; only what is not there, or is other code's, lacks.
            if isinstance(error, FileNotFoundError) or other and not isinstance(error, DsliteError):
                self.report.unchecked[what] = f"{LACKING} ({type(error).__name__}: {said})"
            else:
                self.report.wrong.append(Difference(what, type(error).__name__, "", said))
        return None

    def again(self, what: str, make: Callable, *given: object, other: bool = False) -> Any:
        """Makes something again and compares the files that this has written, which then give way to the links."""
        made = self.attempt(what, make, *given, other=other)
        for file in [*self.folder.rglob("*")]:
            if file.is_symlink() or file.is_dir():
                continue
            name, said = self.name(file), self.origin / file.relative_to(self.folder)
            if said.is_file() and file.suffix not in (".png", ".ipynb"):
                self.compared.add(name)
                self.attempt(name, self._compare, name, said, file, other)
            elif not said.is_file() and (self.origin / Path(name).parts[0]).is_dir():
                self.report.unchecked.setdefault(name, ABSENT)
            file.unlink()
            if said.is_file():
                file.symlink_to(said.resolve())
        return made

    def _compare(self, name: str, said: Path, mine: Path, other: bool) -> None:
        right, wrong, columns = differing.compare(name, said, mine)
        if other and wrong and said == Paths(self.origin).table(5) and not wrong[0].of_cell:
            self.report.unchecked[name] = OTHER_CODE  # whose times this one does not take into it
            return
        self.note(right, wrong, other and mine.suffix != ".parquet")
        if columns:
            self.report.unchecked[f"{name} ({', '.join(columns)})"] = ALONE

    def same(self, file: str, key: str, said: str, mine: str) -> None:
        """Compares what a place in a file says with what it should."""
        self.note(said == mine, [] if said == mine else [Difference(file, key, said, mine)], False)

    def note(self, right: int, wrong: list[Difference], other: bool) -> None:
        """Takes down what a comparison has found."""
        self.report.right += right
        excused = [one for one in wrong if other and one.of_code]
        self.report.unchecked |= {f"{one.file}, {one.key}": OTHER_CODE for one in excused}
        self.report.wrong += [one for one in wrong if one not in excused]

    def here(self, text: str) -> str:
        """A text that names places as they are outside of the copy."""
        return text.replace(str(self.folder), str(self.origin))

    def name(self, file: Path) -> str:
        """A file of the copy as it is called in the report."""
        return file.relative_to(self.folder).as_posix()
