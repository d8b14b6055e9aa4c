"""What is known about a corpus before anybody has it: the paper's eight, and others by name."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType, SimpleNamespace

PARTITIONS = ("train", "dev", "test")
"""The three partitions; the challenges' own name for ``dev`` is ``devel``."""


@dataclass(frozen=True)
class Table1:
    """A row of the paper's Table 1: durations in minutes (total) and seconds (mean, standard deviation per file)."""

    files: int
    speakers: int
    classes: int
    minutes: float
    mean_s: float
    std_s: float


@dataclass(frozen=True)
class Archive:
    """A file to download: where, its name, its size in bytes and its SHA-256 (hex)."""

    url: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class CorpusInfo:
    """A corpus as its owners and the paper describe it.

    Attributes:
        name: its folder under the data folder, and its name everywhere.
        title: the paper's name for it (Table 1), for example "COVID-19 cough"; of one that is not the paper's, whose it
            is.
        short: the abbreviation used in tables.
        sound: what is heard in it, as a plural or mass noun.
        classes: in the order used everywhere; none where labels are numbers.
        table1: the published row; None for a corpus that is not the paper's.
        whole: what a complete one has: that row, or where there is none what its files were counted to be; None for an
            own corpus.
        licence: under what terms it is handed out.
        shared_audio: whose sounds a page that is passed on may hold, and under what terms; empty: it may hold none.
        access: how to get it and whom to ask.
        url: where to begin; empty for an own corpus.
        layout: what its folder looks like, in one line.
        reader: the module of `dslite.corpora.readers` that reads it; empty for an own corpus.
        names: where file names hold the labels, their pattern without the ending: groups ``label``, ``speaker`` (a
            number) and, of what is of another part of the corpus, ``other``.
        partition: "official", or the rule and its reason where the paper leaves it open.
        citation: what to cite.
        labels: label as distributed -> class.
        unused: labels that the corpus knows and the paper leaves out.
        split: speaker (or session) numbers per partition; empty where the owners hand out a partition.
        archive: what can be downloaded without asking anybody; None for all but RAVDESS.
        chunk: length of a chunk in s; 0 where Table 2 says it, and for an own corpus.
        numeric: whether labels as distributed are numbers on a scale.
        also: figures that a complete corpus may show although Table 1 prints others; `also["reason"]` says why.
    """

    name: str
    title: str
    short: str
    sound: str
    classes: tuple[str, ...]
    licence: str
    access: str
    layout: str
    partition: str
    table1: Table1 | None = None
    whole: Table1 | None = None
    url: str = ""
    citation: str = ""
    reader: str = ""
    names: str = ""
    shared_audio: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()
    split: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    archive: Archive | None = None
    chunk: float = 0.0
    numeric: bool = False
    also: Mapping[str, float | str] = field(default_factory=dict)

    def partition_of(self, number: int) -> str | None:
        """The partition of a speaker (IEMOCAP: session) number; None if the split does not name it."""
        return next((part for part, numbers in self.split.items() if number in numbers), None)


def _load() -> Mapping[str, CorpusInfo]:
    described = tomllib.loads(files(__package__).joinpath("registry.toml").read_text("utf-8"))
    published = tomllib.loads(files("dslite.paper").joinpath("published.toml").read_text("utf-8"))["table1"]
    return MappingProxyType(
        {
            name: CorpusInfo(
                name=name,
                table1=Table1(**published[name]) if name in published else None,
                whole=Table1(**(published.get(name) or entry.pop("whole"))),
                classes=tuple(entry.pop("classes")),
                unused=frozenset(entry.pop("unused", ())),
                split={part: tuple(numbers) for part, numbers in entry.pop("split", {}).items()},
                archive=Archive(**entry.pop("archive")) if "archive" in entry else None,
                **entry,
            )
            for name, entry in described.items()
        }
    )


REGISTRY: Mapping[str, CorpusInfo] = _load()
"""All corpora that are known by name: the paper's, and after them those of other papers."""

CORPORA: Mapping[str, CorpusInfo] = MappingProxyType({name: info for name, info in REGISTRY.items() if info.table1})
"""The eight corpora in the order of the paper's Table 1."""


def described(name: str, about: Mapping[str, str]) -> CorpusInfo | SimpleNamespace:
    """A corpus' entry; of an own corpus, what its records say of it (``about``) and no row of Table 1."""
    return REGISTRY.get(name) or SimpleNamespace(**about, table1=None)
