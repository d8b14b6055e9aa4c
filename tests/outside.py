"""What a page would ask the network or the disk for."""

import re
from html.parser import HTMLParser

_LOADING = {"src", "poster", "background", "data", "manifest", "lowsrc", "dynsrc", "classid", "codebase", "xlink:href"}
_LOADING_HREF = {"link", "base", "use", "image", "feimage", "script"}
_SETS = {"srcset", "imagesrcset"}
_INSIDE = re.compile(r"\s*(?:#|data:|about:|javascript:|blob:|$)", re.IGNORECASE)
_CSS = re.compile(
    r"""url\(\s*(?P<q>["']?)(?P<url>.*?)(?P=q)\s*\)|@import\s+(?P<i>["'])(?P<imported>.*?)(?P=i)"""
    r"""|image-set\(\s*(?P<s>["'])(?P<set>.*?)(?P=s)""",
    re.IGNORECASE | re.DOTALL,
)
_IN_SCRIPT = re.compile(r"""(?:(?:https?|wss?|ftp):)?//[\w.-]+\.\w[^\s"'`<>)]*""", re.IGNORECASE)
_REFRESH = re.compile(r"url\s*=\s*[\"']?([^\"']+)", re.IGNORECASE)


def outside_references(html: str) -> list[str]:
    """Everything in a page that a browser would request from elsewhere while it shows the page.

    Pictures, styles, scripts, frames, fonts and the like, whatever their address (also files beside the page: a page
    stands alone); data in the page itself is not outside, and neither is a link that somebody may follow.

    Args:
        html: a whole page or a part of one.

    Returns:
        The addresses, in the order of the page; empty for a page that stands alone.
    """
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return finder.found


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            if name in _LOADING or (name == "href" and tag in _LOADING_HREF):
                self._report(value)
            elif name in _SETS:
                for candidate in re.split(r",\s+|,(?=[a-z]+:)", value):
                    self._report(candidate.split()[0] if candidate.split() else "")
            elif name == "style":
                self._report_styles(value)
            elif name == "srcdoc":
                self.found += outside_references(value)
            elif name.startswith("on"):
                self._report_script(value)
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            target = _REFRESH.search(values.get("content", ""))
            if target:
                self._report(target[1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._inside = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self._report_styles(data)
        elif self._inside == "script":
            self._report_script(data)

    def _report(self, address: str) -> None:
        if not _INSIDE.match(address):
            self.found.append(address.strip())

    def _report_styles(self, css: str) -> None:
        css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
        css = re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda code: chr(min(int(code[1], 16), 0x10FFFF)), css)
        for hit in _CSS.finditer(css):
            self._report(hit["url"] or hit["imported"] or hit["set"] or "")

    def _report_script(self, script: str) -> None:
        self.found += _IN_SCRIPT.findall(script)
