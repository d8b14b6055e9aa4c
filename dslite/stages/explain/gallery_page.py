"""The clips of all corpora that were explained, on one page: to be looked through by corpus, class, right or wrong."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dslite.files import whole_file
from dslite.reporting.pages import LIMIT_MB
from dslite.reporting.provenance import data_mark
from dslite.reporting.templates import render, stylesheet, whole_page

KINDS = ("right", "wrong")


@dataclass(frozen=True)
class Card:
    """One explained clip, or the word that there is none.

    Attributes:
        corpus: its short name.
        label: the true class.
        kind: one of :data:`KINDS`.
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


def write_gallery(page: Path, cards: Sequence[Card], home: str = "index.html") -> None:
    """Writes the gallery: every card, and radio buttons that show some of them, without a script.

    One group chooses everything, a corpus or a class of it, so that no two choices can contradict each other; the
    other chooses right, wrong or both. What does not fit into :data:`~dslite.reporting.pages.LIMIT_MB` is left to the
    corpus' own page: sounds first, then pictures.

    Args:
        page: the file to write.
        cards: in the order they are shown; those of one corpus stand together.
        home: relative link to the index.
    """
    numbers = {name: number for number, name in enumerate(dict.fromkeys(card.corpus for card in cards))}
    classes = {name: list(dict.fromkeys(card.label for card in cards if card.corpus == name)) for name in numbers}
    groups = [
        {
            "name": name,
            "key": f"of-{number}",
            "mark": data_mark(next(card.data for card in cards if card.corpus == name)),
            "classes": [(f"of-{number}-{at}", label) for at, label in enumerate(classes[name])],
        }
        for name, number in numbers.items()
    ]
    keys = [key for group in groups for key in (group["key"], *(key for key, _ in group["classes"]))]
    pictures, sounds = _what_fits(cards)
    shown = [
        {
            "card": card,
            "mark": data_mark(card.data),
            "chosen_by": _chosen_by(numbers[card.corpus], classes[card.corpus].index(card.label)),
            "picture": _inside(card.picture) if at in pictures else "",
            "sounds": {name: _inside(sound) for name, sound in card.sounds.items()} if at in sounds else {},
        }
        for at, card in enumerate(cards)
    ]
    body = render("gallery.html.j2", groups=groups, keys=[*keys, *KINDS], cards=shown, styles=stylesheet("gallery.css"))
    crumbs = [("All reports", home), ("Explanations", "")]
    html = whole_page("Explanations of all corpora", crumbs, body, "SHAP maps of all corpora.", wide=True)
    with whole_file(page) as draft:
        draft.write_text(html, encoding="utf-8")


def _chosen_by(corpus: int, label: int) -> str:
    return f"of-{corpus} of-{corpus}-{label}"


def _what_fits(cards: Sequence[Card]) -> tuple[set[int], set[int]]:
    """Which cards keep their picture, and which their sounds."""
    room = 0.9 * LIMIT_MB * 1e6 * 3 / 4 - 2_000 * len(cards)  # base64 takes four bytes for three
    kept: tuple[set[int], set[int]] = set(), set()
    for fits, size in zip(kept, (_picture_size, _sound_size), strict=True):
        for at, card in enumerate(cards):
            if size(card) and size(card) <= room:
                room -= size(card)
                fits.add(at)
    return kept


def _picture_size(card: Card) -> int:
    return len(card.picture or b"")


def _sound_size(card: Card) -> int:
    return sum(map(len, card.sounds.values()))


def _inside(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
