"""The gallery's cards, from what the stages ``explain`` left; light, because it is written whenever the index is."""

import json
from collections.abc import Iterable

from dslite import corpora
from dslite.layout.paths import CorpusPaths, Paths
from dslite.reporting.provenance import provenance_line
from dslite.stages.explain.gallery_page import KINDS, Card


def cards(paths: Paths, names: Iterable[str]) -> list[Card]:
    """A card per explained class of each corpus, right and wrong.

    Args:
        paths: where it all lies.
        names: of the corpora whose stage ``explain`` is done.
    """
    found = []
    for name in names:
        places = paths.corpus(name)
        record = json.loads(places.record("explain").read_text("utf-8"))
        info = corpora.CORPORA.get(name)
        shared = {
            "corpus": info.short if info else name,
            "data": record["data"],
            "line": provenance_line(record),
            "link": places.page("explain").relative_to(paths.reports).as_posix(),
        }
        clips = {(clip["label"], clip["kind"]): (number, clip) for number, clip in enumerate(record["clips"])}
        for label in record["explained"]:
            for kind in KINDS:
                of_clip = _of_clip(places, *clips[label, kind]) if (label, kind) in clips else {}
                found.append(Card(**shared, label=label, kind=kind, **of_clip))
    return found


def said(clip: dict) -> str:
    """What the model says of a clip and of its evidence alone, and whether there is anything to explain.

    Args:
        clip: an entry of the record's ``clips``.
    """
    before, after = clip["predicted"], clip["heard_as"]
    if not clip["kept"]:
        return f"The model says {before} ({clip['of_chunk']:.2f}). No region raises it above a hidden plot."
    verdict = f"{before} again" if after == before else f"{after}, no longer {before}"
    little = f" Of a hidden plot it says nearly the same ({clip['base']:.2f}): there is little to explain."
    return (
        f"The model says {before} ({clip['of_chunk']:.2f}). Of the evidence alone, {100 * clip['kept']:.0f} % of the "
        f"regions, it says {verdict} ({clip['heard_probability']:.2f})."
        f"{little if abs(clip['of_chunk'] - clip['base']) < 0.1 else ''}"
    )


def sounds(places: CorpusPaths, number: int, clip: dict) -> dict[str, bytes]:
    """Name of a player -> MP3, of a clip and its number in the record; no evidence where there is none to hear."""
    files = {"original": "original"} | ({"evidence only": "evidence"} if clip["kept"] else {})
    return {name: places.explain(f"clips/{number:02}-{file}.mp3").read_bytes() for name, file in files.items()}


def _of_clip(places: CorpusPaths, number: int, clip: dict) -> dict:
    return {
        "file": clip["file"],
        "says": said(clip),
        "picture": places.explain(f"clips/{number:02}.png").read_bytes(),
        "sounds": sounds(places, number, clip),
    }
