"""How many topics: several K with several seeds each, and which K to take for what reason.

The runs are cells of :mod:`topicforge.experiments.compare`: one composition, one corpus.

    choose-k.json            of which documents
    documents/               two corpus folders: to train on, and held out
    runs/                    what each run found; one that is done is not run again
    table.json  table.csv    one row per K
    choice.json              the table, the K to take and the reason
    scores.png               the measures against K, where matplotlib is installed
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import scipy.sparse as sp

from topicforge.errors import InputError, MissingExtraError, OptionError, TrainingError
from topicforge.experiments.compare import Cell, Store, StudyPlan, run
from topicforge.experiments.compare.store import Record
from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.results import Table
from topicforge.storage import check_claim, claim_folder, write_file, write_json

METRICS = ("npmi", "td", "perplexity")
_NAME, _MARK, _WHAT = "model", "choose-k.json", "a choice of the number of topics"
_PICTURES = ("coherence", "diversity", "log_likelihood", "stability")


@dataclass(frozen=True)
class KRow:
    """What several seeds gave with one number of topics; means over the seeds.

    Args:
        n_topics: K.
        seeds: number of runs that ended.
        coherence: NPMI of ten words per topic in the documents to train on.
        diversity: share of distinct words among 25 per topic.
        quality: coherence times diversity; where the coherence is not above 0, the coherence.
        quality_error: standard error of the quality over seeds; ``None`` for one seed.
        log_likelihood: mean log-likelihood of a held-out word in nats, by document completion.
        stability: how much topics of two seeds are alike: topics are matched one to one so that the
            sum of the cosines of their 25 top words' probabilities is largest, and this is the mean cosine
            of the pairs, over pairs of seeds; ``None`` for one seed.
        active: topics that are the largest of at least one held-out document.
    """

    n_topics: int
    seeds: int
    coherence: float
    diversity: float
    quality: float
    quality_error: float | None
    log_likelihood: float
    stability: float | None
    active: float


@dataclass(frozen=True)
class Choice:
    """The number of topics to take.

    Args:
        n_topics: K.
        reason: why, in a sentence or two.
        table: one row per K, rising.
        failed: run -> why it failed.
    """

    n_topics: int
    reason: str
    table: Table[KRow]
    failed: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "n_topics": self.n_topics,
            "reason": self.reason,
            "table": self.table.to_dicts(),
            "failed": dict(self.failed),
        }


def choose_k(
    corpus: Path,
    n_topics: Sequence[int],
    output: Path,
    *,
    seeds: int = 3,
    settings: Mapping[str, Any] | None = None,
    held_out: float = 0.1,
    jobs: int | None = None,
    on_done: Callable[[Cell, Record], None] | None = None,
) -> Choice:
    """Train with each number of topics and seed, and say which number to take.

    Of the K whose quality is at most one standard error below the best, the most stable one is taken, or
    with one seed the best. The held-out likelihood is shown but decides nothing, since topics that
    readers find worse often have a higher one (Chang et al. 2009).

    Args:
        corpus: folder, with a vocabulary.
        n_topics: numbers of topics to try.
        output: folder; the same call again goes on where it stopped.
        seeds: runs per number, with the seeds 0, 1, 2, ...
        settings: TopicModel's other parameters.
        held_out: share of the documents that are held out.
        jobs: processes at a time; ``None`` for one per core.
        on_done: called with each run as it ends.

    Raises:
        InputError: no corpus folder, no vocabulary, or too few documents.
        OptionError: numbers outside their domain, or a folder for other documents.
        OutputError: the folder holds something else.
        TrainingError: every run of every K failed.

    Source: coherence times diversity as quality: Dieng, Ruiz and Blei 2020, section 6; the rule of one
    standard error: Breiman et al. 1984, section 3.4.3.
    """
    wanted = sorted(set(n_topics))
    if not wanted or wanted[0] < 1:
        raise OptionError(f"choose-k: numbers of topics must be at least 1, got {list(n_topics)}")
    if seeds < 1 or not 0 < held_out < 1:
        raise OptionError(
            f"choose-k: seeds must be at least 1 and held_out between 0 and 1, got {seeds} and {held_out}"
        )
    check_claim(output, _MARK, _WHAT)
    pair = CorpusPair.find(corpus, None)
    if not pair.has_words:
        raise InputError(
            f"choose-k: {corpus} must have a vocabulary, since topics are scored as words; build it again "
            "with --vocab"
        )
    work = {"documents": pair.checksum, "held_out": held_out}
    with claim_folder(output, _MARK, work, _WHAT) as begun:
        if begun != work:
            raise OptionError(
                f"choose-k: {output} was begun with other documents or another share held out; choose "
                "another folder"
            )
        folders = [output / "documents" / part for part in ("train", "held-out")]
        if not all(folder.is_dir() for folder in folders):
            for part, folder in zip(pair.split(held_out, 0), folders, strict=True):
                part.save(folder)
        plan = StudyPlan(
            {corpus.name: CorpusPair.find(*folders)}, {_NAME: dict(settings or {})}, {},
            tuple(wanted), tuple(range(seeds)), METRICS,
        )  # fmt: skip
        cells, store = plan.cells(), Store(output / "runs")
        run(cells, store, jobs=jobs, retry_failed=True, on_done=on_done)
        choice = choose(store.records(cells))
        choice.table.write(output / "table.json")
        choice.table.write(output / "table.csv")
        write_json(output / "choice.json", choice.to_dict())
        _draw(choice.table, output / "scores.png")
    return choice


def choose(records: Sequence[Record]) -> Choice:
    """Return the choice that the records of runs lead to.

    Raises:
        TrainingError: none of them is done.
    """
    done = [record for record in records if record["status"] == "done"]
    failed = {
        f"K = {record['n_topics']}, seed {record['seed']}": record["error"].strip().splitlines()[-1]
        for record in records
        if record["status"] != "done"
    }
    if not done:
        raise TrainingError(
            f"choose-k: no run ended: {next(iter(failed.values()), 'there was none')}"
        )
    rows = [
        _row([record for record in done if record["n_topics"] == k])
        for k in sorted({record["n_topics"] for record in done})
    ]
    best = max(rows, key=lambda row: row.quality)
    near = [row for row in rows if row.quality >= best.quality - (best.quality_error or 0)]
    chosen = max(near, key=lambda row: (row.stability or 0, row.quality))
    reason = f"Coherence times diversity is {chosen.quality:.3f} with K = {chosen.n_topics}"
    if chosen is best:
        reason += ", the highest"
    else:
        reason += (
            f", within one standard error ({best.quality_error:.3f}) of the highest, {best.quality:.3f} "
            f"with K = {best.n_topics}"
        )
    others = [row for row in near if row is not chosen and row.stability is not None]
    if others:
        other = max(others, key=lambda row: row.stability or 0)
        reason += (
            f". Of the K that are that good its topics agree most between seeds: {chosen.stability:.2f}, "
            f"against {other.stability:.2f} with K = {other.n_topics}"
        )
    if len(rows) > 1 and chosen in (rows[0], rows[-1]):
        side = "fewer" if chosen is rows[0] else "more"
        reason += f". It is at the edge of what was tried: {side} topics may be better still"
    return Choice(chosen.n_topics, f"{reason}.", Table(KRow, rows), failed)


def stability(
    topics: Sequence[tuple[Sequence[Sequence[str]], Sequence[Sequence[float]]]],
) -> float | None:
    """Return how much the topics of several runs are alike, see :class:`KRow`; ``None`` for one run.

    Args:
        topics: per run, K lists of words and the words' probabilities.
    """
    from scipy.optimize import linear_sum_assignment

    if len(topics) < 2:
        return None
    column: dict[str, int] = {}
    for words, _ in topics:
        for topic in words:
            for word in topic:
                column.setdefault(word, len(column))
    vectors = []
    for words, weights in topics:
        row = np.repeat(np.arange(len(words)), [len(topic) for topic in words])
        col = [column[word] for topic in words for word in topic]
        values = np.array([weight for topic in weights for weight in topic], dtype=np.float64)
        norm = np.sqrt(np.bincount(row, values**2, minlength=len(words)))[row]
        values = values / np.where(norm > 0, norm, 1)
        vectors.append(sp.csr_array((values, (row, col)), shape=(len(words), len(column))))
    means = []
    for one, other in combinations(vectors, 2):
        cosine = (one @ other.T).toarray()
        means.append(float(cosine[linear_sum_assignment(-cosine)].mean()))
    return fmean(means)


def _row(records: Sequence[Record]) -> KRow:
    coherence = [record["scores"]["npmi"] for record in records]
    diversity = [record["scores"]["td"] for record in records]
    quality = [c * d if c > 0 else c for c, d in zip(coherence, diversity, strict=True)]
    perplexity = [record["scores"]["perplexity"] for record in records]
    n = len(records)
    return KRow(
        n_topics=records[0]["n_topics"],
        seeds=n,
        coherence=fmean(coherence),
        diversity=fmean(diversity),
        quality=fmean(quality),
        quality_error=stdev(quality) / math.sqrt(n) if n > 1 else None,
        log_likelihood=-fmean(map(math.log, perplexity)),
        stability=stability([(record["topics"], record["weights"]) for record in records]),
        active=fmean(record["active_topics"] for record in records),
    )


def _draw(table: Table[KRow], path: Path) -> None:
    """Draw each measure against K in one picture, where matplotlib is installed."""
    from topicforge.plot.axes import new_figure, scores

    shown = [name for name in _PICTURES if None not in table.column(name)]
    try:
        figure = new_figure(4.0 * len(shown), 3.2)
    except MissingExtraError as error:
        warnings.warn(f"choose-k: {path.name} is left out: {error}", UserWarning, stacklevel=2)
        return
    for ax, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        scores(table.column("n_topics"), table.column(name), name=name.replace("_", " "), ax=ax)
    with write_file(path) as file:
        figure.savefig(file, format="png", dpi=150)
