"""The HTML templates, with everything escaped that is not marked as HTML."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).with_name("template")


@cache
def environment() -> Environment:
    """The one Jinja environment: autoescaping, and an error for a value that is missing."""
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> str:
    """A template of the ``template`` folder, filled in."""
    return environment().get_template(template).render(**values)


@cache
def stylesheet(name: str) -> Markup:
    """A stylesheet of the ``template`` folder, to be put between style tags."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def whole_page(title: str, crumbs: list[tuple[str, str]], body: str, description: str, wide: bool = False) -> str:
    """A whole page around ``body``.

    Args:
        title: shown in the browser's title bar.
        crumbs: the way here, as (text, relative link); an empty link is the page itself.
        body: HTML that has been escaped or cleaned.
        description: one sentence for the head.
        wide: whether the page is more table than text.
    """
    styles = stylesheet("parts.css") + stylesheet("page.css")
    return render(
        "page.html.j2",
        title=title,
        crumbs=crumbs,
        body=Markup(body),
        description=description,
        styles=styles,
        wide=wide,
    )
