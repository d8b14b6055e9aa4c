"""What a notebook runs with: its parameters, resolved."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from dslite import corpora
from dslite.errors import DsliteError
from dslite.layout.paths import NOTEBOOKS, CorpusPaths, Paths
from dslite.profiles import DEMO_BACKBONE, FULL_BACKBONE, PROFILES, Recipe, recipe
from dslite.readings import READINGS, Reading, ablations
from dslite.weights import WEIGHTS_FILES, find_weights


@dataclass(frozen=True)
class Settings:
    """The parameters of a corpus' notebooks, with nothing left to decide.

    Attributes:
        source: the corpus as it was asked for: a name of the registry or the path of a CSV.
        name: the corpus' name on disk and in tables.
        folder: where its audio lies, or will lie if it is a stand-in.
        standin: whether the corpus is not there and a SYNTHETIC one takes its place.
        data, weights: the folders that were given, if any.
        profile: ``demo`` or ``full``.
        reading: what is computed where the paper's text, the released code and good practice differ.
        backbone: base model.
        seed: of everything random.
        output: folder of ``artifacts/`` and ``reports/``.
        workers: fits that run side by side, each with one thread.
        seeds: how many, from ``seed`` on. This and what follows are asked of the ablation alone.
        chunk: length of a chunk in s where it is not the corpus' own (Table 2's); 0 where it is.
        discrepancies: IDs of the ledger's entries that are looked at; none stands for all.
    """

    source: str
    name: str
    folder: Path
    standin: bool
    data: Path | None
    weights: Path | None
    profile: str
    reading: Reading
    backbone: str
    seed: int
    output: Path
    workers: int
    seeds: int = 1
    chunk: float = 0.0
    discrepancies: tuple[str, ...] = ()

    @property
    def paths(self) -> CorpusPaths:
        return Paths(self.output).corpus(self.name)

    @property
    def recipe(self) -> Recipe:
        tabled = recipe(self.name, self.profile, self.reading)
        return replace(tabled, chunk=self.chunk) if self.chunk else tabled

    @property
    def weights_file(self) -> Path | None:
        """The ImageNet weights on this machine, if any; they may still be downloaded."""
        return find_weights(self.backbone, self.weights)

    def looks_at(self, variant: str) -> bool:
        """Whether the ablation is to fit a variant, named as :func:`dslite.readings.ablations` does."""
        return not self.discrepancies or variant.split()[0] in self.discrepancies

    def as_parameters(self) -> dict[str, str | int | float]:
        """The same as the literals of a notebook's first cell."""
        return {
            "corpus": self.source,
            "data": str(self.data or ""),
            "weights": str(self.weights or ""),
            "profile": self.profile,
            "reading": self.reading.name,
            "backbone": self.backbone,
            "seed": self.seed,
            "output": str(self.output),
            "workers": self.workers,
            "seeds": self.seeds,
            "chunk": self.chunk,
            "discrepancies": " ".join(self.discrepancies),
        }


def resolve(
    corpus: str,
    *,
    data: str | Path = "",
    weights: str | Path = "",
    profile: str = "auto",
    reading: str = "paper",
    backbone: str = "",
    seed: int = 42,
    output: str | Path = "",
    workers: int = 1,
    seeds: int = 1,
    chunk: float = 0.0,
    discrepancies: str = "",
) -> Settings:
    """Decides what was left open.

    Args:
        corpus: a name of the registry, or the path of a CSV (own data).
        data: folder that holds corpora; empty for ``DSLITE_DATA``. Where the corpus is not found in it, a stand-in
            takes its place.
        weights: folder that holds ImageNet weights; empty for ``DSLITE_WEIGHTS``.
        profile: ``demo``, ``full``, or ``auto``: full where the real corpus is found, demo where it is not.
        reading: ``paper``, ``released`` or ``sound``.
        backbone: base model; empty for the profile's own.
        seed: 0 to 2**20.
        output: folder to write below; empty for the repository's root.
        workers: fits side by side.
        seeds: of the ablation: how many, from ``seed`` on.
        chunk: of the ablation: length of a chunk in s; 0 for the corpus' own.
        discrepancies: of the ablation: IDs of the ledger's entries, e.g. ``"F-02 F-16"``; empty for all that change a
            computation.

    Raises:
        DsliteError: for a name, number or folder that does not exist or is out of range.
    """
    data_folder = _folder("data", data or os.environ.get("DSLITE_DATA", ""))
    weights_folder = _folder("weights", weights or os.environ.get("DSLITE_WEIGHTS", ""))
    if corpora.is_own(corpus):
        # Absolute, because the notebook runs in another folder than the command that named the file.
        corpus = str(Path(corpus).expanduser().resolve())
        if not Path(corpus).is_file():
            raise DsliteError(
                f"{corpus} does not exist: an own corpus is a CSV of filename,label[,speaker][,partition]."
            )
        name, folder = corpora.slug(Path(corpus).stem), Path(corpus).parent
        if name in corpora.CORPORA:
            raise DsliteError(f"{corpus}: {name} is a corpus of the paper; give the CSV another name.")
    elif corpus in corpora.CORPORA:
        name, folder = corpus, corpora.locate(corpus, data_folder)
    else:
        raise DsliteError(
            f"The corpus {corpus!r} is not one of {', '.join(corpora.CORPORA)}; own data is named by its .csv file."
        )
    if profile not in ("auto", *PROFILES):
        raise DsliteError(f"The profile {profile!r} is not one of auto, {', '.join(PROFILES)}.")
    if reading not in READINGS:
        raise DsliteError(f"The reading {reading!r} is not one of {', '.join(READINGS)}.")
    if profile == "auto":
        profile = "full" if folder else "demo"
    backbone = backbone or (FULL_BACKBONE if profile == "full" else DEMO_BACKBONE)
    if backbone not in WEIGHTS_FILES:
        raise DsliteError(f"The base model {backbone!r} is not one of {', '.join(WEIGHTS_FILES)}.")
    if not 0 <= seed <= 2**20:
        raise DsliteError(f"The seed is {seed}; expected a whole number from 0 to {2**20}.")
    for what, number in {"workers": workers, "seeds": seeds}.items():
        if number < 1:
            raise DsliteError(f"{what} is {number}; expected at least 1.")
    if chunk and not 0.2 <= chunk < float("inf"):  # F-02's long window is 128 ms
        raise DsliteError(f"chunk is {chunk}; expected a length of at least 0.2 s, or 0 for the usual one.")
    place = Path(output).expanduser().resolve() if str(output) else NOTEBOOKS.parent
    return Settings(
        source=corpus,
        name=name,
        folder=folder or Paths(place).standin(name),
        standin=folder is None,
        data=data_folder,
        weights=weights_folder,
        profile=profile,
        reading=READINGS[reading],
        backbone=backbone,
        seed=seed,
        output=place,
        workers=workers,
        seeds=seeds,
        chunk=float(chunk),
        discrepancies=_entries(discrepancies),
    )


def _entries(said: str) -> tuple[str, ...]:
    entries = tuple(sorted(set(said.split())))
    known = dict.fromkeys(name.split()[0] for name in ablations()) if entries else {}
    if unknown := [entry for entry in entries if entry not in known]:
        raise DsliteError(
            f"The discrepancies {', '.join(unknown)} are not among those that change a computation: {', '.join(known)}."
        )
    return entries


def _folder(what: str, value: str | Path) -> Path | None:
    if not str(value):
        return None
    folder = Path(value).expanduser().resolve()
    if not folder.is_dir():
        raise DsliteError(
            f"The {what} folder {folder} does not exist; create it or leave --{what} (DSLITE_{what.upper()}) out."
        )
    return folder
