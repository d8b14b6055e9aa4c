"""The search on a tiny corpus: what dev decides, what is kept, and what goes on where it was stopped."""

import itertools
import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from dslite.changes import CHANGEABLE, checked, to_recipe
from dslite.configurations import CONFIGURATIONS
from dslite.errors import DsliteError, NoRoom
from dslite.features import statistics, whole
from dslite.layout import progress
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.profiles import TUNED
from dslite.run.cli import main
from dslite.run.options import parse
from dslite.run.resolve import resolve
from dslite.scoring import score
from dslite.stages.search import grid, space, trials, views
from dslite.stages.search import work as searching
from dslite.store import Samples
from tests.corpus_files import own
from tests.through import alone, one_configuration, through

TRIALS = 4
OF_NETWORK = space.of_network


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    waves = rng.uniform(0.02, 0.2, (12, 1)) * rng.standard_normal((12, 20_000))
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        one_configuration(patch, "both")

        def tiny(asked, loudest_db):
            assert 0 < loudest_db < 60, "noise of 0.1 has some 20 dB per Mel bin"
            found = OF_NETWORK(asked, loudest_db) | {
                "units": optuna.distributions.CategoricalDistribution([0, 8]),
                "epochs_1": optuna.distributions.IntDistribution(1, 3),
                "epochs_2": optuna.distributions.IntDistribution(0, 1),
            }
            return found

        patch.setattr(space, "of_network", tiny)
        yield resolve(
            own(folder, waves), profile="demo", backbone="toynet", weights="random", output=folder / "out",
            trials=TRIALS, seeds=2, changes={"chunk": 1.0},
        )  # fmt: skip


@pytest.fixture(scope="module")
def stage(settings):
    return through(settings, "search")


def test_every_trial_is_judged_on_dev_and_the_best_one_alone_on_test(stage):
    trials = stage.table("trials")
    assert trials["trial"].tolist() == list(range(TRIALS)) and set(trials["state"]) <= {"complete", "pruned"}
    ended = trials[trials["state"] == "complete"].set_index("trial")
    assert stage.record["best"] == ended["dev_uar"].idxmax() and stage.record["in_time"]
    place = stage.paths.file("search", "trials")
    fitted = [file.relative_to(place).parts for file in place.rglob("record.json")]
    assert sorted(parts[-2] for parts in fitted).count("dev") == len(ended) + 1, "the winner once more with seed 43"
    assert sorted(parts[-2] for parts in fitted).count("test") == 2, "the winner, with two seeds"
    scores = stage.table("scores")
    by_dev = scores[(scores["system"] == searching.WINNER) & (scores["partition"] == "dev")]["uar"].tolist()
    assert by_dev[0] == pytest.approx(ended["dev_uar"].max()) and len(by_dev) == 2
    assert not list(place.rglob("dev/model.keras"))[2:], "models of trials that did not win are not kept"


def test_the_winner_is_fitted_with_the_values_that_stand_on_the_page(stage):
    record, values = stage.record, stage.table("trials").set_index("trial").loc[stage.record["best"]]
    assert checked(record["winner"]) and record["winner"]["units"] == values["units"]
    shown = views.winner(stage)["value"]
    assert shown["epochs"] == f"{values['epochs_1']} and {values['epochs_2']}"
    assert shown["backbone"] == record["backbone"] == "toynet"
    (file, *_) = stage.paths.file("search", "trials").rglob("test/record.json")
    fitted = json.loads(file.read_text())["recipe"]
    for name, value in record["winner"].items():
        if CHANGEABLE[name].of == "recipe":
            assert fitted[name] == (list(value) if isinstance(value, tuple) else value)


def test_the_machine_is_searched_as_often_and_scored_by_its_best(stage):
    rows = stage.table("machine")
    assert len(rows) == TRIALS
    best = rows.loc[rows["dev_uar"].idxmax()]
    samples, clips = Samples(stage.paths.samples), stage.clips
    vectors = np.stack([statistics(whole(samples[file])) for file in clips["file"]])
    taken = [n for name, of in zip(space.GROUPS, ([*range(20)], [*range(20, 40)], [*range(40, 60)], [60, 61], [62]),
                                   strict=True) if best[name] for n in of] or [*range(63)]  # fmt: skip
    halves = {"both": (0, 63), "means": (0,), "deviations": (63,)}[best["moments"]]
    x = vectors[:, [h + n for h in halves for n in taken]]
    svc = LinearSVC(C=best["complexity"], class_weight="balanced" if best["balanced"] else None, max_iter=10_000,
                    dual="auto", random_state=42)  # fmt: skip
    learnt, asked = clips["partition"] == "train", clips["partition"] == "dev"
    machine = make_pipeline(*[StandardScaler()] * bool(best["standardise"]), svc)
    predicted = machine.fit(x[learnt].astype(float), clips["label"][learnt]).predict(x[asked].astype(float))
    expected = 100 * recall_score(clips["label"][asked], predicted, average="macro")
    assert best["dev_uar"] == pytest.approx(expected)
    first, known = rows.iloc[0], FinishedStage.of(stage.settings, "baseline")
    assert first[["complexity", "standardise", "balanced"]].to_dict() == known.record["chosen"]["librosa"]
    assert first["moments"] == "both" and first[list(space.GROUPS)].all()
    usual = pd.read_parquet(known.paths.baseline("librosa", "dev"))
    assert first["dev_uar"] == pytest.approx(100 * recall_score(usual["label"], usual["predicted"], average="macro"))


def test_other_draws_are_taken_and_keep_the_trials(stage, tmp_path, monkeypatch):
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress"))  # as in a run, which may replace what is there
    shutil.copytree(stage.settings.output, tmp_path / "out")
    monkeypatch.setattr(trials.Search, "_try", lambda *_: pytest.fail("a trial was made again"))
    few = replace(stage.settings, output=tmp_path / "out", changes=checked({"chunk": 1.0, "draws": 100}))
    again = through(few, "search")
    found, before = ({name: one.table(name) for name in ("scores", "differences")} for one in (again, stage))
    winner = again.table("predictions").query("seed == 42").reset_index(drop=True)
    row = found["scores"].query("system == @searching.WINNER and seed == 42 and partition == 'test'").iloc[0]
    assert row["se"] == score(winner, stage.classes, "all", 42, 100)["se"]
    assert found["scores"]["uar"].equals(before["scores"]["uar"])
    apart = found["differences"]["low_file"].notna() & (found["differences"]["p"] < 1)
    assert (found["differences"].loc[apart, "p"] >= 1 / 101).all()
    assert views.verdict(again).endswith("from 100 draws, those of differences from 100.")
    assert views.verdict(stage).endswith("from 1,000 draws, those of differences from 5,000.")


def test_it_is_made_once_and_goes_on_with_more_trials(stage, settings, monkeypatch):
    before, told = stage.table("trials"), []
    assert searching.work(settings).record == stage.record
    asked = replace(settings, trials=TRIALS + 1, seeds=1)
    killed = trials.Search(asked, "killed")._drawn()
    monkeypatch.setattr(progress, "listeners", [lambda _, text, __: told.append(text)])
    made = searching.work(asked).table("trials")
    assert made.iloc[:TRIALS].drop(columns="seconds").equals(before.drop(columns="seconds"))
    last = made.iloc[TRIALS:].to_dict("records")
    assert len(last) == 1, "the one that was killed has no row of its own, as it was made again"
    assert last[0]["trial"] > killed.number and last[0]["dropout"] == killed.params["dropout"]
    assert any(f"{TRIALS} of {TRIALS + 1} trials, best on dev" in text and f"; trial {last[0]['trial']}: " in text
               for text in told)  # fmt: skip


@pytest.fixture
def elsewhere(settings, stage, tmp_path, monkeypatch):
    """The same corpus where nothing has been searched yet, and no fit is made."""
    found = replace(settings, output=tmp_path, trials=2, seeds=1)
    for name in ("corpus", "train", "evaluate"):
        place = found.paths.record(name)
        place.parent.mkdir(parents=True)
        place.write_text(settings.paths.record(name).read_text())
    monkeypatch.setattr(trials, "_loudest", lambda *_: 20.0)
    return found


def side_by_side(*searches):
    """Runs each in a thread of its own; with a journal each, they know of each other what processes would."""
    with ThreadPoolExecutor(len(searches)) as pool:
        return [future.result() for future in [pool.submit(search.run) for search in searches]]


def test_two_processes_repeat_no_trial_and_make_no_more_than_are_wanted(elsewhere, monkeypatch):
    both = threading.Barrier(2, timeout=60)  # else one may make all before the other's first turn

    def tried(_, trial, until):
        if trial.number < 2:
            both.wait()
        return trial.params["dropout"]

    monkeypatch.setattr(trials.Search, "_try", tried)
    wanted = replace(elsewhere, trials=15)
    first, second = (trials.Search(wanted, name) for name in ("a", "b"))
    assert side_by_side(first, second) == [False, False], "the hours are not over"
    made = first.study.trials
    assert len(made) == 15 and all(trial.state is TrialState.COMPLETE for trial in made)
    assert len({tuple(trial.params.values()) for trial in made}) == 15
    assert {trial.user_attrs["process"] for trial in made} == {"a", "b"}


def test_the_grid_is_the_product_of_what_was_published_and_each_point_is_tried_once(elsewhere, monkeypatch):
    rows = {name: grid.TABLE2[name] for name in ("css", "ravdess")}
    monkeypatch.setattr(grid, "TABLE2", rows)
    asked = replace(elsewhere, trials=0)
    stopped = []

    def tried(_, trial, until):
        if len(stopped) < 2:  # each is asked for again
            stopped.append(trial.number)
            raise trials._Stopped
        return 50.0

    monkeypatch.setattr(trials.Search, "_try", tried)
    searches = [trials.Search(asked, name) for name in ("a", "b")]
    side_by_side(*searches)
    done = [tuple(trial.params[name] for name in sorted(trial.params)) for trial in searches[0].done]
    # augmentation (one here), base model, chunk, dropout, epochs, learning rate, share, units
    phases = [(0, 0.0), (80, 0.1), (100, 0.1)]
    product = itertools.product([0.0, 4.0], [0.4, 0.5], [20, 40], phases, [0.001, 0.01], [128, 700])
    expected = [("both", "toynet", chunk, d, e1, e2, rate, share, units)
                for chunk, d, e1, (e2, share), rate, units in product]  # fmt: skip
    assert sorted(done) == sorted(expected) and len(stopped) == 2
    values = searches[0].done[0].params
    monkeypatch.setattr(trials, "cached_as", lambda variant, *_: variant)
    recipe = trials.corpus_as(asked, None, values).recipe
    assert (recipe.optimiser, recipe.batch, recipe.schedule, recipe.smoothing) == ("adadelta", 32, "constant", 0.0)
    assert (recipe.units, recipe.epochs) == (values["units"], (values["epochs_1"], values["epochs_2"]))


def test_whole_files_are_points_of_the_grid_of_every_corpus():
    for name in ("css", "ravdess"):
        settings = resolve(name, profile="full", weights="random", trials=0)
        points = grid.points(settings)
        assert len(points) == len(CONFIGURATIONS) * 2448
        assert {point["chunk"] for point in points} == {0.0, 1.0, 3.0, 4.0}
        whole = next(point for point in points if not point["chunk"])
        assert to_recipe(settings.recipe, checked(space.to_changes(whole))).chunk == 0


def test_what_a_killed_process_left_is_its_own_to_take_up_or_that_of_one_alone(elsewhere, monkeypatch):
    ran = []
    monkeypatch.setattr(trials.Search, "_try", lambda self, trial, until: ran.append(trial.params) or 50.0)
    wanted = replace(elsewhere, trials=3)
    left = [trials.Search(wanted, name)._drawn().params for name in ("a", "b", "c")]
    trials.Search(wanted, "d").run()
    assert not ran, "others are at work on all that were wanted"
    trials.Search(wanted, "b").run()
    assert ran == [left[1]]
    alone = trials.Search(wanted)
    alone.run()
    assert ran[1:] == [left[0], left[2]] and len(alone.done) == 3


def test_hours_that_were_over_for_a_helper_are_over_for_the_notebook(elsewhere, monkeypatch):
    ran = []
    monkeypatch.setattr(trials.Search, "_try", lambda self, trial, until: ran.append(trial.number) or 50.0)
    monkeypatch.setattr(trials, "cached_as", lambda *_: None)
    left = Paths(elsewhere.output).helper(f"{elsewhere.name}-search", 1)
    left.parent.mkdir(parents=True)
    left.write_text(trials.take_part(replace(elsewhere, hours=1e-15), "a"))
    with pytest.raises(DsliteError, match="no trial of the search came to an end"):
        searching.work(elsewhere)
    assert not ran
    left.write_text(trials.take_part(replace(elsewhere, trials=1), "a"))
    with pytest.raises(FileNotFoundError):  # of the winner's fit, which this test has not made
        searching.work(elsewhere)
    assert ran == [0, 1], "what helpers have left, the notebook does"


def test_the_hours_of_a_run_begin_once_whichever_process_starts_again(elsewhere, monkeypatch):
    until = []
    monkeypatch.setattr(trials.Search, "_try", lambda self, trial, deadline: until.append(deadline) or 50.0)

    def makes_one(process):
        trials.Search(replace(elsewhere, hours=1.0, trials=len(until) + 1), process).run()

    def a_run_begins(number):
        plan = Paths(elsewhere.output).plan
        plan.touch()
        os.utime(plan, ns=(number, number))

    monkeypatch.setenv(progress.VARIABLE, str(elsewhere.output / "progress"))
    a_run_begins(1)
    began = time.time()
    for process in ("a", "b", "a", ""):  # helpers, one of them killed and started again, and the notebook
        makes_one(process)
    assert len(until) == 4 and len(set(until)) == 1 and until[0] >= began + 3600
    a_run_begins(2)
    makes_one("a")
    makes_one("b")
    assert until[3] < until[4] == until[5], "a later run has hours of its own"
    monkeypatch.delenv(progress.VARIABLE)
    makes_one("")
    makes_one("")
    assert until[5] < until[6] < until[7], "and so has a notebook each time it is run by hand"


def test_what_was_stopped_is_taken_up_again(elsewhere, monkeypatch):
    """After the time is over, and after a kill, which leaves a trial running for ever in the journal."""
    monkeypatch.setattr(trials, "cached_as", lambda *_: None)
    ran = []

    def runs_out(_, trial, deadline):
        ran.append(trial.params)
        if len(ran) == 2:
            raise KeyboardInterrupt
        raise trials._Stopped

    monkeypatch.setattr(trials.Search, "_try", runs_out)
    with pytest.raises(KeyboardInterrupt):
        searching.work(elsewhere)
    monkeypatch.setattr(trials.Search, "_try", lambda _, trial, until: ran.append(trial.params) or 50.0)
    with pytest.raises(DsliteError, match="came to an end. In 1e-15 h none did; the same command goes on from its"):
        searching.work(replace(elsewhere, hours=1e-15))
    with pytest.raises(FileNotFoundError):  # of the winner's fit, which this test has not made
        searching.work(elsewhere)
    assert ran[0] == ran[1] == ran[2] != ran[3], "what was stopped or interrupted is asked for again, and first"
    assert ran[0]["share"] == TUNED.share and ran[0]["chunk"] == 1.0, "our own recipe is tried first"


def test_what_a_disk_had_no_room_for_is_no_failed_trial(elsewhere, monkeypatch):
    monkeypatch.setattr(trials, "cached_as", lambda *_: None)
    ran = []

    def full(_, trial, deadline):
        ran.append(trial.params)
        raise NoRoom("The disk is full.")

    monkeypatch.setattr(trials.Search, "_try", full)
    with pytest.raises(NoRoom):
        searching.work(elsewhere)
    monkeypatch.setattr(trials.Search, "_try", lambda _, trial, until: ran.append(trial.params) or 50.0)
    with pytest.raises(FileNotFoundError):  # of the winner's fit, which this test has not made
        searching.work(elsewhere)
    assert ran[0] == ran[1], "it is asked for again, and first"


def test_the_first_trial_is_our_recipe():
    settings = resolve("ravdess", profile="demo", weights="random")
    found = space.first(TUNED, settings, OF_NETWORK(settings, 20.0))
    recipe = to_recipe(settings.recipe, checked(space.to_changes(found)))
    assert replace(recipe, decay=TUNED.decay) == TUNED and found["augmentation"] in CONFIGURATIONS


def test_whole_files_are_searched_as_whole_files():
    settings = resolve("css", profile="demo", weights="random")
    found = space.first(replace(TUNED, chunk=0.0), settings, OF_NETWORK(settings, 20.0))
    assert to_recipe(settings.recipe, checked(space.to_changes(found))).chunk == 0


@pytest.mark.parametrize("values", [
    {"moments": "both", **dict.fromkeys(space.GROUPS, False)}, {"moments": "both", **dict.fromkeys(space.GROUPS, True)},
])  # fmt: skip
def test_a_machine_without_features_has_all(values):
    assert space.columns(values).tolist() == list(range(126))


def test_the_command_line_names_trials(capsys):
    assert parse(["--search", "trials=7"]).search == 7 and parse(["--search", "trials=7"]).stages[-1] == "search"
    assert parse(["--stages", "search"]).stages == ["search"] and parse(["--search", "grid"]).search == 0
    with pytest.raises(SystemExit):
        parse(["--search", "trials=0"])
    assert "0 is less than 1" in capsys.readouterr().err
    assert main(["--corpora", "ravdess", "--search", "3", "--hours", "-1", "--dry-run"]) == 1
    assert "hours is -1.0; expected a number above 0" in capsys.readouterr().err


def test_pages_of_a_search_that_gave_trials_up(stage):
    verdict = views.verdict(stage)
    assert verdict.startswith("Trials scored on dev: ") and verdict.count("The winner against") == 2
    scores = stage.table("scores").groupby(["system", "partition"])["uar"].mean()
    gain = scores[searching.WINNER, "test"] - scores[searching.MACHINE, "test"]
    assert f"against {searching.MACHINE}: " in verdict and f"{gain + 0.0:+.1f}".replace("-", "−") in verdict
    assert views.trials(stage)["UAR on dev"].is_monotonic_decreasing or views.trials(stage)["UAR on dev"].isna().any()
    assert len(views.progress(stage).axes) == 2 and len(views.differences(stage)) == 2
    assert isinstance(views.scores(stage), pd.DataFrame) and TrialState.FAIL.name.lower() in views._STATES
