"""What could break behind reader and decoder, through every stage of a corpus that runs by default, and its pages."""

import re

import numpy as np
import pytest
import soundfile

from dslite.layout.finished import FinishedStage
from dslite.run.resolve import resolve
from dslite.stages.catalogue import DEFAULT, OF_CORPUS
from dslite.stages.deploy import work as deploying
from dslite.stages.explain import work as explaining
from tests.test_explain_stage import TINY
from tests.through import alone, one_configuration, page_of, through

LONG = "صوت عال جدا, a label of sixty letters nobody wants to read twice"
LABELS = ("<img src=x onerror=alert(1)>", "../../低い声で話す", LONG)
STAGES = [name for name in OF_CORPUS if name in DEFAULT]


def corpus(folder):
    """Segments of six recordings, every other one at 8 kHz: each label once for a second and once for 0.2 s; and a
    file of 8 s, whole."""
    folder.mkdir()
    (folder / "corpus.toml").write_text("chunk = 1.0\n")
    rng, rows = np.random.default_rng(0), ["file,start,end,label,speaker"]
    for speaker in range(6):
        rate, begin, parts = (16_000, 8_000)[speaker % 2], 0.0, []
        for label in LABELS:
            for seconds in (1.0, 0.2):
                parts.append(0.1 * rng.standard_normal(round(seconds * rate)))
                rows.append(f'r{speaker}.wav,{begin:.1f},{begin + seconds:.1f},"{label}",s{speaker}')
                begin += seconds
        soundfile.write(folder / f"r{speaker}.wav", np.concatenate(parts), rate)
    soundfile.write(folder / "whole.wav", 0.1 * rng.standard_normal(128_000), 16_000)
    (folder / "odd.csv").write_text("\n".join([*rows, f"whole.wav,,,{LABELS[0]},s0"]), "utf-8")
    return str(folder / "odd.csv")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The last two stages, after all that they need."""
    folder = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch)
        patch.setitem(explaining.BUDGETS, "demo", TINY)
        patch.setattr(deploying, "ROUNDS", {"demo": 2})
        patch.setattr(deploying, "CALIBRATION", {"demo": 2})
        settings = resolve(corpus(folder / "in"), profile="demo", output=folder / "out", weights="random")
        given = sorted(folder.rglob("*"))
        for stage in ("explain", "deploy"):
            through(settings, stage)
        outside = [file for file in folder.rglob("*") if (folder / "out") not in (file, *file.parents)]
        assert sorted(outside) == given, "a label became a path"
        yield settings


@pytest.mark.parametrize("name", STAGES)
def test_odd_files_and_labels_go_through_the_stage_and_its_page(made, name, monkeypatch):
    page = page_of(name, lambda asked: FinishedStage.of(made, asked), monkeypatch)
    assert not page.select("[onerror]"), "a label was read as markup"
    text = page.get_text(" ", strip=True)
    assert not re.search(r"\b(nan|NaN|NaT|inf)\b", text)
    if name in ("corpus", "evaluate"):
        assert all(label in text for label in LABELS)


def test_every_clip_is_used_and_predicted(made):
    found = FinishedStage.of(made, "corpus")
    assert len(found.clips) == 37 and dict(found.clips["rate"].value_counts()) == {16_000: 19, 8_000: 18}
    assert found.chunks.groupby("file").size()["whole.wav"] == 15
    for target in ("dev", "test"):
        table = FinishedStage.of(made, "train").predictions("none", target)
        assert sorted(table["file"]) == sorted(found.clips.loc[found.clips["partition"] == target, "file"])
        assert set(table["predicted"]) <= set(LABELS) and table["padded"].sum() == len(table) // 2
