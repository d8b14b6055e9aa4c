"""A share of a stage's fits, made by a job of a cluster before the stage's notebook, which then finds them finished."""

import shutil
from importlib import import_module
from itertools import groupby
from operator import itemgetter

from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.stages.catalogue import STAGES
from dslite.stages.train import fits


def take_part(settings: Settings, stage: str, process: str, share: slice) -> None:
    """Makes those of a stage's fits that are this job's and not finished, one after the other; of graph also such as
    these depend on.

    Args:
        settings, stage: of the notebook.
        process: name of this job.
        share: which of the fits are this job's, in their order.
    """
    # Caches and features are this job's own: what several wrote at a time would be replaced while others read it.
    own = settings.paths.file(stage, process)
    try:
        given = import_module(f"dslite.stages.{stage}.work").shared(FinishedStage.of(settings, "corpus"), share, own)
        made, todo = 0, [(corpus, fit) for corpus, fit in given if not fit.finished]
        if todo:  # what rests on other fits than will lie here
            records.start(settings, stage, *(name for name, after in STAGES.items() if stage in after.needs))
        for corpus, of_corpus in groupby(todo, itemgetter(0)):
            some = [fit for _, fit in of_corpus]
            report = progress.part(made / len(todo), len(some) / len(todo), process)
            fits.run(corpus, some, report, start=fits.Start(own / "features.npy"))
            made += len(some)
    finally:
        shutil.rmtree(own, ignore_errors=True)
