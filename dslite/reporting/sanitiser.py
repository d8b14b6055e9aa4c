"""Other people's HTML, reduced to what can do no harm and asks for nothing."""

import re
from html import escape
from html.parser import HTMLParser

_VOID = {"br", "hr", "img", "wbr", "col"}
_TAGS = _VOID | {
    *(
        "a",
        "abbr",
        "audio",
        "b",
        "code",
        "del",
        "em",
        "i",
        "kbd",
        "mark",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "u",
    ),
    *("aside", "blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5"),
    *("h6", "li", "ol", "p", "pre", "section", "summary", "ul"),
    *("caption", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
}
_DROPPED_WHOLE = {"script", "style", "iframe", "object", "template", "noscript", "svg", "math", "title", "textarea"}
_ATTRIBUTES = {
    *("alt", "aria-hidden", "aria-label", "class", "colspan", "height", "id", "lang", "open", "role", "rowspan"),
    *("controls", "preload", "scope", "start", "tabindex", "title", "width"),
}
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*\Z")
_SOUND = re.compile(r"data:audio/(?:mpeg|wav|flac|ogg);base64,[A-Za-z0-9+/=\s]*\Z")
_INSIDE = {"img": _PICTURE, "audio": _SOUND}
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)


def clean(markup: str) -> str:
    """Rewrites HTML from an allowlist: no scripts, styles, forms or frames, links only as links.

    Pictures and sounds stay only as data. The result is put together from the parsed tokens, each escaped again, and
    its elements are closed in order; nothing of the input gets through unparsed.

    Args:
        markup: HTML from a notebook's Markdown or output.

    Returns:
        Well-formed HTML.
    """
    rewriter = _Rewriter()
    rewriter.feed(markup)
    rewriter.close()
    return rewriter.finish()


class _Rewriter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WHOLE:
            self._dropping.append(tag)
        if self._dropping or tag not in _TAGS:
            return
        attributes = dict(_kept(tag, attrs))
        if tag == "img" and "src" not in attributes:  # a picture from elsewhere: its description takes its place
            self._out.append(escape(attributes.get("alt", "")))
            return
        kept = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
        self._out.append(f"<{tag}{kept}>")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED_WHOLE:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.pop()
        elif tag in self._open:
            while (inner := self._open.pop()) != tag:
                self._out.append(f"</{inner}>")
            self._out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._out.append(escape(data, quote=False))

    def finish(self) -> str:
        return "".join(self._out) + "".join(f"</{tag}>" for tag in reversed(self._open))


def _kept(tag: str, attrs: list[tuple[str, str | None]]):
    for name, value in attrs:
        value = value or ""
        if name in _ATTRIBUTES or name == "src" and tag in _INSIDE and _INSIDE[tag].match(value):
            yield name, value
        elif (tag, name) == ("a", "href") and _is_link(value):
            yield name, value
            if _SCHEME.match(value) or value.lstrip().startswith("//"):
                yield "rel", "noopener noreferrer"


def _is_link(href: str) -> bool:
    # browsers drop control characters before they read the scheme
    scheme = _SCHEME.match(re.sub(r"[\x00-\x20]+", "", href))
    return scheme is None or scheme[1].lower() in ("http", "https", "mailto")
