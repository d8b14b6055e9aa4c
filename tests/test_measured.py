"""Gathering what was measured: nothing lost or mixed up, nothing that does not belong, and docs that agree."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import measured
from dslite.layout.paths import Paths
from dslite.paper.measured import MEASURED, read
from dslite.stages.ablation.work import NO_EFFECT

KIND = {
    "data": "real", "note": "all files", "about": {"short": "RAVDESS", "title": "Song"}, "classes": ["a", "b"],
    "backbone": "squeezenet_v1", "weights": "imagenet", "versions": {"dslite": "0.1.0"},
}  # fmt: skip
PAGE = "Before.\n\n<!-- tables of measured.json -->\nold\n<!-- end of tables -->\n\nAfter.\n"


def write(place, content) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pd.DataFrame):
        content.to_parquet(place)
    else:
        place.write_text(json.dumps(content))


def leave_run(output, uar: float, reading="sound", profile="full", seed=1, corpus="ravdess", alike="x", **changes):
    """A run in which DS Lite without augmentation has ``uar`` on test, with both 2 less, and a baseline 1 less."""
    layout, kind = Paths(output), KIND | changes
    places = layout.corpus(corpus)
    row = {"corpus": corpus, "system": "DS Lite", "augmentation": "none", "partition": "test", "protocol": "all"}
    row |= {"uar": uar, "ci_low": uar - 1, "ci_high": uar + 1, "n_files": 10, "n_speakers": 2, "data": kind["data"]}
    row |= {"backbone": kind["backbone"], "weights": "imagenet", "profile": profile, "reading": reading, "seed": seed}
    floor = {"system": "librosa statistics + SVM", "augmentation": "", "uar": uar - 1, "backbone": "", "weights": ""}
    both = row | {"augmentation": "both", "uar": uar - 2}
    others = [{"partition": "dev", "uar": 1.0}, {"protocol": "full-chunk"}, {"system": "chance", "augmentation": ""}]
    write(places.scores, pd.DataFrame([both, row | floor, row, *(row | other for other in others)]))
    pair = {"first": "none", "second": "both", "protocol": "all", "unit": "file", "p_holm": 0.04}
    write(places.pairs, pd.DataFrame([pair, pair | {"unit": "speaker", "p_holm": 0.9}]))
    asked = {"profile": profile, "reading": reading, "seed": seed, "chosen": "none"}
    write(places.record("evaluate"), kind | asked)
    write(places.record("train"), kind | asked | {"but_for_the_seed": alike})
    write(layout.run, {"began": "2026-01-02 03:04:05 +0000"})
    fit = places.fit("none", "dev")
    history = {"phase": [1, 2], "epoch": [1, 2], "loss": [2.0, 1.0], "dev_uar": [float("nan"), uar], "seconds": [0, 0]}
    write(fit / "history.parquet", pd.DataFrame(history))
    write(fit / "record.json", {"recipe": {"learning_rate": 0.001 if reading == "paper" else 1.0}, "seed": seed})
    return str(output)


def leave_ablation(output, seeds=(1, 2), **about):
    places = Paths(output).corpus("ravdess")
    scores = [("sound", 1, 50.0), ("sound", 2, 52.0), ("F-03 x", 1, 40.0), ("F-03 x", 2, 46.0)]
    scores = [row for row in scores if row[1] in seeds]
    rows = [{"variant": v, "seed": s, "partition": "test", "uar": u, "n_files": 10} for v, s, u in scores]
    write(places.file("ablation", "scores.parquet"), pd.DataFrame([*rows, rows[0] | {"partition": "dev", "uar": 0.0}]))
    write(
        places.file("ablation", "differences.parquet"),
        pd.DataFrame(
            [
                {
                    "system": "F-03 x",
                    "difference": -8.0,
                    "low_file": -9.0,
                    "high_file": 1.0,
                    "p_holm": 0.2,
                    "low_speaker": float("nan"),
                }
            ]
        ),
    )
    left_out = [{"variant": "F-13 y", "reason": NO_EFFECT}, {"variant": "F-16 z", "reason": "too short in /home/me"}]
    write(places.file("ablation", "left_out.parquet"), pd.DataFrame(left_out))
    record = KIND | {"profile": "demo", "reading": "sound", "seeds": list(seeds), "chunk": 4.0}
    write(places.record("ablation"), record | about)
    return str(output)


@pytest.fixture
def gather(tmp_path):
    """Runs the command; returns what it wrote, and the page."""
    place, page = tmp_path / "measured.json", tmp_path / "measured.md"
    kept = {"record": KIND | {"profile": "full"}, "fits": []}
    write(place, {"corpora": {}, "scores": [{"corpus": "old"}], "adadelta": kept, "ablations": []})
    page.write_text(PAGE)

    def run(*arguments: str) -> tuple[dict, str]:
        measured.main(arguments, place, page)
        return json.loads(place.read_text(), parse_constant=pytest.fail), page.read_text()

    return run


def test_rows_are_those_of_the_runs_and_say_what_they_are_of(gather, tmp_path):
    sound = leave_run(tmp_path / "s", 60.0)
    leave_run(Paths(Path(sound)).seed(2), 70.0, seed=2)
    leave_run(Paths(Path(sound)).seed(3), 99.0, seed=3, alike="of older code")
    small = leave_run(tmp_path / "e", 40.0, "paper", "demo", corpus="emovo", backbone="efficientnet_lite0",
                      about={"short": "emovo", "title": "emovo"}, classes=["a", "b", "c"])  # fmt: skip
    found, page = gather(sound, small)
    rows = pd.DataFrame(found["scores"])
    ours = rows[rows["augmentation"] == "none"]
    names = ["corpus", "backbone", "weights", "profile", "reading", "seed", "data", "uar", "chosen", "date", "dslite"]
    assert ours[names].to_numpy().tolist() == [
        ["ravdess", "squeezenet_v1", "imagenet", "full", "sound", 1, "real", 60.0, True, "2026-01-02", "0.1.0"],
        ["ravdess", "squeezenet_v1", "imagenet", "full", "sound", 2, "real", 70.0, True, "2026-01-02", "0.1.0"],
        ["emovo", "efficientnet_lite0", "imagenet", "demo", "paper", 1, "real", 40.0, True, "2026-01-02", "0.1.0"],
    ]
    floor = rows[rows["augmentation"] == ""]
    assert floor["uar"].tolist() == [59.0, 69.0, 39.0] and not floor["chosen"].any()
    assert floor["backbone"].tolist() == ours["backbone"].tolist(), "of the run"
    assert page.startswith("Before.\n") and page.endswith("After.\n") and "old" not in page
    model = "SqueezeNet v1.1, reading sound"
    assert f"| system | {model}, seed 1 | {model}, mean (sd) of seeds 1, 2 |" in page
    assert "| DS Lite, no augmentation | 60.0 (59.0–61.0), best on dev | 65.0 (7.1) |" in page
    assert "| DS Lite, CutMix + SpecAugment | 58.0 (59.0–61.0)* | 63.0 (7.1) |" in page
    assert "| librosa statistics + SVM | 39.0 (39.0–41.0) |" in page and "| chance | 33.3 |" in page
    assert "emovo, demo profile: all files. Measured 2026-01-02 with dslite 0.1.0." in page


def test_base_models_and_readings_stand_side_by_side(gather, tmp_path):
    runs = [leave_run(tmp_path / "s", 60.0), leave_run(tmp_path / "p", 50.0, "paper"),
            leave_run(tmp_path / "e", 70.0, backbone="efficientnet_lite0")]  # fmt: skip
    found, _ = gather(*runs)
    table = read(json.dumps(found)).table("ravdess", "full").set_index("system")
    assert list(table.columns) == [
        "SqueezeNet v1.1, reading sound, seed 1", "SqueezeNet v1.1, reading paper, seed 1",
        "EfficientNet-Lite0, reading sound, seed 1",
    ]  # fmt: skip
    assert [cell[:4] for cell in table.loc["DS Lite, no augmentation"]] == ["60.0", "50.0", "70.0"]
    ours = ["DS Lite, no augmentation", "DS Lite, CutMix + SpecAugment"]
    assert list(table.index) == ["chance", "librosa statistics + SVM", *ours, "test files, speakers"]


def test_curves_and_ablations_are_renewed_where_they_were_measured_anew(gather, tmp_path):
    paper, sound = leave_run(tmp_path / "p", 50.0, "paper"), leave_run(tmp_path / "s", 60.0)
    kept, _ = gather(sound)
    assert kept["adadelta"]["fits"] == [] and kept["ablations"] == []
    found, page = gather(
        sound, paper, "--ablation", leave_ablation(tmp_path / "a"), leave_ablation(tmp_path / "o", (1,))
    )
    assert found["adadelta"]["record"] == {name: (KIND | {"profile": "full"})[name] for name in measured._KEPT}
    assert [(fit["learning_rate"], fit["history"]["dev_uar"]) for fit in found["adadelta"]["fits"]] == [
        (0.001, [None, 50.0]), (1.0, [None, 60.0])
    ]  # fmt: skip
    ablation, of_one_seed = found["ablations"]
    assert ablation["sound"] == {"uar": 51.0, "sd": pytest.approx(2**0.5), "n_files": 10}
    (row,) = ablation["differences"]
    assert row["sd"] == pytest.approx(18**0.5, abs=1e-4) and row["low_speaker"] is None
    assert (ablation["no_effect"], ablation["impossible"]) == (["F-13 y"], ["F-16 z"])
    assert of_one_seed["sound"] == {"uar": 50.0, "sd": None, "n_files": 10}
    assert "- at a rate of 0.001 training loss goes from 2.0 to 1.0 in 2 epochs, and UAR on dev ends at 50.0 %" in page
    assert "| F-03 x | −8.0 | −9.0 to +1.0 | 0.200 |" in page and "chunks of 4 s" in page
    assert "/home" not in json.dumps(found)
    assert gather(sound)[0]["ablations"] == found["ablations"], "kept by a later call"


def test_an_ablation_is_added_to_those_of_other_corpora(gather, tmp_path):
    run = leave_run(tmp_path / "s", 60.0)
    gather(run, "--ablation", leave_ablation(tmp_path / "a"), leave_ablation(tmp_path / "o", about={"short": "Other"}))
    found, _ = gather(run, "--add", "--ablation", leave_ablation(tmp_path / "b", (2,)))
    told = [(one["record"]["about"]["short"], one["record"]["seeds"]) for one in found["ablations"]]
    assert told == [("Other", [1, 2]), (KIND["about"]["short"], [2])]
    alone, _ = gather("--add", "--ablation", leave_ablation(tmp_path / "b", (1, 2)))
    assert alone["scores"] == found["scores"] and len(alone["ablations"]) == 2, "of an ablation alone"
    with pytest.raises(SystemExit):
        gather("--ablation", str(tmp_path / "b"))


def test_runs_are_added_to_those_that_are_kept(gather, tmp_path):
    first, second = leave_run(tmp_path / "s", 60.0), leave_run(tmp_path / "t", 70.0, seed=2)
    gather(first)
    found, page = gather(second, "--add", "--adadelta", leave_run(tmp_path / "p", 50.0, "paper"), first)
    assert "mean (sd) of seeds 1, 2 |" in page and "| 60.0 (59.0–61.0), best on dev | 65.0 (7.1) |" in page
    assert [fit["learning_rate"] for fit in found["adadelta"]["fits"]] == [0.001, 1.0]
    again, _ = gather(leave_run(tmp_path / "u", 80.0, seed=2), "--add")
    ours = [row["uar"] for row in again["scores"] if row["augmentation"] == "none"]
    assert ours == [60.0, 80.0] and again["adadelta"] == found["adadelta"], "a run takes its own place alone"


def test_what_does_not_belong_is_refused_and_nothing_is_written(gather, tmp_path):
    good = leave_run(tmp_path / "s", 60.0)
    before = gather(good)
    for said, *wrong in (
        ("holds the run|hold the run", good, good),
        ("is not the data of an output before it", good, leave_run(tmp_path / "c", 1.0, data="cropped", note="2 s")),
        ("run with data stand-in", leave_run(tmp_path / "y", 1.0, data="stand-in")),
        ("weights random", leave_run(tmp_path / "w", 1.0, weights="random")),
        ("changed units 8", leave_run(tmp_path / "u", 1.0, changed="units 8")),
        ("holds no corpus that was evaluated", str(tmp_path / "nothing")),
        ("holds 0 corpora with the stage ablation", good, "--ablation", good),
    ):
        with pytest.raises(SystemExit, match=said):
            gather(*wrong)
    assert gather(good) == before
    with pytest.raises(SystemExit, match="lacks the lines"):
        measured.with_tables("No marks.", MEASURED)


def test_the_documentation_shows_what_is_kept():
    page = (Path(measured.__file__).parents[1] / "docs/measured.md").read_text("utf-8")
    assert measured.with_tables(page, MEASURED) == page
    for row in MEASURED.scores.query("seed == @MEASURED.scores['seed'].min()").itertuples():
        assert f"{row.uar:.1f} ({row.ci_low:.1f}–{row.ci_high:.1f})" in page, row
    every = MEASURED.scores
    assert not every.duplicated(["corpus", "backbone", "profile", "reading", "seed", "system", "augmentation"]).any()
    assert set(every["data"]) <= {"real", "cropped", "differing"} and set(every["weights"]) == {"imagenet"}
