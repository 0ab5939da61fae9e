"""What a search leaves behind: tables of its trials, and the best settings for the other commands."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from topicforge.experiments.search.plan import SearchPlan
from topicforge.experiments.search.records import Found, Tried
from topicforge.experiments.search.toml import value, write_settings
from topicforge.storage import write_file

_SEEDS = [0, 1, 2]


def write_report(folder: str | Path, plan: SearchPlan, found: Found) -> list[Path]:
    """Write everything into the search's folder and return the files.

    ``trials.json`` and ``trials.csv``: one row per trial. ``best.toml``: settings for ``topicforge train
    --config``. ``compare.toml``: a study of the best settings beside those without a search, over
    several seeds, for ``topicforge compare``; where the corpora have a vocabulary.

    Args:
        folder: the search's.
        plan: the search.
        found: its trials.

    Raises:
        StorageError: the folder can't be written.
    """
    folder = Path(folder)
    rows = [_row(trial) for trial in found.trials]
    names = list(plan.space)
    written = [
        _write(folder / "trials.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n"),
        _write(folder / "trials.csv", _csv(rows, names)),
    ]
    best = found.best
    if best is None:
        return written
    told = f"# trial {best.number}: {found.objective} {best.value} on held-out documents\n"
    settings = write_settings({**best.settings, "seed": plan.seed})
    written.append(_write(folder / "best.toml", told + settings))
    if all(documents.has_words for documents in plan.corpora.values()):
        written.append(_write(folder / "compare.toml", told + _study(plan, best)))
    return written


def _row(trial: Tried) -> dict[str, Any]:
    return {
        "number": trial.number,
        "status": trial.status,
        "value": trial.value,
        "epochs": trial.epochs,
        "planned_epochs": trial.planned,
        "seconds": round(trial.seconds, 3),
        "drawn": dict(trial.drawn),
        "settings": dict(trial.settings),
        "same_as": trial.same_as,
        "error": trial.error,
    }


def _csv(rows: list[dict[str, Any]], names: list[str]) -> str:
    text = io.StringIO()
    plain = ("number", "status", "value", "epochs", "planned_epochs", "seconds")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*plain, *names, "error"])
    for row in rows:
        drawn = [row["drawn"].get(name) for name in names]
        cells = [json.dumps(one) if isinstance(one, (tuple, list)) else one for one in drawn]
        writer.writerow([*(row[name] for name in plain), *cells, row["error"]])
    return text.getvalue()


def _study(plan: SearchPlan, best: Tried) -> str:
    """The best settings beside those without a search, as a study; K is one for all there."""
    n_topics = best.settings.get("n_topics", 50)
    blocks = [f"n_topics = {n_topics}\nseeds = {value(_SEEDS)}\n"]
    for name, documents in plan.corpora.items():
        folders = {"train": documents.train, "held_out": documents.held_out or documents.train}
        lines = (f"{key} = {value(str(path.absolute()))}\n" for key, path in folders.items())
        blocks.append(f"[corpora.{value(name)}]\n{''.join(lines)}")
    found = {name: given for name, given in best.settings.items() if name != "n_topics"}
    fixed = {name: given for name, given in plan.settings.items() if name != "n_topics"}
    blocks.append("[compositions.searched]\n" + write_settings(found))
    try:
        from topicforge.estimator.topic_model import TopicModel

        TopicModel(**fixed).explain()
    except ValueError:
        # options of a part that only the search names mean nothing without it
        return "\n".join(blocks)
    blocks.append("[compositions.start]\n" + write_settings(fixed))
    return "\n".join(blocks)


def _write(path: Path, text: str) -> Path:
    with write_file(path) as file:
        file.write(text.encode())
    return path
