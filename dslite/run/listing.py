"""What ``run_all.py`` says before it starts: corpora, notebooks, the plan."""

import json
from pathlib import Path

from dslite import corpora
from dslite.errors import DsliteError
from dslite.layout.settings import Settings
from dslite.run.estimates import spoken
from dslite.run.session import Session


def corpus_lines(name: str, data: Path | None) -> list[str]:
    """A corpus: what was found against Table 1, or how to come by it."""
    info = corpora.CORPORA.get(name)
    head, published = f"{corpora.slug(name):8} own data", []
    if info:
        row, head = info.table1, f"{name:8} {info.title} ({info.sound})"
        counts = f"{row.files} files, {row.speakers} speakers, {row.classes} classes, {row.minutes / 60:.1f} h"
        published = [f"         Table 1: {counts}"]
    folder = corpora.locate(name, data)
    if folder is None:
        return [f"{head}: not found", *published, *_indented(corpora.describe_missing(name, data))]
    try:
        found = corpora.read(name, folder)
    except DsliteError as error:
        return [f"{head}: found in {folder}, but refused", f"         {error}"]
    clips = found.clips
    speakers = clips["speaker"][clips["speaker"] != ""].nunique() or "?"
    return [
        f"{head}: found in {folder} ({found.data}{': ' + found.note if found.note else ''})",
        f"         found:   {len(clips)} files, {speakers} speakers, {clips['label'].nunique()} classes, "
        f"{clips['duration'].sum() / 3600:.1f} h",
        *published,
    ]


def notebook_lines(session: Session) -> list[str]:
    """Every notebook with its state."""
    lines = []
    for job in session.plan.jobs:
        state = session.state(job)
        reason = f": {state.reason}" if state.reason else ""
        lines.append(f"  {job.corpus or 'all':10.10} {job.stage:10} {state.state}{reason}")
    return lines


def setting_lines(settings: list[Settings]) -> list[str]:
    """Profile, reading, base model, data and weights of the corpora that take part; alike ones share a line."""
    shared: dict[str, list[str]] = {}
    for s in settings:
        data = "SYNTHETIC stand-ins (not found)" if s.standin else f"found in {s.folder}{_kind(s)}"
        missing = "RANDOM, as asked for" if s.random_weights else "not here; a run that needs them fetches them"
        weights = f"ImageNet, {s.weights_file}" if s.weights_file else missing
        words = f"{s.profile} profile, reading {s.reading.name}, {s.backbone}; audio: {data}; weights: {weights}"
        shared.setdefault(words, []).append(s.name)
    return [f"{', '.join(names)}: {words}" for words, names in shared.items()]


def plan_lines(session: Session) -> list[str]:
    """Which notebooks run, why, and how long it will take."""
    if not session.jobs:
        return ["Nothing to do: every notebook is up to date."]
    count = len(session.jobs)
    lines = [
        f"{count} {'notebook' if count == 1 else 'notebooks'} to run, "
        f"about {spoken(session.seconds)} on {session.cores} {'core' if session.cores == 1 else 'cores'}:"
    ]
    for job in session.jobs:
        took = spoken(session.each[job.name])
        lines.append(f"  {job.corpus or 'all':10.10} {job.stage:10} {took:>8}   {session.to_do[job.name].text}")
    return lines


def _kind(settings: Settings) -> str:
    """What the audio is, once the stage that reads it has said so."""
    record = settings.paths.record("corpus")
    return f" ({json.loads(record.read_text('utf-8')).get('data', '')})" if record.exists() else ""


def _indented(text: str) -> list[str]:
    return [f"         {line}" for line in text.splitlines()]
