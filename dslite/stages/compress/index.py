"""What the index page names of the stage ``compress``: the plots to look around in."""

from collections.abc import Sequence

from dslite.layout.paths import Paths


def entries(paths: Paths, done: Sequence[str]) -> list[dict[str, str]]:
    """A plot per corpus, as :func:`dslite.stages.paper.index.entries`."""
    plots = {corpus: paths.corpus(corpus).phone for corpus in done}
    return [
        {"title": f"Files for a phone: {corpus}", "link": plot.relative_to(paths.reports).as_posix()}
        for corpus, plot in plots.items()
        if plot.exists()
    ]
