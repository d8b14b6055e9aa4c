"""What the index page names of the stage ``paper``."""

from collections.abc import Sequence

from dslite.layout.paths import FULL_CHUNK, Paths

_TABLES = {
    (1, ""): "corpora",
    (2, ""): "hyperparameters",
    (3, ""): "results I",
    (3, FULL_CHUNK): "results I, full-chunk",
    (4, ""): "results II",
    (4, FULL_CHUNK): "results II, full-chunk",
}


def entries(paths: Paths, done: Sequence[str]) -> list[dict[str, str]]:
    """Tables 1 to 4, scorecard and discrepancies: ``title``, ``link``, ``csv``, ``tex`` (relative to the index).

    Args:
        paths: the output.
        done: corpora whose notebook of this stage is done; [""] for this one, which runs once.
    """
    if not done:
        return []
    page = paths.across("paper").page("paper").name
    found = [
        {"title": f"Table {number}: {what}", "link": page, **files}
        for (number, more), what in _TABLES.items()
        if (files := paths.links(number, more))
    ]
    scorecard = {"title": "Scorecard: every published figure", "link": paths.scorecard_page.name}
    discrepancies = {"title": "Discrepancies of paper and code", "link": paths.discrepancies.name}
    return [*found, scorecard | {"csv": paths.scorecard.name}, discrepancies]
