"""From what somebody asked for to settings with nothing left to decide."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dslite import changes as changing
from dslite import corpora
from dslite.backbones import base_model
from dslite.configurations import CONFIGURATIONS
from dslite.errors import DsliteError
from dslite.layout import records
from dslite.layout.paths import Paths
from dslite.layout.settings import LAST_SEED, RANDOM, Settings
from dslite.paper.ledger import experiments
from dslite.profiles import DEMO_BACKBONE, FULL_BACKBONE, PROFILES, TUNED_PARTS
from dslite.readings import READINGS
from dslite.scoring import TRAINED_ON, fit_name
from dslite.stages.catalogue import STAGES
from dslite.tasks import CLASSIFICATION, REGRESSION, TASKS
from dslite.transfer import wav2vec
from dslite.weights import fetch_weights, find_weights


class OutputAmongRecordings(DsliteError):
    """An output folder that is refused, and in which nothing is to be left, not even a log."""


def resolve(
    corpus: str,
    *,
    data: str | Path = "",
    weights: str | Path = "",
    profile: str = "auto",
    reading: str = "paper",
    backbone: str = "",
    task: str = "auto",
    seed: int = 42,
    output: str | Path = "",
    workers: int = 1,
    changes: Mapping[str, object] | None = None,
    seeds: int = 1,
    discrepancies: str = "",
    trials: int = 40,
    hours: float = 0.0,
    source: str = "",
    embedder: str = "",
) -> Settings:
    """Decides what was left open.

    The arguments are attributes of :class:`dslite.layout.settings.Settings`, "" or 0 where something is left open:

    Args:
        corpus: a name of the registry, or the path of own data (a CSV, or a folder with a sub-folder per class).
        data, weights: else ``DSLITE_DATA`` and ``DSLITE_WEIGHTS``. A stand-in takes the place of a corpus
            that is not found in ``data``; ``weights`` may be ``random``.
        profile: may be ``auto``: full for a corpus of the paper that is found, tuned for other audio, demo for a
            stand-in.
        task: ``classification``, ``regression``, or ``auto``: regression where the labels of an own CSV are numbers
            and not a few whole ones. The paper's corpora are classified unless regression is asked for; their results
            as numbers lie beside the others.
        backbone, output: else the profile's own, and the repository's root.
        changes: name -> value of :data:`dslite.changes.CHANGEABLE`; its results get a folder of their own.
        discrepancies: IDs of the ledger's entries, e.g. ``"F-02 F-16"``; under ``tuned``, parts of that recipe.
        source: a corpus, named as ``corpus`` is, whose model embeds the files in the stage graph. It is fitted as the
            other one is: with the same profile, reading, base model, seed and changes.
        embedder: folder or name of a wav2vec 2.0 that is fine-tuned on the source in place of that.

    Raises:
        DsliteError: for a name, number or folder that does not exist or is out of range.
    """
    data_folder = _folder("data", data or os.environ.get("DSLITE_DATA", ""))
    random = weights == RANDOM
    weights_folder = None if random else _folder("weights", weights or os.environ.get("DSLITE_WEIGHTS", ""))
    for what, said, of in (("task", task, TASKS), ("profile", profile, PROFILES)):
        if said not in ("auto", *of):
            raise DsliteError(f"The {what} {said!r} is not one of auto, {', '.join(of)}.")
    if corpus in corpora.REGISTRY:
        folder = corpora.locate(corpus, data_folder)
        if folder and changing.checked(changes or {}) and dict(changes).get("standin_size") == "real":
            raise DsliteError(
                f"{corpus} is found in {folder}, so it has no stand-in whose size could be real: name others with "
                "--corpora, or leave --standin-size out."
            )
        task = CLASSIFICATION.name if task == "auto" else task
        if task == REGRESSION.name:
            corpora.as_numbers(corpora.REGISTRY[corpus])  # refuses one without
        name = corpora.results_name(corpus, task)
        reader, chunk = corpora.REGISTRY[corpus].reader, corpora.REGISTRY[corpus].chunk
    else:
        # Absolute, because the notebook runs in another folder than the command that named the file.
        # Not resolved, because a CSV may be a link into a store of blobs, with its audio beside the link.
        corpus = os.path.abspath(corpora.known(os.path.expanduser(corpus)))
        name, folder, reader = corpora.slug(corpus), corpora.locate(corpus, None), "own_csv"
        if folder is None:
            raise DsliteError(f"{corpus} does not exist. Own data is {corpora.FORM}.")
        taken = Path(corpus).stem
        # A CSV says itself what it holds; a folder of that name would have its speakers' folders taken for classes.
        if taken in corpora.CORPORA or (taken in corpora.REGISTRY and Path(corpus).is_dir()):
            whose = "the paper" if taken in corpora.CORPORA else "another paper"
            raise DsliteError(f"{corpus}: {taken} is a corpus of {whose} (--data says where); give it another name.")
        chunk = corpora.own_chunk(Path(corpus))
        if task == "auto":
            task = (REGRESSION if corpora.own_numeric(Path(corpus)) else CLASSIFICATION).name
    if reading not in READINGS:
        raise DsliteError(f"The reading {reading!r} is not one of {', '.join(READINGS)}.")
    if profile == "auto":
        profile = "demo" if folder is None else "full" if corpus in corpora.CORPORA else "tuned"
    backbone = backbone or (FULL_BACKBONE if profile == "full" else DEMO_BACKBONE)
    base_model(backbone)  # refuses an unknown one
    if not 0 <= seed <= LAST_SEED:
        raise DsliteError(f"The seed is {seed}; expected a whole number from 0 to {LAST_SEED}.")
    for what, number in {"workers": workers, "seeds": seeds}.items():
        if number < 1:
            raise DsliteError(f"{what} is {number}; expected at least 1.")
    if trials < 0:
        raise DsliteError(f"trials is {trials}; expected at least 1, or 0 for the grid of the released code.")
    if not hours >= 0:
        raise DsliteError(f"hours is {hours}; expected a number above 0, or 0 for no limit.")
    changed = changing.checked(changes or {})
    names = [fit_name(augmentation, target) for target in TRAINED_ON for augmentation in CONFIGURATIONS]
    if unknown := [name for name in dict(changed).get("fits", ()) if name not in names]:
        raise DsliteError(f"There is no fit {', '.join(unknown)}; there are: {', '.join(names)}.")
    paths = Paths.of(output, changing.folder(changed))
    _refuse_inside(paths.output, folder if reader != "own_csv" else Path(corpus))
    origin = None
    if source:
        same = {"profile": profile, "reading": reading, "backbone": backbone, "seed": seed, "workers": workers}
        places = {"data": data, "weights": weights, "output": output, "changes": changes}
        origin = resolve(source, task=CLASSIFICATION.name, **same, **places)
        if origin.name == name:
            raise DsliteError(f"{source} is source and target of the graph; name another corpus with --source.")
    return Settings(
        source=corpus,
        name=name,
        folder=folder or paths.standin(name),
        standin=folder is None,
        reader=reader,
        data=data_folder,
        weights=weights_folder,
        weights_file=None if random else find_weights(backbone, weights_folder),
        profile=profile,
        reading=changing.to_reading(READINGS[reading], changed),
        backbone=backbone,
        seed=seed,
        output=paths.output,
        workers=workers,
        task=task,
        random_weights=random,
        chunk=chunk,
        changes=changed,
        seeds=seeds,
        discrepancies=_entries(discrepancies, profile),
        trials=trials,
        hours=hours,
        origin=origin,
        embedder=wav2vec.located(embedder),
    )


def refuse_numbers(stages: Iterable[str], settings: Iterable[Settings]) -> None:
    """Raises a :class:`DsliteError` if a stage that is for classes alone is asked for where labels are numbers."""
    named = [stage for stage in stages if STAGES[stage].classes_only]
    if named and (numeric := [s.name for s in settings if s.numeric]):
        raise DsliteError(
            f"The labels of {', '.join(numeric)} are numbers, and {', '.join(named)} is for classes alone: leave it "
            "out, or ask for --task classification."
        )


def with_weights(settings: Sequence[Settings]) -> list[Settings]:
    """The same, with ImageNet weights for all: those that are not on this machine are downloaded.

    Raises:
        DsliteError: if weights cannot be had and random ones were not asked for.
    """
    made = [s for s in settings if not records.elsewhere(s.paths)]
    lacking = {s.backbone for s in made if not s.weights_file and not s.random_weights}
    for backbone in sorted(lacking):
        print(f"Fetching the ImageNet weights of {backbone} ...", flush=True)
        if not fetch_weights(backbone):
            base = base_model(backbone)
            raise DsliteError(
                f"{backbone} needs ImageNet weights, and they could not be fetched. Put {base.file} "
                f"({base.url}{base.file}) into a folder and name it with --weights; or take --backbone "
                f"{DEMO_BACKBONE}, whose weights are installed; or, to try things out only, --random-weights."
            )
    return [resolve(**s.as_parameters()) if s.backbone in lacking else s for s in settings]


def _refuse_inside(output: Path, recordings: Path | None) -> None:
    """Raises :class:`OutputAmongRecordings` if a run's results would lie among the recordings, of which all in a folder
    are read: explanations' clips would be a class, and every run would find other audio than the last."""
    below = recordings and recordings.is_dir() and output.is_relative_to(recordings.resolve())
    if below and not any(part.startswith(".") for part in output.relative_to(recordings.resolve()).parts):  # not read
        raise OutputAmongRecordings(
            f"The output folder {output} lies in the corpus {recordings}, where results would be taken for "
            "recordings. Give --output a folder outside of it."
        )


def _entries(said: str, profile: str) -> tuple[str, ...]:
    entries = tuple(sorted(set(said.split())))
    names = (TUNED_PARTS if profile == "tuned" else experiments()) if entries else ()
    known = dict.fromkeys(name.split()[0] for name in names)
    if unknown := [entry for entry in entries if entry not in known]:
        raise DsliteError(
            f"The discrepancies {', '.join(unknown)} are not among those that change a computation under the profile "
            f"{profile}: {', '.join(known)}."
        )
    return entries


def _folder(what: str, value: str | Path) -> Path | None:
    if not str(value):
        return None
    folder = Path(value).expanduser().resolve()
    if not folder.is_dir():
        told = "is a file; name the folder that it lies in" if folder.exists() else "does not exist; create it"
        raise DsliteError(f"The {what} folder {folder} {told} or leave --{what} (DSLITE_{what.upper()}) out.")
    return folder
