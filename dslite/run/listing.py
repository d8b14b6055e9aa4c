"""What ``run_all.py`` says before it starts: corpora, notebooks, the plan."""

from pathlib import Path

from dslite import corpora
from dslite.changes import said
from dslite.errors import DsliteError
from dslite.layout import records
from dslite.layout.settings import Settings
from dslite.run.estimates import workload
from dslite.run.session import Session
from dslite.stages.catalogue import STAGES
from dslite.stages.search import grid
from dslite.wording import counted, spoken

_NAMED = 12
"""Classes of own data that are named: whoever handed in speakers or partitions as classes sees it."""


def corpus_lines(settings: Settings) -> list[str]:
    """A corpus: what was found against Table 1, or how to come by it; of own data, what a run would say of it."""
    name, data = settings.source, settings.data
    info = corpora.REGISTRY.get(name)
    head, published = f"{settings.name:8} own data", []
    if info:
        row, head = info.whole, f"{name:8} {info.title} ({info.sound})"
        counts = f"{row.files} files, {row.speakers} speakers, {row.classes} classes, {row.minutes / 60:.1f} h"
        published = [f"         {'Table 1:' if info.table1 else 'whole:  '} {counts}"]
    if told := _elsewhere(settings):
        return [f"{head}:", *published, f"         {told}"]
    folder = corpora.locate(name, data)
    if folder is None:
        return [f"{head}: not found", *published, *_indented(corpora.describe_missing(name, data))]
    try:
        found = corpora.read(name, folder, settings.split, settings.numeric)
        clips, _, twice = corpora.same_recordings(found.clips, found.twins, found.split)
        corpora.refuse_unfit(name, found.info, clips, found.problems)
    except DsliteError as error:
        return [f"{head}: found in {folder}, but refused", f"         {error}"]
    speakers = clips["speaker"][clips["speaker"] != ""].nunique() or "?"
    if info is None:
        counts = clips["partition"].value_counts().reindex(corpora.PARTITIONS, fill_value=0)
        told = ", ".join(f"{part}: {counted(count, 'file')}" for part, count in counts.items())
        told += " (by headers and bytes; decoding may find more that is unusable or given twice)"
        published = _indented("\n".join([told, *twice, *corpora.told(found.problems)]))
    counts = clips["label"].value_counts()
    labels = f"{len(counts)} {'different numbers as labels' if settings.numeric else 'classes'}"
    named = ", ".join(f"{label!r} ({count})" for label, count in counts[:_NAMED].items())
    named += f" and {len(counts) - _NAMED} more" * (len(counts) > _NAMED)
    return [
        f"{head}: found in {folder} ({found.data}{': ' + found.note if found.note else ''})",
        f"         found:   {len(clips)} files, {speakers} speakers, {labels}, {clips['duration'].sum() / 3600:.1f} h",
        *([] if settings.numeric or info else _indented(f"classes: {named}")),
        *published,
    ]


def notebook_lines(session: Session) -> list[str]:
    """Every notebook with its state."""
    lines, width = [], _width(session)
    for job in session.plan.jobs:
        state = session.state(job)
        reason = f": {state.reason}" if state.reason else ""
        lines.append(f"  {job.corpus or 'all':{width}} {job.stage:10} {state.state}{reason}")
    return lines


def _width(session: Session) -> int:
    """Letters that the names of corpora take."""
    return max([14, *(len(job.corpus) for job in session.plan.jobs)])


def setting_lines(settings: list[Settings]) -> list[str]:
    """Profile, reading, base model, data and weights of the corpora that take part; alike ones share a line."""
    shared: dict[str, list[str]] = {}
    for s in settings:
        if told := _elsewhere(s):
            shared.setdefault(told, []).append(s.name)
            continue
        told = records.last(s, "corpus")  # what the audio is, once the stage that reads it has said so
        found = f"found in {s.folder}" + (f" ({told.get('data', '')})" if told else "")
        data = "SYNTHETIC stand-ins (not found)" if s.standin else found
        missing = "RANDOM, as asked for" if s.random_weights else "not here; a run that needs them fetches them"
        weights = f"ImageNet, {s.weights_file}" if s.weights_file else missing
        words = f"{s.profile} profile, reading {s.reading.name}, {s.backbone}; audio: {data}; weights: {weights}"
        words += "; labels are numbers: regression (--task classification for classes)" if s.numeric else ""
        words += f"; CHANGED: {said(s.changes)}; results go to {s.output}" if s.changes else ""
        long = spoken(STAGES["search"].seconds(workload(s)))
        told = f"; search: the grid of the released code, {len(grid.points(s)):,} points, about {long} on a core"
        words += "" if s.trials else told
        shared.setdefault(words, []).append(s.name)
    return [f"{', '.join(names)}: {words}" for words, names in shared.items()]


def plan_lines(session: Session) -> list[str]:
    """Which notebooks run, why, and how long it will take."""
    if not session.jobs:
        return ["Nothing to do: every notebook is up to date."]
    notebooks, cores = counted(len(session.jobs), "notebook"), counted(session.cores, "core")
    lines = [f"{notebooks} to run, about {spoken(session.seconds)} on {cores}:"]
    width = _width(session)
    for job in session.jobs:
        took = spoken(session.each[job.name])
        lines.append(f"  {job.corpus or 'all':{width}} {job.stage:10} {took:>8}   {session.to_do[job.name].text}")
    return lines


def skipped_lines(settings: list[Settings]) -> list[str]:
    """How many files of each corpus its last run left out, and where they are listed."""
    lines = []
    for s in settings:
        told = records.last(s, "corpus")
        if skipped := told.get("skipped"):
            total, page = told["files"] + skipped, s.paths.page("corpus")
            lines.append(f"{s.name}: {skipped} of {total} files skipped, listed on {page}")
    return lines


def source(settings: Settings) -> str:
    """The corpus that the results in a corpus' place are of: another one as long as that is still there."""
    told = str(records.last(settings, "corpus").get("parameters", {}).get("corpus", settings.source))
    return told if Path(told).exists() else settings.source


def _elsewhere(settings: Settings) -> str:
    """Of an imported corpus, where it comes from and what is done with it; empty for any other."""
    told, places = records.elsewhere(settings.paths), settings.paths
    how = f"Taken as it is, and no stage of it runs here; to compute it here, delete {places.root} and {places.pages}."
    return f"{told} {how}" if told else ""


def _indented(text: str) -> list[str]:
    return [f"         {line}" for line in text.splitlines()]
