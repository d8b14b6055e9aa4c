"""What the index page names of the stage ``explain``: the gallery, which is written here."""

from collections.abc import Sequence

from dslite.layout.paths import Paths


def entries(paths: Paths, done: Sequence[str]) -> list[dict[str, str]]:
    """Writes the gallery of the corpora whose explanations are done; as :func:`dslite.stages.paper.index.entries`."""
    if not done:
        paths.gallery.unlink(missing_ok=True)
        return []
    from dslite.stages.explain.gallery import cards, write_gallery

    write_gallery(paths.gallery, cards(paths, done))
    return [{"title": "Explanations of all corpora", "link": paths.gallery.name}]
