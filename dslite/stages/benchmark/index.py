"""What the index page names of the stage ``benchmark``."""

from collections.abc import Sequence

from dslite.layout.paths import Paths


def entries(paths: Paths, done: Sequence[str]) -> list[dict[str, str]]:
    """Table 5, as :func:`dslite.stages.paper.index.entries`."""
    found = paths.links(5)
    page = paths.across("benchmark").page("benchmark").name
    return [{"title": "Table 5: cost", "link": page, **found}] if done and "csv" in found else []
