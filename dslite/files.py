"""Files that appear whole or not at all."""

import errno
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dslite.errors import Damaged, DsliteError, NoRoom

_LEAST = 1 << 20
"""Bytes that a disk has to have left: with less, whatever fails there has failed for it."""


def full(folder: Path) -> str:
    """A sentence where a folder's disk is full, or somebody's quota of it used up; else empty."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    refused = errno.ENOSPC if shutil.disk_usage(there).free < _LEAST else _refused(there)
    what = {errno.ENOSPC: "disk of {} is full", errno.EDQUOT: "quota of the disk of {} is used up"}.get(refused, "")
    remedy = "Make room and give the same command again: it goes on with what it has."
    return f"The {what.format(folder)}. {remedy}" if what else ""


def _refused(folder: Path) -> int | None:
    """The number of the error by which a folder refuses to hold the least, which no count of free bytes tells."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(os.urandom(_LEAST))  # zeros may take no room
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.errno
    return None


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """Says so where what is written to a folder fails for want of room; libraries have other words for it, or none.

    Raises:
        NoRoom: the disk is full, the quota is used up, or nothing may be written.
    """
    try:
        yield
    except DsliteError:
        raise
    except Exception as error:
        if said := full(folder):
            raise NoRoom(f"{said} ({type(error).__name__}: {error})") from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise NoRoom(f"Nothing more can be written to {folder} ({error.strerror}).") from error
        raise


@contextmanager
def whole_file(path: Path, lasting: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` and renames it to ``path`` when the block ends without an error.

    A crash leaves nothing that looks finished: readers see the old file or the new one, never a part.

    Args:
        path: the final place; its folder is created.
        lasting: whether this holds where the machine loses its power, too: the content is on the disk before its name.

    Yields:
        The path to write to. It keeps the suffix, because savers choose the format by it.
    """
    writer = f"{platform.node()}-{os.getpid()}"  # nodes of a cluster, which share a folder, may count alike
    draft = path.with_name(f".{path.stem}.{writer}.part{path.suffix}")
    try:
        with room(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            if lasting and draft.is_file():
                with draft.open("r+b") as stream:
                    os.fsync(stream.fileno())
            os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8, whole or not at all."""
    with whole_file(path) as draft:
        draft.write_text(text, "utf-8")


def write_table(path: Path, table) -> None:
    """Writes a data frame as Parquet, without its index, whole or not at all."""
    with whole_file(path) as draft:
        table.to_parquet(draft, index=False)


def write_json(path: Path, content: object) -> None:
    """Writes what JSON can hold, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))


def read_json(path: Path) -> dict:
    """What a JSON file holds, by names; empty where there is none.

    Raises:
        Damaged: it holds something else.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        found = error
    if not isinstance(found, dict):
        remedy = "In an output of yours, remove it and give the command of the run again."
        raise Damaged(f"{path} is damaged or was changed by hand ({found!s:.60}). {remedy}")
    return found


def sha256(path: Path) -> str:
    """A file's hash, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
