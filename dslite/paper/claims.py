"""What the text claims, and Table 1, against the paper's own tables."""

from collections.abc import Iterator

from dslite.paper import published
from dslite.paper.finding import (
    DOES_NOT,
    DS_LITE,
    ELSEWHERE,
    FIGURES,
    HOLDS,
    IN_DOUBT,
    IN_PART,
    NAMES,
    Finding,
    best,
    corpora_of_results,
    score,
    verify,
)


def _gains() -> Iterator[Finding]:
    for corpus in (*published.COLUMNS[3], "mpssc"):
        figure = FIGURES[f"gain.{corpus}"]
        row, base = best(corpus), "none" if corpus == "mpssc" else "svm"
        ours, theirs = score(corpus, row), score(corpus, base)
        gain = 100 * (ours / theirs - 1)
        yield Finding(
            figure.place,
            f"{NAMES[corpus]}: {figure.printed} % {figure.says}",
            (f"{ours:.1f} ({published.ROWS[row]}) / {theirs:.1f} ({published.ROWS[base]}) - 1 = {gain:.2f} %",),
            verify(gain, figure),
            "F-36",
        )


def _fusion() -> Iterator[Finding]:
    figure = FIGURES["fusion.wins"]
    wins = [corpus for corpus in corpora_of_results() if best(corpus) == "both"]
    told = ", ".join(NAMES[corpus] for corpus in wins)
    yield Finding(
        figure.place,
        f"{figure.says} on {figure.printed} {figure.unit}",
        (f"highest on test in {len(wins)}: {told}",),
        verify(len(wins), figure),
        "F-36",
    )


def _augmentation_helps() -> Iterator[Finding]:
    below = [
        (corpus, row)
        for corpus in corpora_of_results()
        for row in DS_LITE
        if score(corpus, row) < score(corpus, "none")
    ]
    helped = [corpus for corpus in corpora_of_results() if best(corpus) != "none"]
    worse = "; ".join(
        f"{NAMES[corpus]} {published.ROWS[row]} {score(corpus, row):.1f} < {score(corpus, 'none'):.1f}"
        for corpus, row in below
    )
    yield Finding(
        "Section 3.3",
        "For all eight datasets the augmentation methods improve on no augmentation",
        (
            f"the best augmentation is above none on test in {len(helped)} of {len(corpora_of_results())}",
            f"single cells below none on test: {worse or 'none'}",
        ),
        IN_PART if below else HOLDS if len(helped) == len(corpora_of_results()) else DOES_NOT,
        "F-36",
    )


def _beats_deep_spectrum() -> Iterator[Finding]:
    above = {
        partition: [
            corpus
            for corpus in published.COLUMNS[3]
            if max(score(corpus, row, partition) for row in DS_LITE) > score(corpus, "svm", partition)
        ]
        for partition in ("test", "dev")
    }
    below = [corpus for corpus in published.COLUMNS[3] if corpus not in above["dev"]]
    told = "; ".join(
        f"{NAMES[corpus]} {max(score(corpus, row, 'dev') for row in DS_LITE):.1f} < {score(corpus, 'svm', 'dev'):.1f}"
        for corpus in below
    )
    everywhere = len(above["test"]) == len(published.COLUMNS[3])
    yield Finding(
        "Section 3.3",
        "DS Lite outperforms Deep Spectrum + SVM on the unseen test sets",
        (
            f"the best row is above on test in {len(above['test'])} of {len(published.COLUMNS[3])}",
            f"on dev, of which the sentence does not speak, it is below in {len(below)}: {told}",
        ),
        HOLDS if everywhere else DOES_NOT,
        "F-36",
    )


def _chosen_on_dev() -> Iterator[Finding]:
    other = [corpus for corpus in corpora_of_results() if best(corpus) != best(corpus, "dev")]
    lines = tuple(
        f"{NAMES[corpus]}: best on test {published.ROWS[best(corpus)]} {score(corpus, best(corpus)):.1f}; "
        f"dev would choose {published.ROWS[best(corpus, 'dev')]}, {score(corpus, best(corpus, 'dev')):.1f} on test"
        for corpus in other
    )
    yield Finding(
        "Section 3.3",
        "The best set of hyperparameters is found on dev (while the tables set the best test result in bold)",
        lines or ("dev chooses what is best on test everywhere",),
        IN_PART if other else HOLDS,
        "F-37",
    )


def _recalls() -> Iterator[Finding]:
    high, low = FIGURES["figure3.specificity"], FIGURES["figure3.sensitivity"]
    mean, cell = (high.value + low.value) / 2, score("css", best("css"))
    yield Finding(
        "Section 3.5, Figure 3",
        f"CSS: specificity {high.printed} % and sensitivity {low.printed} % of the best model",
        (f"({high.printed} + {low.printed}) / 2 = {mean:.2f} %; Table 3 prints {cell:.1f} for its best row",),
        HOLDS if round(mean, 1) == cell else DOES_NOT,
    )
    negative, positive = ELSEWHERE["css"]["negative"], ELSEWHERE["css"]["positive"]
    right = [_fractions(high.value, negative), _fractions(low.value, positive)]
    single = all(len(found) == 1 for found in right)
    exact = 50 * (right[0][0] / negative + right[1][0] / positive) if single else float("nan")
    lines = [
        f"with {negative} negative and {positive} positive test files (an assumption: the paper prints neither):",
        f"{high.printed} % = {_listed(right[0], negative)}; {low.printed} % = {_listed(right[1], positive)}",
        f"mean of the fractions: {exact:.2f} %",
    ]
    fits = single and round(exact, 1) == cell
    yield Finding(
        "Figure 3 (A)", "CSS: both recalls are whole numbers of files", tuple(lines), HOLDS if fits else IN_DOUBT
    )


def _fractions(percent: float, whole: int) -> list[int]:
    return [part for part in range(whole + 1) if round(100 * part / whole, 1) == percent]


def _listed(parts: list[int], whole: int) -> str:
    return " or ".join(f"{part}/{whole}" for part in parts) or f"no whole number of {whole}"


def _chance() -> Iterator[Finding]:
    for corpus in corpora_of_results():
        figure, classes = FIGURES[f"chance.{corpus}"], FIGURES[f"table1.{corpus}.classes"].printed
        level = 100 / int(classes)
        outcome = verify(level, figure)
        yield Finding(
            figure.place,
            f"{NAMES[corpus]}: chance level {figure.printed} %",
            (f"100 % / {classes} classes (Table 1) = {level:.1f} %",),
            outcome,
            "F-39" if outcome != HOLDS else "",
            (figure.id,) if outcome != HOLDS else (),
        )


def _costs() -> Iterator[Finding]:
    keras, lite, phone = (published.TABLE5[name] for name in ("tensorflow", "tflite", "phone"))
    figure = FIGURES["costs.saved_ms"]
    saved = keras["time_ms"] - lite["time_ms"]
    working = f"{keras['time_ms']:.1f} - {lite['time_ms']:.1f} = {saved:.1f} ms (Table 5)"
    yield Finding(figure.place, f"{figure.printed} ms {figure.says}", (working,), verify(saved, figure))
    figure = FIGURES["costs.shrink"]
    factor = keras["size_mb"] / lite["size_mb"]
    working = f"{keras['size_mb']:.1f} / {lite['size_mb']:.1f} = {factor:.2f} (Table 5)"
    yield Finding(figure.place, f"{figure.printed} times {figure.says}", (working,), verify(factor, figure), "F-30")
    total = phone["time_ms"] + published.TABLE5["preprocessing"]["time_ms"]
    yield Finding(
        "Section 4",
        "A total inference time of only a quarter of a second",
        (
            f"{phone['time_ms']:.1f} (phone) + {total - phone['time_ms']:.1f} (preprocessing, on the laptop) "
            f"= {total:.1f} ms",
        ),
        HOLDS if total <= 250 else DOES_NOT,
        "F-33",
    )


def _counts() -> Iterator[Finding]:
    for figure in published.figures():
        if not (figure.id.startswith("corpora.") and f"table1.{figure.corpus}.{figure.row}" in FIGURES):
            continue
        table = FIGURES[f"table1.{figure.corpus}.{figure.row}"]
        if figure.value != table.value:
            yield Finding(
                figure.place,
                f"{NAMES[figure.corpus]}: {figure.printed} {figure.says or figure.unit}",
                (f"Table 1 prints {table.printed} {table.unit}",),
                DOES_NOT,
                "F-40" if figure.corpus == "demos" else "F-39",
                (table.id, figure.id),
            )
    for corpus in ("demos", "iemocap", "sleep"):
        women, men = (FIGURES[f"corpora.{corpus}_{who}"] for who in ("females", "males"))
        table = FIGURES[f"table1.{corpus}.speakers"]
        total = women.value + men.value
        yield Finding(
            women.place,
            f"{NAMES[corpus]}: {women.printed} female and {men.printed} male speakers",
            (f"{women.printed} + {men.printed} = {total:.0f}; Table 1 prints {table.printed}",),
            HOLDS if total == table.value else DOES_NOT,
            "F-40" if total != table.value else "",
            (table.id,) if total != table.value else (),
        )


def _durations() -> Iterator[Finding]:
    """Total duration against files times mean, allowing for the rounding of all of them."""
    for corpus in NAMES:
        count, minutes, mean = (FIGURES[f"table1.{corpus}.{name}"] for name in ("files", "minutes", "mean_s"))
        implied = 60 * minutes.value / count.value
        slack = 60 * 0.05 / count.value + 0.005
        off = abs(implied - mean.value)
        outcome = HOLDS if off <= slack else DOES_NOT
        lines = [
            f"{minutes.printed} min x 60 / {count.printed} files = {implied:.2f} s ({implied - mean.value:+.2f} s)"
        ]
        doubted = [minutes, mean]
        if corpus == "iemocap":
            doubted.append(FIGURES["table1.iemocap.std_s"])  # of the same turns
            turns = ELSEWHERE["iemocap"]["turns"]
            implied_files = 60 * minutes.value / mean.value
            lines.append(
                f"{minutes.printed} min x 60 / {mean.printed} s = {implied_files:,.0f} files; "
                f"the whole corpus has {turns:,} turns, so these are the durations of all of it"
            )
        hours = ELSEWHERE["first_version_hours"].get(corpus)
        if hours and outcome != HOLDS:
            lines.append(f"{minutes.printed} min = {minutes.value / 60:.2f} h; the first version printed {hours} h")
        yield Finding(
            "Table 1",
            f"{NAMES[corpus]}: {minutes.printed} min, {mean.printed} s on average",
            tuple(lines),
            outcome,
            "F-41" if outcome != HOLDS else "",
            tuple(figure.id for figure in doubted) if outcome != HOLDS else (),
        )


CHECKS = (
    _gains,
    _fusion,
    _augmentation_helps,
    _beats_deep_spectrum,
    _chosen_on_dev,
    _recalls,
    _chance,
    _costs,
    _counts,
    _durations,
)
"""Each yields its findings, in the order of the page."""
