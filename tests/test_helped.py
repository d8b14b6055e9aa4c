"""Fits that jobs of a cluster share, in this very process: the notebook finds them made, and they are what it makes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dslite.layout.paths import CorpusPaths
from dslite.readings import READINGS
from dslite.run.resolve import resolve
from dslite.stages.ablation import work as ablating
from dslite.stages.catalogue import STAGES, chain
from dslite.stages.graph import conditions
from dslite.stages.graph import work as graphing
from dslite.stages.graph.conditions import GRAPH, SPEECH, TRANSFER
from dslite.stages.train.helped import take_part
from tests.corpus_files import own
from tests.through import alone, few_layers, through


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A corpus that every stage can fit; the base model's weights are random, so that each seed has other features."""
    alone(monkeypatch, tmp_path)
    for kind in ("INTRAOP", "INTEROP"):  # as a job has it: its fits start no process
        monkeypatch.setenv(f"TF_NUM_{kind}_THREADS", "1")
    source = own(tmp_path, 0.1 * np.random.default_rng(0).standard_normal((18, 20_000)), "ab")
    pd.read_csv(source).assign(speaker=[f"s{i // 3}" for i in range(18)]).to_csv(source, index=False)
    other = own(tmp_path / "source", 0.1 * np.random.default_rng(1).standard_normal((12, 20_000)), "abc", "other")
    sound = READINGS["sound"]
    readings = {"F-13 Adam": sound.with_changes(optimiser="adam"), "F-03 nearest": sound.with_changes(resize="nearest")}
    monkeypatch.setattr(ablating, "experiments", lambda: readings)
    few_layers(monkeypatch)
    monkeypatch.setattr(graphing, "CONDITIONS", (SPEECH, GRAPH, TRANSFER))
    tries = ((3, 0.1, 1), (2, 1.0, 2))
    monkeypatch.setattr(conditions, "EFFORT", {"demo": conditions.Effort(("mobilenet15",), (), 1, 1, tries)})
    return resolve(source, profile="demo", reading="sound", seeds=2, output=tmp_path / "here", source=other)


def tables(paths: CorpusPaths) -> dict[str, bytes]:
    """All that are left but for those that hold times."""
    timed = ("history.parquet", "networks.parquet")
    found = [file for file in sorted(paths.root.rglob("*.parquet")) if file.name not in timed]
    return {str(file.relative_to(paths.root)): file.read_bytes() for file in found}


def made(paths: CorpusPaths, stage: str) -> dict[str, int]:
    """Each fit of a stage and when it was made."""
    files = [file for file in paths.file(stage).rglob("record.json") if (file.parent / "history.parquet").exists()]
    return {str(file.relative_to(paths.root)): file.stat().st_mtime_ns for file in files}


@pytest.mark.parametrize("stage", [name for name, about in STAGES.items() if about.shared])
def test_they_are_what_the_notebook_makes_alone(stage, settings):
    if STAGES[stage].of_source:
        settings = replace(settings, seeds=1)  # its networks are real ones
    output = settings.output.with_name("there")
    there = replace(settings, output=output, origin=replace(settings.origin, output=output))
    for one in (settings, there):
        for needed in STAGES[stage].of_source:
            through(one.origin, needed)
    here = through(settings, stage)
    *before, _ = chain(stage)
    through(there, before[-1])
    older = there.paths.record(stage)
    older.parent.mkdir()
    older.write_text("{}")
    shares = []
    for number in (0, 2):  # what falls to the second of three is left to the notebook
        already = made(there.paths, stage)
        take_part(there, stage, f"own-{stage}-{number + 1}", slice(number, None, 3))
        shares.append({fit: at for fit, at in made(there.paths, stage).items() if already.get(fit) != at})
    assert not older.exists(), "the record of other fits than lie here"
    assert all(shares) and not shares[0].keys() & shares[1].keys()
    by_jobs, everything = shares[0] | shares[1], made(here.paths, stage)
    assert by_jobs.keys() <= everything.keys()
    through(there, stage)
    after = made(there.paths, stage)
    assert after.keys() == everything.keys() and by_jobs.items() <= after.items(), "none is made twice"
    assert tables(there.paths) == tables(here.paths)
    take_part(there, stage, f"own-{stage}-1", slice(0, None, 3))
    assert older.exists() and made(there.paths, stage) == after, "all were finished"
    assert not there.paths.file(stage, f"own-{stage}-1").exists(), "nothing of a job's own is left"
