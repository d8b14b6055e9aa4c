"""Where the pages of a folder lead."""

from html.parser import HTMLParser
from pathlib import Path


def leading_nowhere(folder: Path) -> list[str]:
    """Links of the pages below a folder to files that are not there or lie outside it, as ``page -> target``."""
    return [f"{page.name} -> {link}" for page in sorted(folder.rglob("*.html")) for link in _dead(page, folder)]


def _dead(page: Path, folder: Path) -> list[str]:
    finder = _Links()
    finder.feed(page.read_text("utf-8"))
    files = [link.partition("#")[0] for link in finder.found if not link.startswith(("#", "https:", "mailto:"))]
    targets = {link: (page.parent / link).resolve() for link in files}
    inside = folder.resolve()
    return [link for link, file in targets.items() if not (file.is_file() and file.is_relative_to(inside))]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if tag == "a" and name == "href"]
