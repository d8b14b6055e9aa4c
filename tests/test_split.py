"""The split of own data: how speakers are dealt, that it is kept, and what a run says of it."""

import itertools
import json
import os
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from dslite.corpora import read
from dslite.corpora.split import SHARES, SPEAKERS, alone, deal, write
from dslite.corpora.split import read as dealt
from dslite.errors import DsliteError
from dslite.layout.paths import Paths
from dslite.run.cli import main
from dslite.run.listing import skipped_lines
from dslite.run.resolve import resolve
from tests.corpus_files import audio, text
from tests.through import alone as on_its_own
from tests.through import through

PARTS = ("train", "dev", "test")


def patients(seed: int, count: int = 16) -> tuple[list[str], list[str]]:
    """Speakers of very different sizes, most of whose files are of one class."""
    random = np.random.default_rng(seed)
    groups, labels = [], []
    for speaker in range(count):
        number, mostly = int(np.clip(random.lognormal(3, 1), 4, 300)), random.dirichlet([0.6] * 3)
        groups += [f"p{speaker}"] * number
        labels += list(random.choice(list("abc"), number, p=mostly))
    return groups, labels


def cost(dealt: dict[str, str], groups: list[str], labels: list[str]) -> float:
    total, found = 0.0, Counter((dealt[group], label) for group, label in zip(groups, labels, strict=True))
    for (part, share), label in itertools.product(zip(PARTS, SHARES, strict=True), set(labels)):
        speakers = {g for g, other in zip(groups, labels, strict=True) if other == label and dealt[g] == part}
        total += (found[part, label] / (share * labels.count(label)) - 1) ** 2 + SPEAKERS / max(len(speakers), 0.1)
    return total


def test_the_split_costs_hardly_more_than_the_best_of_all_there_are():
    for seed in range(3):
        groups, labels = patients(seed, count=6)
        names = sorted(set(groups))
        best = min(
            cost(dict(zip(names, parts, strict=True)), groups, labels) for parts in itertools.product(PARTS, repeat=6)
        )
        found = dict(zip(groups, deal(groups, labels), strict=True))
        assert cost(found, groups, labels) <= 1.02 * best


def test_dev_and_test_get_several_patients_and_classes_keep_their_shares():
    for seed in range(5):
        groups, labels = patients(seed)
        places = deal(groups, labels)
        table = pd.DataFrame({"speaker": groups, "label": labels, "partition": places})
        speakers = table.groupby("partition")["speaker"].nunique()
        assert min(speakers["dev"], speakers["test"]) >= 3
        shares = pd.crosstab(table["label"], table["partition"], normalize="index")[list(PARTS)]
        assert np.abs(shares.to_numpy() - SHARES).mean() < 0.06
        order = np.random.default_rng(9).permutation(len(groups))
        shuffled = deal([groups[i] for i in order], [labels[i] for i in order])
        assert dict(zip(groups, places, strict=True)) == dict(zip((groups[i] for i in order), shuffled, strict=True))


def test_classes_that_rest_on_one_speaker_are_named():
    rows = [("s1", "a", "train"), ("s2", "a", "train"), ("s2", "b", "train"), ("s3", "a", "dev"), ("", "b", "dev")]
    (told,) = alone(pd.DataFrame(rows, columns=["speaker", "label", "partition"]))
    assert told.reason.endswith(": in dev 'a' on 's3'; in train 'b' on 's2'")
    assert alone(pd.DataFrame(rows[:2], columns=["speaker", "label", "partition"])) == []


def table(folder, rows):
    """A CSV of (file, label, speaker), and its audio."""
    for number, (file, *_) in enumerate(rows):
        audio(folder / file, seconds=0.05 + number / 1000)
    return str(text(folder / "data.csv", "filename,label,speaker", *(",".join(row) for row in rows)))


ROWS = [(f"{s}{label}{n}.wav", label, f"s{s}") for s in range(7) for label in "ab" for n in range(2)]


def parts(corpus) -> dict[str, str]:
    return dict(zip(corpus.clips["speaker"], corpus.clips["partition"], strict=True))


def test_files_that_cannot_be_read_take_no_part_in_the_split(tmp_path):
    path = table(tmp_path, [*ROWS, *((f"bad{n}.wav", "a", "s9") for n in range(30))])
    for n in range(30):
        (tmp_path / f"bad{n}.wav").write_bytes(b"no audio" * (n + 9))
    found = read(path, tmp_path)
    assert parts(found) == parts(read(table(tmp_path / "healthy", ROWS), tmp_path / "healthy"))
    assert ("s9", "") not in found.split


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Settings of a corpus with one useless file, whose first stage has been through."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        on_its_own(patch, folder)
        path = table(folder / "in", [*ROWS, ("bad.wav", "a", "s0")])
        (folder / "in" / "bad.wav").write_bytes(b"no audio at all")
        settings = resolve(path, output=folder / "out", profile="demo")
        through(settings, "corpus")
        yield settings


def test_the_split_is_written_down_and_said(kept):
    record = json.loads(kept.paths.record("corpus").read_text())
    assert "; seed 0), kept in artifacts/data/corpus/split.csv; delete it" in record["about"]["partition"]
    written = pd.read_csv(kept.split)
    assert dict(zip(written["speaker"], written["partition"], strict=True)) == parts(read(kept.source, kept.folder))
    before = kept.paths.record("corpus").stat().st_mtime_ns
    through(kept, "corpus")
    assert kept.paths.record("corpus").stat().st_mtime_ns == before, "its own split made it stale"


def test_what_is_corrected_or_added_later_deals_nobody_anew(kept, tmp_path):
    before = parts(read(kept.source, kept.folder, kept.split))
    most = [(f"more{n}.wav", "b", "s0") for n in range(25)]
    path = table(
        tmp_path, [(ROWS[0][0], "b", "s0"), *ROWS[1:], *most, ("new.wav", "a", "new"), ("new2.wav", "b", "new")]
    )
    assert parts(read(path, tmp_path)) | before != parts(read(path, tmp_path)), "the case shows nothing"
    after = parts(read(path, tmp_path, kept.split))
    assert after.pop("new") in PARTS and after == before


@pytest.mark.parametrize(
    ("row", "line"), [("trian,s9,", 9), ("train,s0,", 9), ("dev,s9,a.wav", 9), ("dev,,", 9), ("dev,s9", 9)]
)
def test_a_split_edited_into_nonsense_is_refused_with_its_line(kept, tmp_path, row, line):
    edited = tmp_path / "split.csv"
    edited.write_text(f"{kept.split.read_text()}{row}\n")
    with pytest.raises(DsliteError, match=f"split.csv, line {line}: "):
        read(kept.source, kept.folder, edited)


def test_an_edited_split_counts(kept):
    original, swap = kept.split.read_text(), {"train": "test", "dev": "dev", "test": "train"}
    before = through(kept, "corpus")
    expected = before.clips.assign(partition=before.clips["partition"].map(swap))
    (head, *rows) = (line.split(",") for line in original.splitlines())
    kept.split.write_text("\n".join([";".join(head), *(";".join([swap[part], *who]) for part, *who in rows)]))
    try:
        after = through(kept, "corpus")
        assert after.record["identity"] != before.record["identity"]
        pd.testing.assert_frame_equal(after.clips, expected)
    finally:
        kept.split.write_text(original)
    assert through(kept, "corpus").record["identity"] == before.record["identity"]


def test_skipped_files_are_counted(kept):
    assert skipped_lines([kept]) == [f"data: 1 of 29 files skipped, listed on {kept.paths.page('corpus')}"]


def test_further_seeds_have_the_same_split(tmp_path):
    paths = Paths(tmp_path)
    assert (
        Paths(paths.seed(43)).split("data") == paths.split("data") == paths.corpus("data").file("corpus", "split.csv")
    )


def test_a_split_of_files_with_any_names_is_read_as_it_was_written(tmp_path):
    names = [
        "a\nb.wav",
        "a\r\nb.wav",
        " a.wav",
        "\u3000a.wav ",
        '"a.wav"',
        '"a',
        "a,b;c.wav",
        "ä\t.wav",
        "#a.wav",
        "\\n",
    ]
    split = {("", name): PARTS[number % 3] for number, name in enumerate(names)} | {('s"1"', ""): "dev"}
    write(tmp_path / "split.csv", split)
    assert dealt(tmp_path / "split.csv") == split


def test_files_with_a_line_end_in_their_names_stay_where_they_were_dealt(tmp_path):
    for label, number in itertools.product("ab", range(5)):
        audio(tmp_path / "in" / label / f" {number}\n{label}.wav", seconds=0.05 + number / 1000)
    settings = resolve(str(tmp_path / "in"), output=tmp_path / "out", profile="demo")
    first = through(settings, "corpus").clips
    settings.paths.record("corpus").unlink()
    pd.testing.assert_frame_equal(through(settings, "corpus").clips, first)


def test_a_dry_run_says_what_a_run_would_and_keeps_its_hands_off_others_results(kept, tmp_path, capsys):
    options = ["--stages", "corpus", "--dry-run", "--profile", "demo"]
    path = table(tmp_path, ROWS)
    (tmp_path / ROWS[0][0]).write_bytes(b"no audio at all")
    assert main([*options, "--corpora", path, "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    counts = Counter(read(path, tmp_path).clips["partition"])
    assert f"train: {counts['train']} files, dev: {counts['dev']} files, test: {counts['test']} files" in said
    assert f"{ROWS[0][0]}: not readable as audio" in said and "rest on one speaker" in said
    assert not (tmp_path / "out").exists()
    for file in tmp_path.glob("*a*.wav"):
        file.write_bytes(b"no audio at all")
    assert main([*options, "--corpora", path, "--output", str(tmp_path / "out")]) == 0
    assert "but refused" in (said := capsys.readouterr().out) and "train has no 'a'" in said
    assert main([*options, "--corpora", path, "--output", str(kept.output)]) == 1
    assert f"{kept.source} and {path} would both be called data" in capsys.readouterr().err
    os.rename(kept.folder, kept.folder.with_name("moved"))
    try:
        assert main([*options, "--corpora", path, "--output", str(kept.output)]) == 0
    finally:
        os.rename(kept.folder.with_name("moved"), kept.folder)
