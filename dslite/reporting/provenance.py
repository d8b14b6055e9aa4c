"""Where figures come from, said on everything that shows them."""

from collections.abc import Mapping

from dslite.backbones import title
from dslite.reporting.templates import render, show_html
from dslite.wording import spoken

WEIGHTS = {"imagenet": "ImageNet weights", "random": "RANDOM weights", "untrained": "not trained"}
DATA = {
    "real": "REAL",
    "cropped": "CROPPED",
    "differing": "DIFFERS from Table 1",
    "stand-in": "SYNTHETIC stand-in",
}
MEANING = {
    "real": "the corpus as its owners hand it out",
    "cropped": "real recordings, cut short: results are not those of the whole corpus",
    "differing": "the official layout, but other counts or durations than the paper's",
    "stand-in": "synthesised audio: its figures say nothing about the corpus",
}

_current: dict = {}  # the record of the notebook's banner; empty before there is one


def data_mark(data: str) -> str:
    """The word that must stand beside everything made from such data; "" where the data is unknown."""
    return DATA.get(data, data.upper() if data else "")


def provenance_line(record: Mapping | None) -> str:
    """One line for a caption: data, base model, weights, profile, reading (but for the default, the paper's), seed.

    What the record does not know is left out.

    Args:
        record: what a stage leaves (``record.json``) or a row of results.csv; None for that of the notebook's banner.

    Returns:
        Plain text, not escaped, e.g. ``SYNTHETIC stand-in · MobileNetV2, RANDOM weights · demo profile · seed 0``.
    """
    record = _current if record is None else record
    backbone = str(record.get("backbone") or "")
    weights = str(record.get("weights") or "")
    model = ", ".join(filter(None, (title(backbone), WEIGHTS.get(weights, weights))))
    data = data_mark(str(record.get("data") or ""))
    if not data and not model:
        return ""
    parts = [f"{data} data" if data == "REAL" else data, model]
    if record.get("profile"):
        parts.append(f"{record['profile']} profile")
    if record.get("reading") not in (None, "", "paper"):
        parts.append(f"reading {record['reading']}")
    if record.get("changed"):
        parts.append(f"CHANGED: {record['changed']}")
    if seeds := _seeds(record):
        parts.append(f"seed{'s' if ',' in seeds else ''} {seeds}")
    return " · ".join(filter(None, parts))


def _seeds(record: Mapping) -> str:
    """Of all seeds that a stage took, not of its first alone."""
    seeds = record.get("seeds") or [record.get("seed")]
    return ", ".join(str(seed) for seed in seeds if seed is not None)


def banner(record: Mapping) -> None:
    """Displays what a page rests on, with every warning of the record; each page starts with it.

    From here on, every figure and table that this notebook shows carries the record's line of provenance, so that
    none can be shown without the word SYNTHETIC where it belongs.

    Args:
        record: what a stage leaves (``record.json``); keys that are missing are left out.
    """
    _current.clear()
    _current.update(record)
    show_html(banner_html(record))


def banner_html(record: Mapping) -> str:
    """The banner as HTML, escaped."""
    data = str(record.get("data") or "")
    backbone = str(record.get("backbone") or "")
    weights = str(record.get("weights") or "")
    facts = {
        "Command": record.get("command"),
        "Began": record.get("began"),
        "Base model": title(backbone),
        "Weights": WEIGHTS.get(weights, weights),
        "Profile": record.get("profile"),
        "Reading": record.get("reading"),
        "Changed": record.get("changed"),
        "Seed": _seeds(record),
        "Took": spoken(record["seconds"]) if record.get("seconds") is not None else None,
    }
    warnings = list(record.get("warnings") or [])
    machine = {
        "Hardware": record.get("hardware"),
        "Threads per fit": record.get("threads"),
        **(record.get("versions") or {}),
    }
    return render(
        "banner.html.j2",
        data=data,
        mark=data_mark(data),
        meaning=record.get("note") or MEANING.get(data, ""),
        random=weights == "random" and not any("random" in str(warning).lower() for warning in warnings),
        facts={name: value for name, value in facts.items() if value not in (None, "")},
        machine={name: value for name, value in machine.items() if value not in (None, "")},
        warnings=warnings,
    )
