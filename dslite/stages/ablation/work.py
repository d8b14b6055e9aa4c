"""Stage ``ablation``: one change at a time, to see which of them matter: discrepancies against the reading ``sound``,
or under the profile ``tuned`` the parts of its recipe, back to Table 2.
"""

import re
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from dslite import statistics
from dslite.changes import checked, to_reading
from dslite.errors import Damaged, Died, DsliteError, NoRoom
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import CorpusPaths
from dslite.layout.settings import Settings
from dslite.paper.ledger import experiments
from dslite.profiles import TUNED_PARTS, recipe
from dslite.readings import CACHED, READINGS
from dslite.stages.corpus.cache import cached_as
from dslite.stages.train import fits
from dslite.weights import digest

NO_EFFECT = "changes nothing on this corpus under this profile"


def work(settings: Settings) -> FinishedStage:
    """Fits the first of :func:`variants` and every other, and compares them on test.

    It leaves ``scores.parquet`` (a row per variant, seed and partition), ``differences.parquet``
    (:func:`dslite.statistics.against`) and ``left_out.parquet`` (variants that cannot be or change nothing, and why).

    Args:
        settings: the corpus. The audio of a stand-in is that of the first seed.

    Raises:
        DsliteError: for a corpus on which even the reference cannot be fitted.
    """
    decoded = FinishedStage.of(settings, "corpus")
    wanted, augmentation = variants(settings)
    reference, *_ = wanted
    settings, seeds = wanted[reference], settings.seeds
    asked = {
        "corpus": decoded.record["identity"],
        "variants": {
            name: {"reading": variant.reading.parameters(), "recipe": asdict(variant.recipe)}
            for name, variant in wanted.items()
        },
        "seeds": seeds,
        "profile": settings.profile,
        "backbone": settings.backbone,
        "weights": digest(settings.weights_file),
        "seed": settings.seed,
        "draws": (settings.draws, settings.paired_draws),
    }
    identity = records.identity("ablation", asked, settings.chosen)
    more = {"seeds": seeds, "discrepancies": " ".join(settings.discrepancies)}
    if record := records.made(settings, "ablation", identity, **more):
        return FinishedStage(settings, record)
    started = records.start(settings, "ablation")
    place = settings.paths.file("ablation")
    corpus = cached_as(settings, decoded, place, progress.part(0, 0, reference))
    tables: dict[str, list[dict[str, pd.DataFrame]]] = {}
    left_out, about = [], {}
    for number, (name, variant) in enumerate(wanted.items()):
        begin, share = number / len(wanted), 1 / (len(wanted) * seeds)
        try:
            prepared = cached_as(variant, decoded, place, progress.part(begin, share, name))
            if name != reference and _inputs(variant, prepared) == _inputs(settings, corpus):
                left_out.append({"variant": name, "reason": NO_EFFECT})
                continue
            for further, (fitted, todo) in enumerate(_planned(prepared, augmentation, fits_of(variant.paths, name))):
                about = fits.run(fitted, todo, progress.part(begin + further * share, share, name))
                found = {fit.target: fit.predictions() for fit in todo}
                tables.setdefault(name, []).append(found)
        except DsliteError as error:
            if name == reference or isinstance(error, NoRoom | Died | Damaged):
                raise
            left_out.append({"variant": name, "reason": str(error)})
    drawn = settings.seed, settings.draws, settings.paired_draws
    leaves = statistics.of_runs(tables, reference, corpus.classes, *drawn)
    leaves["scores"] = leaves["scores"].rename(columns={"system": "variant"})
    leaves["left_out"] = pd.DataFrame(left_out, columns=["variant", "reason"])
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "ablation", identity, started, **more),
        **about,
        "reference": reference,
        "augmentation": augmentation,
        "seeds": list(range(settings.seed, settings.seed + seeds)),
        "chunk": settings.recipe.chunk,
    }
    return records.write(settings, record, leaves)


def variants(settings: Settings) -> tuple[dict[str, Settings], str]:
    """The reference, then what differs from it in one thing, by name; and the augmentation that all are fitted with.

    Discrepancies are fitted with both augmentations, so that whatever they touch has a chance to act. What ``tuned``
    is made of goes back to the demo's values, which are Table 2's, with Adam for the AdaDelta that would stay at chance
    (F-13).
    """
    if settings.profile == "tuned":
        back = recipe(settings.name, "demo", settings.reading)
        found, augmentation = {"tuned": settings}, "none"
        for part, names in TUNED_PARTS.items():
            changes = {name: getattr(back, name) for name in names} | dict(settings.changes)
            found[f"{part} as in Table 2"] = replace(settings, changes=checked(changes))
    else:
        readings, augmentation = {"sound": READINGS["sound"]} | experiments(), "both"
        found = {n: replace(settings, reading=to_reading(r, settings.changes)) for n, r in readings.items()}
    reference = next(iter(found))
    return {name: one for name, one in found.items() if name == reference or settings.looks_at(name)}, augmentation


def fits_of(paths: CorpusPaths, variant: str) -> Path:
    """Where the fits of a variant lie: a folder per seed, and in it one per partition that is scored."""
    return paths.file("ablation", re.sub(r"[^a-z0-9]+", "_", variant.lower()))


def _inputs(variant: Settings, corpus: FinishedStage) -> tuple:
    """All that a fit of a variant depends on: the cached data, the recipe, and what else of the reading has a say."""
    parameters, recipe = variant.reading.parameters(), variant.recipe
    no_say = {"optimiser", "learning_rate", "extra_epochs"} | (set() if recipe.epochs[1] else {"layers"})
    if corpus.record["chunks"] == corpus.record["files"]:  # each file is one chunk: there is nothing to decide
        no_say |= {"decision"}
    rest = {name: value for name, value in parameters.items() if name not in no_say | set(CACHED)}
    return corpus.record["data_hash"], recipe, rest


def _planned(corpus: FinishedStage, augmentation: str, folder: Path) -> list[tuple[FinishedStage, list[fits.Fit]]]:
    """The fits of a variant, for dev and for test: per seed, and with its corpus under that."""
    first, seeds = corpus.settings.seed, corpus.settings.seeds
    each = [replace(corpus, settings=replace(corpus.settings, seed=seed)) for seed in range(first, first + seeds)]
    return [(seeded, fits.with_one(seeded, augmentation, folder / str(seeded.settings.seed))) for seeded in each]


def shared(decoded: FinishedStage, share: slice, place: Path) -> list[tuple[FinishedStage, fits.Fit]]:
    """The fits of a share of the variants, each with its corpus, which is cached in a place that no other job has."""
    wanted, augmentation = variants(decoded.settings)
    first, *_ = wanted
    reference, found = cached_as(wanted[first], decoded, place, lambda *_: None), []
    for name in [*wanted][share]:
        with suppress(DsliteError):  # the notebook says why there is no such variant
            corpus = cached_as(wanted[name], decoded, place, lambda *_: None)
            if name == first or _inputs(wanted[name], corpus) != _inputs(wanted[first], reference):
                of_seeds = _planned(corpus, augmentation, fits_of(decoded.paths, name))
                found += [(seeded, fit) for seeded, todo in of_seeds for fit in todo]
    return found
