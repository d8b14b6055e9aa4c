"""The HTML templates, with everything escaped that is not marked as HTML."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).with_name("template")


_STRICT = {"autoescape": True, "undefined": StrictUndefined}  # an error for a value that is missing
_TEMPLATES = Environment(loader=FileSystemLoader(FOLDER), trim_blocks=True, lstrip_blocks=True, **_STRICT)


def render(template: str, **values: object) -> str:
    """A template of the ``template`` folder, filled in."""
    return _TEMPLATES.get_template(template).render(**values)


def show_html(html: str) -> None:
    """Displays HTML as an output of the cell that is running."""
    from IPython.display import HTML, display

    display(HTML(html))


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
    shown = {"title": title, "crumbs": crumbs, "body": Markup(body), "description": description, "wide": wide}
    return render("page.html.j2", **shown, styles=stylesheet("parts.css") + stylesheet("page.css"))
