"""The clips of all corpora that were explained, on one page: to be looked through by corpus, class, right or wrong."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dslite import corpora
from dslite.files import read_json, write_text
from dslite.layout.paths import Paths
from dslite.reporting.pages import LIMIT_MB
from dslite.reporting.provenance import data_mark, provenance_line
from dslite.reporting.templates import render, stylesheet, whole_page
from dslite.stages.explain import clips


@dataclass(frozen=True)
class GalleryCard:
    """One explained clip, or the word that there is none.

    Attributes:
        corpus: its short name.
        label: the true class.
        kind: one of :data:`dslite.stages.explain.clips.KINDS`.
        data: ``real``, ``cropped``, ``differing`` or ``stand-in``.
        line: provenance of its model (see :func:`dslite.reporting.provenance.provenance_line`).
        link: to its page, relative.
        says: what the model says of it, in a sentence; empty where no test clip of the class is right (or wrong).
        file: its name.
        picture: PNG; None where there is no clip.
        sounds: name of a player -> MP3.
    """

    corpus: str
    label: str
    kind: str
    data: str
    line: str
    link: str
    says: str = ""
    file: str = ""
    picture: bytes | None = None
    sounds: Mapping[str, bytes] = field(default_factory=dict)


def write_gallery(page: Path, cards: Sequence[GalleryCard]) -> None:
    """Writes the gallery: every card, and radio buttons that show some of them, without a script.

    One group chooses everything, a corpus or a class of it, so that no two choices can contradict each other; the
    other chooses right, wrong or both. What does not fit into :data:`~dslite.reporting.pages.LIMIT_MB` is left to the
    corpus' own page: sounds first, then pictures.

    Args:
        page: the file to write.
        cards: in the order they are shown; those of one corpus stand together.
    """
    groups, keys, chosen_by = [], [], {}
    for number, name in enumerate(dict.fromkeys(card.corpus for card in cards)):
        own, group = [card for card in cards if card.corpus == name], f"of-{number}"
        classes = [(f"{group}-{at}", label) for at, label in enumerate(dict.fromkeys(card.label for card in own))]
        groups.append({"name": name, "key": group, "mark": data_mark(own[0].data), "classes": classes})
        keys += [group, *(key for key, _ in classes)]
        chosen_by |= {(name, label): f"{group} {key}" for key, label in classes}
    pictures, sounds = _what_fits(cards)
    shown = [
        {
            "card": card,
            "mark": data_mark(card.data),
            "chosen_by": chosen_by[card.corpus, card.label],
            "picture": _inside(card.picture) if at in pictures else "",
            "sounds": {name: _inside(sound) for name, sound in card.sounds.items()} if at in sounds else {},
        }
        for at, card in enumerate(cards)
    ]
    keys += clips.KINDS
    body = render("gallery.html.j2", groups=groups, keys=keys, cards=shown, styles=stylesheet("gallery.css"))
    crumbs = [("All reports", "index.html"), ("Explanations", "")]
    html = whole_page("Explanations of all corpora", crumbs, body, "SHAP maps of all corpora.", wide=True)
    write_text(page, html)


def _what_fits(cards: Sequence[GalleryCard]) -> tuple[set[int], set[int]]:
    """Which cards keep their picture, and which their sounds."""
    room = 0.9 * LIMIT_MB * 1e6 * 3 / 4 - 2_000 * len(cards)  # base64 takes four bytes for three
    kept: tuple[set[int], set[int]] = set(), set()
    pictures, sounds = (len(card.picture or b"") for card in cards), (sum(map(len, c.sounds.values())) for c in cards)
    for fits, sizes in zip(kept, (pictures, sounds), strict=True):
        for at, size in enumerate(sizes):
            if 0 < size <= room:
                room -= size
                fits.add(at)
    return kept


def _inside(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def cards(paths: Paths, names: Iterable[str]) -> list[GalleryCard]:
    """A card per explained class of each corpus, right and wrong.

    Args:
        paths: where it all lies.
        names: of the corpora whose stage ``explain`` is done.
    """
    found = []
    for name in names:
        places = paths.corpus(name)
        record = read_json(places.record("explain"))
        info = corpora.REGISTRY.get(name)
        shared = {
            "corpus": info.short if info else name,
            "data": record["data"],
            "line": provenance_line(record),
            "link": places.page("explain").relative_to(paths.reports).as_posix(),
        }
        chosen = {(clip["label"], clip["kind"]): (number, clip) for number, clip in enumerate(record["clips"])}
        for label in record["explained"]:
            for kind in clips.KINDS:
                card = GalleryCard(**shared, label=label, kind=kind)
                if (label, kind) in chosen:
                    number, clip = chosen[label, kind]
                    says = f"{clips.said(clip)} {clips.terms(record)}"
                    picture, sounds = clips.picture(places, number).read_bytes(), clips.sounds(places, number, record)
                    card = replace(card, file=clip["file"], says=says, picture=picture, sounds=sounds)
                found.append(card)
    return found
