"""Gathering what was measured: only runs that belong together, and nothing lost or mixed up on the way."""

import json

import pandas as pd
import pytest

from benchmarks import measured
from dslite.layout.paths import Paths
from dslite.stages.ablation.work import NO_EFFECT

KIND = {
    "data": "cropped", "note": "2 s a file", "about": {"short": "RAVDESS"}, "classes": ["a", "b"],
    "backbone": "squeezenet_v1", "weights": "imagenet",
}  # fmt: skip


def write(place, content) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pd.DataFrame):
        content.to_parquet(place)
    else:
        place.write_text(json.dumps(content))


def leave_run(output, reading: str, seed: int, uar: float, **changes):
    places = Paths(output).corpus("ravdess")
    row = {"system": "DS Lite", "augmentation": "none", "partition": "test", "protocol": "all", "reading": reading}
    row |= {"seed": seed, "uar": uar, "ci_low": uar - 1, "ci_high": uar + 1, "n_files": 10, "n_speakers": 2}
    other = row | {"partition": "dev", "uar": 1.0}
    write(places.scores, pd.DataFrame([row, other, row | {"system": "chance"}]))
    write(places.record("evaluate"), {})
    write(places.record("train"), KIND | {"profile": "full", "reading": reading} | changes)
    fit = places.fit("none", "dev")
    history = {"phase": [1, 2], "epoch": [1, 2], "loss": [2.0, 1.0], "dev_uar": [float("nan"), uar], "seconds": [0, 0]}
    write(fit / "history.parquet", pd.DataFrame(history))
    write(fit / "record.json", {"recipe": {"learning_rate": 0.001 if reading == "paper" else 1.0}, "seed": seed})
    return str(output)


def leave_ablation(output, seeds=(1, 2)):
    places = Paths(output).corpus("ravdess")
    scores = [("sound", 1, 50.0), ("sound", 2, 52.0), ("F-03 x", 1, 40.0), ("F-03 x", 2, 46.0)]
    scores = [row for row in scores if row[1] in seeds]
    rows = [{"variant": v, "seed": s, "partition": "test", "uar": u, "n_files": 10} for v, s, u in scores]
    write(places.file("ablation", "scores.parquet"), pd.DataFrame([*rows, rows[0] | {"partition": "dev", "uar": 0.0}]))
    write(
        places.file("ablation", "differences.parquet"),
        pd.DataFrame([{"system": "F-03 x", "low_speaker": float("nan")}]),
    )
    left_out = [{"variant": "F-13 y", "reason": NO_EFFECT}, {"variant": "F-16 z", "reason": "too short in /home/me"}]
    write(places.file("ablation", "left_out.parquet"), pd.DataFrame(left_out))
    write(places.record("ablation"), KIND | {"profile": "demo", "reading": "sound", "seeds": list(seeds), "chunk": 4.0})
    return str(output)


@pytest.fixture
def gather(tmp_path):
    paper, sound = leave_run(tmp_path / "p", "paper", 1, 50.0), leave_run(tmp_path / "s", "sound", 1, 60.0)
    ablations = [leave_ablation(tmp_path / "a"), leave_ablation(tmp_path / "one", seeds=(1,))]

    def run(*more_sound: str, of_paper: str = paper) -> dict:
        place = tmp_path / "measured.json"
        arguments = ["--paper", of_paper, "--sound", sound, *more_sound, "--ablation", *ablations]
        measured.main(arguments, place)
        return json.loads(place.read_text(), parse_constant=pytest.fail)

    return run


def test_scores_curves_and_differences_are_those_of_the_runs(gather, tmp_path):
    found = gather(leave_run(tmp_path / "t", "sound", 2, 70.0))
    assert [(row["reading"], row["seed"], row["uar"]) for row in found["runs"]["scores"]] == [
        ("paper", 1, 50.0), ("sound", 1, 60.0), ("sound", 2, 70.0)
    ]  # fmt: skip
    assert [(fit["learning_rate"], fit["history"]["dev_uar"]) for fit in found["runs"]["adadelta"]] == [
        (0.001, [None, 50.0]), (1.0, [None, 60.0])
    ]  # fmt: skip
    ablation, of_one_seed = found["ablations"]
    assert ablation["sound"] == {"uar": 51.0, "sd": pytest.approx(2**0.5), "n_files": 10}
    (row,) = ablation["differences"]
    assert row["sd"] == pytest.approx(18**0.5, abs=1e-4) and row["low_speaker"] is None
    assert (ablation["no_effect"], ablation["impossible"]) == (["F-13 y"], ["F-16 z"])
    assert of_one_seed["sound"] == {"uar": 50.0, "sd": None, "n_files": 10}
    assert "/home" not in json.dumps(found)


def test_runs_that_do_not_belong_together_are_refused(gather, tmp_path):
    with pytest.raises(SystemExit, match="differs from .* in backbone"):
        gather(leave_run(tmp_path / "b", "sound", 2, 1.0, backbone="densenet121"))
    with pytest.raises(SystemExit, match="sound, demo"):
        gather(leave_run(tmp_path / "d", "sound", 3, 1.0, profile="demo"))
    with pytest.raises(SystemExit, match="same reading and seed"):
        gather(leave_run(tmp_path / "e", "sound", 1, 1.0))
    with pytest.raises(SystemExit, match="holds 0 corpora"):
        gather(str(tmp_path / "nothing"))
