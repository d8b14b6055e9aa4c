"""``--export-results``: what was computed of corpora as one zip, with nothing that audio could be rebuilt from."""

import json
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from dslite import corpora
from dslite.errors import DsliteError
from dslite.files import read_json, sha256, whole_file
from dslite.layout import records
from dslite.layout.code import HERE
from dslite.layout.paths import CHANGED, NEXT_SEED, SNAKEFILE, Paths
from dslite.layout.results import evaluated
from dslite.run import crate, outcome
from dslite.stages.catalogue import OF_CORPUS, STAGES, chain

_KINDS = ("record.json", "*.parquet", "*.tflite", "split.csv")
"""The files of a stage that are exported; arrays, sounds, pictures and Keras models have other names."""

_RECORDINGS = ("spectrograms.npy", "*.npz", "*.mp3", "*.png")
"""Those that are where somebody asks for recordings: spectrograms, and what the stage explain shows and lets hear."""

_ALL = tuple(name for name in OF_CORPUS if STAGES[name].exported or STAGES[name].heard)

CRATE = (Paths(Path()).crate.name, SNAKEFILE.name)
"""What describes an export for programs, and is not taken in where it is imported."""

_ABOUT = ("data", "profile", "reading", "backbone", "weights", "seed", "changed", "hardware", "versions")
"""What the manifest says of a corpus: keys of its fits' record."""


def made_by() -> dict[str, object]:
    """Format, version and code: an export of others is refused, because nobody could compute its scores again."""
    code = HERE.made_by(*(f"dslite.stages.{name}.work" for name in _ALL))
    return {"format": 1, "dslite": version("dslite"), "code": records.hashed(code)}


def finished(paths: Paths, corpus: str) -> list[str]:
    """The stages of a corpus that are exported, with recordings or without, as far as they are done."""
    there = [name for name in _ALL if paths.corpus(corpus).record(name).is_file()]
    done = {name: outcome.read(paths.outcome(f"{corpus}-{name}")) for name in there}
    return [name for name, last in done.items() if last and last.state == "done"]


def current(paths: Paths, corpus: str) -> list[str]:
    """Those of them that this code made, from what the stages before have left last."""
    there = {name: read_json(paths.corpus(corpus).record(name)).get("identity") for name in _ALL}
    return [name for name in finished(paths, corpus) if _is_current(name, paths.outcome(f"{corpus}-{name}"), there)]


def _is_current(stage: str, log: Path, there: Mapping[str, str]) -> bool:
    last = outcome.read(log)
    same_code = not outcome.of_other_code(last.made_from, f"dslite.stages.{stage}.work")
    return same_code and all(there[one] == identity for one, identity in last.inputs.items() if one in there)


def files(paths: Paths, corpus: str, stages: Iterable[str], recordings: bool) -> dict[str, Path]:
    """The files of a corpus that are exported, by names in the zip: its stages', and how their last attempts went."""
    places, found = paths.corpus(corpus), []
    for name in stages:
        found += [file for kind in _KINDS + _RECORDINGS * recordings for file in sorted(places.file(name).rglob(kind))]
        found += [paths.outcome(f"{corpus}-{name}")]
    kept = (file for file in found if not file.name.startswith(".") and NEXT_SEED not in file.parts)
    return {file.relative_to(paths.output).as_posix(): file for file in kept}


def described(file: Path) -> dict[str, object]:
    """What a manifest says of a file."""
    return {"sha256": sha256(file), "bytes": file.stat().st_size}


def export(paths: Paths, asked: Sequence[str], place: Path, recordings: bool) -> Iterator[str]:
    """Writes the zip; says what is in it, and what is not.

    Args:
        paths: the output.
        asked: corpora, as ``--corpora`` names them; none for all that have scores and were computed here.
        place: the zip to write.
        recordings: whether spectrograms and the sounds of explanations go with it.

    Raises:
        DsliteError: if a corpus has no scores or was itself computed elsewhere, or none has any, or its recordings may
            not be handed on.
    """
    if place.is_dir() or not place.parent.is_dir():
        raise DsliteError(f"{place} cannot be written: name a file, in a folder that is there, for --export-results.")
    there = evaluated(paths)
    own = [name for name in there if not paths.corpus(name).elsewhere.exists()]
    names = [name if name in there else corpora.slug(name) for name in asked] or own
    changed = f" Runs with --set lie in its {CHANGED}/, each an --output." if (paths.output / CHANGED).is_dir() else ""
    if not names:
        none = f"{paths.output} holds no corpus that was computed here up to its scores"
        raise DsliteError(f"{none}: run it first.{changed}")
    done = {name: [s for s in current(paths, name) if recordings or STAGES[s].exported] for name in names}
    for name in names:
        if name not in own and name in there:
            raise DsliteError(f"{name} was itself imported: hand on the zip that it came in.")
        if lacking := [stage for stage in chain("evaluate") if stage not in done[name]]:
            state = f"{name} is not finished in {paths.output}, or stale or of other code ({', '.join(lacking)})"
            raise DsliteError(f"{state}: run it, then export it.{changed}")
        if recordings and not read_json(paths.corpus(name).record("corpus"))["shared_audio"]:
            raise DsliteError(
                f"{name}: nothing says that its recordings may be handed on: leave --with-recordings out."
            )
    content = {name: file for corpus in done for name, file in files(paths, corpus, done[corpus], recordings).items()}
    with tempfile.TemporaryDirectory() as folder:
        content |= _crate(paths, content, Path(folder).resolve())
        manifest = {
            **made_by(),
            "recordings": recordings,
            "corpora": {name: _about(paths, name) for name in names},
            "files": {name: described(file) for name, file in content.items()},
        }
        with whole_file(place) as draft, zipfile.ZipFile(draft, "w") as archive:
            _add(archive, paths.manifest.name, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
            for name, file in content.items():
                _add(archive, name, file.read_bytes())
    for name in names:
        told, more = manifest["corpora"][name], [s for s in OF_CORPUS if paths.corpus(name).record(s).exists()]
        yield f"{name}: {', '.join(done[name])} ({told['data']}, {told['profile']} profile)"
        if left := [stage for stage in more if stage not in done[name]]:
            yield f"  left out: {', '.join(left)}: no scores need them; some show recordings, are stale or of old code"
    heard = "all other audio" if recordings else "audio, spectrograms"
    yield f"Left out of all: {heard}, features, Keras models (they can run programs), and pages, which are "
    yield "drawn anew where this is imported; further seeds. File names, labels, speakers and folders are in it."
    yield f"{len(content)} files, {place.stat().st_size / 1e6:.1f} MB: {place}"


def _crate(paths: Paths, content: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """The files of :data:`CRATE`, made in an empty folder; none where no run has left its record."""
    for name, file in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(file.resolve())
    if note := read_json(paths.run):
        crate.write(folder, Paths(folder), note)
    return {name: folder / name for name in CRATE if (folder / name).exists()}


def _about(paths: Paths, corpus: str) -> dict[str, object]:
    told, scored = read_json(paths.corpus(corpus).record("train")), paths.corpus(corpus).record("evaluate")
    on = time.strftime("%Y-%m-%d", time.gmtime(scored.stat().st_mtime))
    return {"computed": on} | {name: told[name] for name in _ABOUT if name in told}


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """The same content gives the same bytes, whenever it is packed."""
    one = zipfile.ZipInfo(name)
    one.external_attr, one.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
    archive.writestr(one, content)
