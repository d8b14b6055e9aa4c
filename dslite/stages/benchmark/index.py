"""What the index page names of the stage ``benchmark``."""

from collections.abc import Sequence

from dslite.layout.paths import Paths


def entries(paths: Paths, done: Sequence[str]) -> list[dict[str, str]]:
    """Table 5, as :func:`dslite.stages.paper.index.entries`."""
    table = paths.table(5)
    if not done or not table.exists():
        return []
    found = {"title": "Table 5: cost", "link": paths.across("benchmark").page("benchmark").name}
    found["csv"] = table.relative_to(paths.reports).as_posix()
    if paths.tex(5).exists():
        found["tex"] = paths.tex(5).relative_to(paths.reports).as_posix()
    return [found]
