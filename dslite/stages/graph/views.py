"""What the page ``graph`` shows, from what its stage left."""

from html import escape

import pandas as pd

from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.reporting import ablations, variants
from dslite.reporting.comparisons import Strip
from dslite.reporting.display import with_digits
from dslite.stages.graph.conditions import BASE, GRAPH, RANDOM, SPEECH, SVM, TITLES, TRANSFER
from dslite.wording import counted


def answers(stage: FinishedStage) -> str:
    """Does the graph help, more than a random one, more than fine-tuning, and at what size? Computed, in words."""
    found = _over_seeds(stage).loc[lambda t: t["system"] == GRAPH]
    if found.empty:
        return "**No file has a neighbour by this rule, so there is no graph to look at.** The reading `sound` has one."
    costs = stage.table("networks").drop_duplicates("network").set_index("network")["parameters"]
    said = []
    for reference, question in (
        (SPEECH, "Does the graph help?"),
        (RANDOM, "Does it help more than a random graph?"),
        (TRANSFER, "Does it help more than fine-tuning what was learnt from the source?"),
    ):
        rows = found[found["reference"] == reference]
        each = [
            f"{_name(stage, row.network)}, {costs[row.network] / 1e6:.1f} million parameters: "
            f"{ablations.points(row.difference)} points ({ablations.interval(row.low_file, row.high_file)} over files"
            f"{_speakers(row)}{f'; {row.seeds} over seeds' if row.seeds else ''})"
            for row in rows.itertuples()
        ]
        if each:
            said.append(f"- **{question}** {_verdict(rows)}. {'; '.join(each)}.")
    said.append(f"- {ablations.of_seeds(stage.record['seeds'])}")
    return "\n".join(said)


def _over_seeds(stage: FinishedStage) -> pd.DataFrame:
    """The differences with their ``least`` and ``most``, seed by seed, and ``seeds``, these as a text; empty of one."""
    table = stage.table("differences")
    of = stage.table("scores").query("partition == 'test'")
    of = of.pivot(index="seed", columns=["network", "condition"], values="uar").ffill()  # some have the first alone
    each = [
        of[SVM if row.system == SVM else row.network, row.system] - of[row.network, row.reference]
        for row in table.itertuples()
    ]
    table = table.assign(least=[values.min() for values in each], most=[values.max() for values in each])
    ends = zip(table["least"], table["most"], strict=True)
    return table.assign(seeds=[ablations.interval(low, high) if low < high else "" for low, high in ends])


def _speakers(row) -> str:
    """The interval over speakers, where there are enough of them."""
    if pd.isna(row.low_speaker):
        return "; too few speakers to draw"
    return f", {ablations.interval(row.low_speaker, row.high_speaker)} over speakers"


def _verdict(rows: pd.DataFrame) -> str:
    """What p says, which knows of one draw of files, if every seed says the same; beside networks with several seeds
    one that has a single one is not judged."""
    told, judged = [], (rows["seeds"] != "") | (not any(rows["seeds"]))
    for word, sign in (("Yes", 1), ("It does harm", -1)):
        shown = rows[judged & (rows["p_holm"] <= 0.05) & (sign * rows[["least", "most"]] > 0).all(axis=1)]
        names = ", ".join(TITLES[name] for name in shown["network"])
        told += [f"{word}, over files{' and with every seed' * any(rows['seeds'])}, with {names}"] * (len(shown) > 0)
    return "; ".join(told) or f"Not shown{', at any size' if len(rows) > 1 else ''}"


def _name(stage: FinishedStage, network: str) -> str:
    """A network for readers; one that is too heavy for all of it says how it was fitted."""
    effort = stage.record["effort"]
    return TITLES[network] + f" ({counted(effort['few'], 'epoch')}, one seed)" * (network in effort["heavy"])


def about(stage: FinishedStage) -> str:
    """What the graph was drawn by, and what was chosen on dev."""
    record, way, source = stage.record, stage.record["way"], stage.record["source"]
    least = way["threshold"]
    rule = f"whose cosine is at least {least:g}" if least else "as long as their cosine is above 0"
    first = TITLES[record["effort"]["networks"][0]]
    chosen = "fixed"
    if best_of := len(stage.table("tried")):
        chosen = f"chosen on dev for the graph with {first}, whose UAR there is the best of {best_of}"
        chosen += ", and the same for all"
    seeds = ", ".join(map(str, record["seeds"]))
    model = f"{source['backbone']} with {source['weights']} weights, fitted with {source['chosen']}"
    layer = "last hidden layer over its chunks"
    if record["embedder"]:
        model = f"embedding by wav2vec 2.0, weights of {record['parameters']['embedder']}, fine-tuned"
        layer = "projector over time"
    base = record["base_model"]
    own = f"{TITLES[BASE]} is {base['backbone']} with {base['weights']} weights. " if base else ""
    return (
        f"Source: {source['corpus']} ({source['data']} data), {model} on its train + dev; a file's embedding is the "
        f"mean of the {layer}. Neighbours: the {record['k']} nearest files, {rule}; alpha {record['alpha']:g}; "
        f"near in `fc{record['layer']}`; all "
        f"{chosen}. {record['effort']['epochs']} epochs, before fine-tuning as many of the source. "
        f"Seeds: {seeds}. {own}"
        f"Chance is {100 / len(stage.classes):.1f} % for {len(stage.classes)} classes. "
        f"{ablations.drawn(stage.settings.draws, stage.settings.paired_draws)}"
    )


def warnings(stage: FinishedStage) -> str:
    """What the source's record warns of; empty without."""
    told = [f"Source: {text}" for text in stage.record["source_warnings"]]
    if (base := stage.record["base_model"]) and base["weights"] == "random":
        told += records.weights_warnings("random", f"{TITLES[BASE]} began without ImageNet's")
    if stage.record["source"]["data"] == "stand-in":
        told.insert(
            0, "The source is a SYNTHETIC stand-in: what its model hears in these files says nothing of speech."
        )
    if {stage.record["corpus"], stage.record["source"]["corpus"]} == {"ravdess", "ravdess_speech"}:
        told.append("The same actors speak in the source as sing here: its model has learnt those of dev, not of test.")
    return escape(" ".join(told), quote=False)


def graphs(stage: FinishedStage) -> pd.DataFrame:
    """A row per graph of train + dev: its edges, and what share of them is within a class and within a speaker beside
    what chance gives (percent)."""
    table = stage.table("graphs")
    shown = {"graph": table["graph"], "files": table["files"], "edges": table["edges"]}
    shown |= {"per file": table["degree"], "files without": table["isolated"]}
    for of, word in (("label", "class"), ("speaker", "speaker")):
        pairs = zip(100 * table[f"within_{of}"], 100 * table[f"chance_{of}"], strict=True)
        shown[f"% within a {word} (by chance)"] = [
            f"{within:.1f} ({chance:.1f})" if within == within else "–" for within, chance in pairs
        ]
    return with_digits(pd.DataFrame(shown), 1)


def scores(stage: FinishedStage) -> pd.DataFrame:
    """A row per network and condition: UAR on dev and test with intervals (first seed), and over seeds."""
    table, first = stage.table("scores"), stage.record["seeds"][0]
    rows, interval = [], stage.task.interval
    for (network, condition), of in table.groupby(["network", "condition"], sort=False):
        row = {"network": _name(stage, network), "condition": condition}
        for part in ("dev", "test"):
            own = of[of["partition"] == part].set_index("seed")
            one = own.loc[first]
            row |= {f"UAR on {part}": one["uar"], f"over files, {part}": interval(one["ci_low"], one["ci_high"])}
        row["over speakers, test"] = interval(one["ci_speaker_low"], one["ci_speaker_high"])
        if len(stage.record["seeds"]) > 1:
            row |= {"mean of seeds": own["uar"].mean(), "sd": own["uar"].std()}
        rows.append(row | {"files": one["n_files"]})
    return with_digits(pd.DataFrame(rows), 1)


def differences(stage: FinishedStage) -> pd.DataFrame:
    """A row per network, condition and what it is compared with, on test."""
    table = _over_seeds(stage)
    table = table.assign(network=[_name(stage, network) for network in table["network"]])
    names = {"network": "network", "system": "condition", "reference": "less", "difference": "difference"}
    names |= {"file": "over files", "speaker": "over speakers"}
    names |= {"seeds": "over seeds"} if any(table["seeds"]) else {}
    names |= {"p": "p", "p_holm": "p, Holm"}
    return with_digits(ablations.listed(table, names), 1)


def strips(stage: FinishedStage) -> list[Strip]:
    """Differences from speech alone, a strip per network."""
    table = stage.table("differences").loc[lambda t: t["reference"] == SPEECH]
    of = table.groupby("network", sort=False)
    axis = f"{{}}: less {SPEECH} on test (UAR points)"
    return [Strip.of_differences(rows, "system", axis.format(_name(stage, name))) for name, rows in of]


def costs(stage: FinishedStage) -> pd.DataFrame:
    """A row per network and file: what it weighs and takes."""
    table = stage.table("networks")
    shown = {"network": table["network"].map(TITLES), "file": table["variant"].map(variants.TITLES)}
    shown |= {"parameters": table["parameters"], "MB": table["bytes"] / 1e6, "ms": table["ms"]}
    return with_digits(pd.DataFrame(shown), 2)


def refused(stage: FinishedStage) -> str:
    """Files that did not pass the gate, and why."""
    wrong = [
        f"{folder}, {variants.TITLES[name]}: {'; '.join(sentences)}."
        for folder, of in stage.record["wrong"].items()
        for name, sentences in of.items()
        if sentences
    ]
    return f"Not offered: {' '.join(wrong)}" if wrong else "All files passed the gate."


def defects(stage: FinishedStage) -> pd.DataFrame:
    """UAR on test beside what the released code takes for it (A-1, A-2), first seed."""
    rows = stage.table("scores").query("partition == 'test' and seed == @stage.record['seeds'][0]")
    shown = {"network": rows["network"].map(TITLES), "condition": rows["condition"], "UAR": rows["uar"]}
    return with_digits(pd.DataFrame(shown | {"mean over batches of 16": rows["batch_uar"]}).reset_index(drop=True), 1)


def tried(stage: FinishedStage) -> pd.DataFrame:
    """UAR on dev per k, alpha and layer; empty where there was no choice."""
    return with_digits(stage.table("tried").rename(columns={"uar": "UAR on dev", "layer": "fc"}), 1)
