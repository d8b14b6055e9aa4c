"""Other people's HTML, reduced to what can do no harm and asks for nothing."""

import re

import nh3

_INLINE = "a abbr audio b br code del em i img kbd mark s samp small span strong sub sup u wbr"
_BLOCKS = "aside blockquote dd details div dl dt figcaption figure h1 h2 h3 h4 h5 h6 hr li ol p pre section summary ul"
_TABLES = "caption col colgroup table tbody td tfoot th thead tr"
_DROPPED_WHOLE = "script style iframe object template noscript svg math title textarea"
_ANYWHERE = (
    "alt aria-hidden aria-label class colspan controls height id lang open preload role rowspan scope start tabindex "
    "title width"
)
_DATA = {
    "img": re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*"),
    "audio": re.compile(r"data:audio/(?:mpeg|wav|flac|ogg);base64,[A-Za-z0-9+/=\s]*"),
}


def _kept(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if tag in _DATA and _DATA[tag].fullmatch(value) else None
    # nh3 allows data: wherever it allows it at all; browsers drop control characters before they read the scheme
    if name == "href" and re.sub(r"[\x00-\x20]+", "", value).lower().startswith("data:"):
        return None
    return value


_CLEANER = nh3.Cleaner(
    tags=set(f"{_INLINE} {_BLOCKS} {_TABLES}".split()),
    clean_content_tags=set(_DROPPED_WHOLE.split()),
    attributes={"*": set(_ANYWHERE.split()), "a": {"href"}, "audio": {"src"}, "img": {"src"}},
    attribute_filter=_kept,
    url_schemes={"http", "https", "mailto", "data"},
    link_rel="noopener noreferrer",
)


def clean(markup: str) -> str:
    """Reduces HTML to an allowlist: no scripts, styles, forms or frames, links only as links.

    Pictures and sounds stay only as data; of a picture from elsewhere its description stays, which browsers show.

    Args:
        markup: HTML from a notebook's Markdown or output.

    Returns:
        Well-formed HTML.
    """
    return _CLEANER.clean(markup)
