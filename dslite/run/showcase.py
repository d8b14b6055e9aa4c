"""A copy of a run's pages that may stand in a public repository."""

import base64
import io
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from PIL import Image

from dslite.errors import DsliteError
from dslite.files import read_json
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.reporting.templates import render
from dslite.run.crate import without_folders
from dslite.run.outputs import require_reports

LIMIT_MB = 8.0
"""Of all files together, in MB of 1,000,000 bytes."""

_MARK = '<section id="showcase">'
_ATTRIBUTES = r"""(?:[^>"]|"[^"]*")*"""
_PLAYER = re.compile(rf"<audio\b{_ATTRIBUTES}>(?:.*?</audio>)?", re.DOTALL)
_LINK = re.compile(rf"""<a\b{_ATTRIBUTES}?\shref="(?!#|[\w+.-]+:)([^"#]+)[^"]*"{_ATTRIBUTES}>(.*?)</a>""", re.DOTALL)
_PICTURE = re.compile(r"(?<=data:image/png;base64,)[A-Za-z0-9+/=]+")


def copy(paths: Paths, folder: Path) -> Path:
    """Copies the index and what it leads to, and returns the copied index. Sounds, the names of this machine's folders,
    links that lead nowhere and pages with a program in them, as plots whose points lead to files that are not copied,
    are left out; pictures keep 256 colours. An earlier copy in the folder is replaced.

    Raises:
        DsliteError: if there are no reports, something else lies in the folder, or :data:`LIMIT_MB` do not suffice.
    """
    require_reports(paths)
    index = folder / paths.index.name
    ours = index.is_file() and _MARK in index.read_text("utf-8")
    if folder.exists() and not ours and (not folder.is_dir() or any(folder.iterdir())):
        raise DsliteError(f"{folder} holds something that --showcase did not write. Name another folder.")
    files, waiting = {}, [paths.index]
    while waiting:
        if (file := waiting.pop()) not in files:
            files[file], targets = _reduced(file, paths.reports)
            waiting += targets
    files[paths.index] = files[paths.index].replace("</section>", f"</section>\n{_note(paths)}", 1)
    contents = {file.relative_to(paths.reports).as_posix(): text.encode() for file, text in files.items()}
    sizes = {name: len(content) / 1e6 for name, content in contents.items()}
    if (size := sum(sizes.values())) > LIMIT_MB:
        largest = ", ".join(f"{name} {sizes[name]:.1f} MB" for name in sorted(sizes, key=sizes.get)[:-6:-1])
        raise DsliteError(
            f"The pages would take {size:.1f} MB, at most {LIMIT_MB:.0f} MB are allowed. The largest: {largest}. "
            "Run fewer corpora, in another --output."
        )
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)  # of a copy that was cut short
    for name, content in contents.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(draft, folder)
    return index


def _reduced(file: Path, reports: Path) -> tuple[str, list[Path]]:
    """A file's text as it is copied, and the files that are copied because it leads there."""
    found = []

    def lead(link: re.Match) -> str:
        target = Path(os.path.normpath(file.parent / link[1]))
        if not (target.is_relative_to(reports) and target.suffix in (".html", ".csv", ".tex") and target.is_file()):
            return link[2]
        if target.suffix == ".html" and b"<script" in target.read_bytes():
            return link[2]
        found.append(target)
        return link[0]

    text = file.read_text("utf-8")
    if file.suffix == ".html":
        text = _LINK.sub(lead, _PLAYER.sub(" <em>(sound left out)</em>", text))
        text = _PICTURE.sub(lambda hit: base64.b64encode(_in_256_colours(base64.b64decode(hit[0]))).decode(), text)
    return without_folders(text), found


def _in_256_colours(png: bytes) -> bytes:
    """A picture with a palette, for a third of the bytes.

    A palette by maximum coverage, because rare colours are the darkest of a map, which the usual median cut gives away.
    """
    picture, small = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return min(png, small.getvalue(), key=len)


def _note(paths: Paths) -> str:
    """What the index says of itself: date and version."""
    record = read_json(paths.run)
    git = [shutil.which("git") or "true", "-C", NOTEBOOKS.parent, "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return render("showcase.html.j2", run=record, commit=commit, copied=time.strftime("%Y-%m-%d"))
