"""Further seeds: runs of their own, gathered beside the first one's results."""

import json

import pandas as pd
import pytest

from dslite.layout.paths import Paths
from dslite.run.plan import gathered
from dslite.stages.paper import seeds
from tests.toys import command, write_templates

ROW = {
    "corpus": "css", "system": "DS Lite", "augmentation": "none", "partition": "test", "protocol": "all", "uar": 60.0,
    "data": "real", "backbone": "densenet121", "weights": "imagenet", "profile": "full", "reading": "paper",
    "changed": "", "seed": 42,
}  # fmt: skip


def leave(layout: Paths, **changes) -> None:
    places = layout.corpus("css")
    places.scores.parent.mkdir(parents=True)
    pd.DataFrame([ROW | changes]).to_parquet(places.scores)
    places.record("evaluate").write_text("{}")
    places.record("train").parent.mkdir(parents=True)
    places.record("train").write_text(json.dumps({"but_for_the_seed": changes.get("reading", "paper")}))


def test_spread_is_of_the_same_configuration_alone(tmp_path):
    layout = Paths(tmp_path)
    leave(layout)
    leave(Paths(layout.seed(43)), seed=43, uar=64.0)
    leave(Paths(layout.seed(44)), seed=44, uar=80.0, reading="sound")
    every = seeds.every_seed(layout, pd.DataFrame([ROW]))
    assert every["seed"].tolist() == [42, 43]
    row = seeds.spread(every).iloc[0]
    assert (row["seeds"], row["mean"], row["least"], row["most"]) == (2, 62.0, 60.0, 64.0)
    assert row["sd"] == pytest.approx(8**0.5)
    assert seeds.spread(pd.DataFrame([ROW])).empty
    inputs = gathered("paper", tmp_path)
    assert "seeds/43" in inputs["evaluate of css, seed 43"], "a further seed makes the page stale"


def test_spread_by_hand():
    uars = [("none", 1, 50.0), ("both", 1, 61.0), ("none", 2, 54.0), ("both", 2, float("nan")), ("both", 3, 63.0)]
    rows = pd.DataFrame([ROW | {"augmentation": name, "seed": seed, "uar": uar} for name, seed, uar in uars])
    found = seeds.spread(rows).set_index("augmentation")
    assert list(found.index) == ["none", "both"]
    assert tuple(found.loc["none", ["seeds", "mean", "least", "most"]]) == (2, 52.0, 50.0, 54.0)
    assert tuple(found.loc["both", ["seeds", "mean"]]) == (2, 62.0)
    assert found.loc["none", "sd"] == pytest.approx(8**0.5)
    assert seeds.spread(rows[rows["seed"] < 3])["augmentation"].tolist() == ["none"], "one seed has no spread"


def test_a_seed_that_is_there_twice_counts_once(tmp_path):
    layout = Paths(tmp_path)
    leave(layout)
    leave(Paths(layout.seed(43)), seed=43, uar=64.0)
    every = seeds.every_seed(layout, pd.DataFrame([ROW, ROW | {"uar": 51.0}, ROW | {"seed": 43, "uar": 52.0}]))
    assert every[["seed", "uar"]].to_numpy().tolist() == [[42, 60.0], [43, 52.0]]


def test_each_further_seed_runs_up_to_its_scores_in_a_folder_of_its_own(tmp_path):
    templates, output = write_templates(tmp_path / "templates"), tmp_path / "out"
    options = ("--corpora", "css", "--stages", "paper", "--seed", "5", "--seeds", "2", "--output", output)
    said, _ = (process := command(templates, *options)).communicate(timeout=600)
    assert process.returncode == 0, said
    assert "Seed 6:" in said and "started   css train, seed 6" in said
    plan = said[: said.index("started")]
    assert plan.index("Seed 5:\n5 notebooks to run") < plan.index("Seed 6:\n4 notebooks to run"), plan
    assert "All seeds:\n9 notebooks to run, about " in plan
    assert "done      css evaluate, seed 6" in said and said.rstrip().count("done      paper") == 1
    other = Paths(Paths(output).seed(6)).corpus("css")
    assert "seed = 6" in other.notebook("train").read_text() and other.page("evaluate").exists()
    assert not other.page("explain").exists()
    assert "seed = 5" in Paths(output).corpus("css").notebook("train").read_text()
    said, _ = (process := command(templates, *options)).communicate(timeout=600)
    assert process.returncode == 0 and said.count("Nothing to do") == 2, said
    more = (*options[:-3], "3", *options[-2:])
    said, _ = (process := command(templates, *more)).communicate(timeout=600)
    assert process.returncode == 0 and said.count("Nothing to do") == 1, said
    assert "new input: further seeds" in said and "started   css" in said
    assert [job for job in said.splitlines() if "started" in job and "seed 7" not in job and "paper" not in job] == []


def test_a_further_seed_that_fails_is_told_and_the_others_are_gathered(tmp_path):
    templates, paths = write_templates(tmp_path / "templates"), Paths(tmp_path / "out")
    seed = Paths(paths.seed(6))
    seed.output.mkdir(parents=True)
    (seed.output / "css-train.py").write_text("raise ValueError('upside down')")
    options = ("--corpora", "css", "--stages", "paper", "--seed", "5", "--seeds", "2", "--output", paths.output)
    said, _ = (process := command(templates, *options)).communicate(timeout=600)
    assert process.returncode == 1
    assert "FAILED    css train, seed 6: ValueError in cell 3: upside down" in said
    assert "2 of 9 notebooks are not done: css-train-seed6, css-evaluate-seed6." in said
    assert paths.across("paper").page("paper").exists() and seed.corpus("css").failed_page("train").exists()
    assert not paths.corpus("css").failed_page("train").exists()
