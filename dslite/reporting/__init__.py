"""What readers see: figures, tables and pages, in one style.

Notebooks use ``use_style``, ``banner``, ``show``, ``table``, ``words`` and the rooms ``figures``, ``comparisons``,
``tables``, ``results``, ``sheets`` and ``explanations``; the workflow uses ``to_html``, ``failure_page`` and
``write_index``. Names are imported when they are first used: a notebook does not pay for the page maker, and the
command line does not pay for matplotlib.
"""

from importlib import import_module

_HOMES = {
    "banner": "provenance",
    "provenance_line": "provenance",
    "show": "display",
    "table": "display",
    "use_style": "display",
    "words": "display",
    "to_html": "pages",
    "failure_page": "pages",
    "outside_references": "outside",
    "clean": "sanitiser",
}
_ROOMS = ("comparisons", "explanations", "figures", "results", "sheets", "tables")

__all__ = [*_HOMES, *_ROOMS]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
