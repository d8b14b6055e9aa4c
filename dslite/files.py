"""Files that appear whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` and renames it to ``path`` when the block ends without an error.

    A crash leaves nothing that looks finished: readers see the old file or the new one, never a part.

    Args:
        path: the final place; its folder is created.

    Yields:
        The path to write to. It keeps the suffix, because savers choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_table(path: Path, table) -> None:
    """Writes a data frame as Parquet, without its index, whole or not at all."""
    with whole_file(path) as draft:
        table.to_parquet(draft, index=False)


def write_json(path: Path, content: object) -> None:
    """Writes what JSON can hold, whole or not at all."""
    with whole_file(path) as draft:
        draft.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")


def read_json(path: Path) -> dict:
    """What a JSON file holds; empty where there is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
