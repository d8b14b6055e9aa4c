"""What the text claims, and Table 1, against the paper's own tables."""

from collections.abc import Iterator
from itertools import product

from benchmarks.audit.checking import ELSEWHERE, FIGURES, NAMES, doubting, score, verify
from dslite.paper import published
from dslite.paper.audit import DOES_NOT, HOLDS, IN_DOUBT, IN_PART, Finding
from dslite.paper.published import DS_LITE, best
from dslite.wording import written


def _gains() -> Iterator[Finding]:
    for corpus in (*published.COLUMNS[3], "mpssc"):
        figure = FIGURES[f"gain.{corpus}"]
        row, base = best(corpus), "none" if corpus == "mpssc" else "svm"
        ours, theirs = score(corpus, row), score(corpus, base)
        gain = 100 * (ours / theirs - 1)
        working = f"{ours:.1f} ({published.ROWS[row]}) / {theirs:.1f} ({published.ROWS[base]}) - 1 = {gain:.2f} %"
        claim = f"{NAMES[corpus]}: {figure.printed} % {figure.says}"
        yield Finding(figure.place, claim, (working,), verify(gain, figure), "F-36")


def _fusion() -> Iterator[Finding]:
    figure = FIGURES["fusion.wins"]
    wins = [corpus for corpus in published.CORPORA if best(corpus) == "both"]
    working = f"highest on test in {len(wins)}: {', '.join(NAMES[corpus] for corpus in wins)}"
    claim = f"{figure.says} on {figure.printed} {figure.unit}"
    yield Finding(figure.place, claim, (working,), verify(len(wins), figure), "F-36")


def _augmentation_helps() -> Iterator[Finding]:
    below = [
        f"{NAMES[corpus]} {published.ROWS[row]} {score(corpus, row):.1f} < {score(corpus, 'none'):.1f}"
        for corpus, row in product(published.CORPORA, DS_LITE)
        if score(corpus, row) < score(corpus, "none")
    ]
    helped = [corpus for corpus in published.CORPORA if best(corpus) != "none"]
    working = (
        f"the best augmentation is above none on test in {len(helped)} of {len(published.CORPORA)}",
        f"single cells below none on test: {'; '.join(below) or 'none'}",
    )
    claim = "For all eight datasets the augmentation methods improve on no augmentation"
    outcome = IN_PART if below else HOLDS if len(helped) == len(published.CORPORA) else DOES_NOT
    yield Finding("Section 3.3", claim, working, outcome, "F-36")


def _beats_deep_spectrum() -> Iterator[Finding]:
    def ours_and_theirs(corpus: str, partition: str) -> tuple[float, float]:
        return score(corpus, best(corpus, partition), partition), score(corpus, "svm", partition)

    test, dev = ({name: ours_and_theirs(name, part) for name in published.COLUMNS[3]} for part in ("test", "dev"))
    above = sum(ours > theirs for ours, theirs in test.values())
    below = [f"{NAMES[name]} {ours:.1f} < {theirs:.1f}" for name, (ours, theirs) in dev.items() if ours <= theirs]
    working = (
        f"the best row is above on test in {above} of {len(test)}",
        f"on dev, of which the sentence does not speak, it is below in {len(below)}: {'; '.join(below)}",
    )
    claim = "DS Lite outperforms Deep Spectrum + SVM on the unseen test sets"
    yield Finding("Section 3.3", claim, working, HOLDS if above == len(test) else DOES_NOT, "F-36")


def _chosen_on_dev() -> Iterator[Finding]:
    other = [corpus for corpus in published.CORPORA if best(corpus) != best(corpus, "dev")]
    lines = tuple(
        f"{NAMES[corpus]}: best on test {published.ROWS[best(corpus)]} {score(corpus, best(corpus)):.1f}; "
        f"dev would choose {published.ROWS[best(corpus, 'dev')]}, {score(corpus, best(corpus, 'dev')):.1f} on test"
        for corpus in other
    )
    claim = "The best set of hyperparameters is found on dev (while the tables set the best test result in bold)"
    working = lines or ("dev chooses what is best on test everywhere",)
    yield Finding("Section 3.3", claim, working, IN_PART if other else HOLDS, "F-37")


def _recalls() -> Iterator[Finding]:
    high, low = FIGURES["figure3.specificity"], FIGURES["figure3.sensitivity"]
    mean, cell = (high.value + low.value) / 2, score("css", best("css"))
    claim = f"CSS: specificity {high.printed} % and sensitivity {low.printed} % of the best model"
    working = f"({high.printed} + {low.printed}) / 2 = {mean:.2f} %; Table 3 prints {cell:.1f} for its best row"
    yield Finding("Section 3.5, Figure 3", claim, (working,), HOLDS if round(mean, 1) == cell else DOES_NOT)
    negative, positive = ELSEWHERE["css"]["negative"], ELSEWHERE["css"]["positive"]
    right = [_fractions(high.value, negative), _fractions(low.value, positive)]
    single = all(len(found) == 1 for found in right)
    exact = 50 * (right[0][0] / negative + right[1][0] / positive) if single else float("nan")
    lines = (
        f"with {negative} negative and {positive} positive test files (an assumption: the paper prints neither):",
        f"{high.printed} % = {_listed(right[0], negative)}; {low.printed} % = {_listed(right[1], positive)}",
        f"mean of the fractions: {exact:.2f} %",
    )
    outcome = HOLDS if single and round(exact, 1) == cell else IN_DOUBT
    yield Finding("Figure 3 (A)", "CSS: both recalls are whole numbers of files", lines, outcome)


def _fractions(percent: float, whole: int) -> list[int]:
    return [part for part in range(whole + 1) if round(100 * part / whole, 1) == percent]


def _listed(parts: list[int], whole: int) -> str:
    return " or ".join(f"{part}/{whole}" for part in parts) or f"no whole number of {whole}"


def _chance() -> Iterator[Finding]:
    for corpus in published.CORPORA:
        figure, classes = FIGURES[f"chance.{corpus}"], FIGURES[f"table1.{corpus}.classes"].printed
        level = 100 / int(classes)
        claim = f"{NAMES[corpus]}: chance level {figure.printed} %"
        working = f"100 % / {classes} classes (Table 1) = {level:.1f} %"
        yield doubting(figure.place, claim, (working,), verify(level, figure), "F-39", figure)


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
    before = published.TABLE5["preprocessing"]["time_ms"]
    total = phone["time_ms"] + before
    working = f"{phone['time_ms']:.1f} (phone) + {before:.1f} (preprocessing, on the laptop) = {total:.1f} ms"
    claim = "A total inference time of only a quarter of a second"
    yield Finding("Section 4", claim, (working,), HOLDS if total <= 250 else DOES_NOT, "F-33")


def _counts() -> Iterator[Finding]:
    for figure in published.figures():
        table = FIGURES.get(f"table1.{figure.corpus}.{figure.row}")
        if figure.id.startswith("corpora.") and table and figure.value != table.value:
            claim = f"{NAMES[figure.corpus]}: {figure.printed} {figure.says or figure.unit}"
            working = f"Table 1 prints {table.printed} {table.unit}"
            ledger = "F-40" if figure.corpus == "demos" else "F-39"
            yield doubting(figure.place, claim, (working,), DOES_NOT, ledger, table, figure)
    for corpus in ("demos", "iemocap", "sleep"):
        women, men = (FIGURES[f"corpora.{corpus}_{who}"] for who in ("females", "males"))
        table = FIGURES[f"table1.{corpus}.speakers"]
        total = women.value + men.value
        claim = f"{NAMES[corpus]}: {women.printed} female and {men.printed} male speakers"
        working = f"{women.printed} + {men.printed} = {total:.0f}; Table 1 prints {table.printed}"
        outcome = HOLDS if total == table.value else DOES_NOT
        yield doubting(women.place, claim, (working,), outcome, "F-40", table)


def _durations() -> Iterator[Finding]:
    """Total duration against files times mean, allowing for the rounding of all of them."""
    for corpus in NAMES:
        count, minutes, mean = (FIGURES[f"table1.{corpus}.{name}"] for name in ("files", "minutes", "mean_s"))
        implied = 60 * minutes.value / count.value
        slack = 60 * 0.05 / count.value + 0.005
        off = implied - mean.value
        outcome = HOLDS if abs(off) <= slack else DOES_NOT
        lines = [f"{minutes.printed} min x 60 / {count.printed} files = {implied:.2f} s ({written(off, '+.2f')} s)"]
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
        claim = f"{NAMES[corpus]}: {minutes.printed} min, {mean.printed} s on average"
        yield doubting("Table 1", claim, tuple(lines), outcome, "F-41", *doubted)


CHECKS = (
    _gains, _fusion, _augmentation_helps, _beats_deep_spectrum, _chosen_on_dev, _recalls, _chance, _costs, _counts,
    _durations,
)  # fmt: skip
"""Each yields its findings, in the order of the page."""
