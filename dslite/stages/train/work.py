"""Stage ``train``: every configuration, fitted on train (to score dev) and on train + dev (to score test)."""

from dataclasses import asdict

from dslite.configurations import CONFIGURATIONS
from dslite.files import read_json
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.stages.train import fits


def work(settings: Settings) -> FinishedStage:
    """Leaves per fit ``model.keras``, ``history.parquet``, ``predictions.parquet`` and ``record.json``."""
    corpus = FinishedStage.of(settings, "corpus")
    fitted_with = fits.fitted_with(settings, corpus.record["data_hash"])
    fitted_with["data"] += corpus.clips[["file", "speaker", "label", "partition"]].to_csv(index=False)
    # What the pages say of the data belongs to a stage's identity; the fits are the same whatever it is called.
    said = {name: corpus.record[name] for name in ("note", "warnings")} | {"kind": corpus.record["data"]}
    todo = [fit for _, fit in shared(corpus)]
    made = {"fits": [fit.name for fit in todo]}
    identity = records.identity("train", fitted_with | said | made, settings.chosen)
    if record := records.made(settings, "train", identity):
        return FinishedStage(settings, record)
    started = records.start(settings, "train", "evaluate")  # scores of other predictions than will lie here
    try:
        about = fits.run(corpus, todo, progress.report)
    except KeyboardInterrupt:
        kept = sum(fit.finished for fit in todo)
        raise KeyboardInterrupt(f"Stopped. {kept} of {len(todo)} fits are kept; run the cell again to go on.") from None
    fitted = [read_json(fit.folder / "record.json") for fit in todo]
    # What scores depend on, the seed aside; of a stand-in the audio too, which the seed makes.
    seedless = {k: v for k, v in fitted_with.items() if k != "seed" and not (settings.standin and k == "data")}
    record = {
        **records.inherited(corpus.record),
        **records.begin(settings, "train", identity, started),
        "threads": 1,
        "workers": settings.workers,
        **made,
        **about,
        "recipe": asdict(settings.recipe),
        "reading_parameters": settings.reading.parameters(),
        "but_for_the_seed": records.identity("train", seedless, settings.chosen),
        "trained_layers": fitted[0]["trained_layers"],
        "fit_seconds": round(sum(fit["seconds"] for fit in fitted), 1),
    }
    return records.write(settings, record)


def shared(corpus: FinishedStage, share: slice = slice(None), *_) -> list[tuple[FinishedStage, fits.Fit]]:
    """A share of the fits, all or those that ``--set fits`` names, each with the corpus as it sees it."""
    found = fits.planned(corpus, CONFIGURATIONS, corpus.paths.fit)
    wanted = dict(corpus.settings.changes).get("fits", [fit.name for fit in found])
    return [(corpus, fit) for fit in found if fit.name in wanted][share]
