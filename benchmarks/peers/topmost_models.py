"""ProdLDA, ETM and ECRTM as TopMost has them, with its own trainer: batch of 200, Adam at 0.002.

pip install topmost, then python benchmarks/peers/topmost_models.py study.toml --model ecrtm --epochs 60
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import topmost
import torch
from cells import arguments, top_words, unfinished, write
from torch.utils.data import DataLoader

from topicforge.corpus import Corpus

MODELS = {"prodlda": topmost.ProdLDA, "etm": topmost.ETM, "ecrtm": topmost.ECRTM}


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument(
        "--vectors", help=".npy of word vectors in vocabulary order, {corpus} stands for its name"
    )


def _dense(corpus: Corpus) -> torch.Tensor:
    return torch.from_numpy(corpus.counts.to_scipy().toarray().astype(np.float32))


def main() -> None:
    """Run every unfinished cell."""
    given = arguments("", __doc__ or "", _options)
    peer = given.peer or given.model
    torch.set_num_threads(given.threads)
    for cell, train, test in unfinished(given.study, peer):
        torch.manual_seed(cell.seed)
        options: dict[str, Any] = {}
        if given.vectors and given.model != "prodlda":
            path = Path(given.vectors.format(corpus=cell.corpus))
            options["pretrained_WE"] = np.load(path, allow_pickle=False)
        counts = _dense(train)
        dataset = SimpleNamespace(
            train_data=counts,
            train_dataloader=DataLoader(counts, batch_size=200, shuffle=True),
            vocab=list(train.vocabulary or ()),
        )
        began = time.perf_counter()
        model = MODELS[given.model](train.vocab_size, num_topics=cell.n_topics, **options)
        trainer = topmost.BasicTrainer(model, dataset, epochs=given.epochs, batch_size=200)
        trainer.train()
        fitted = time.perf_counter()
        theta = trainer.test(_dense(test))
        ended = time.perf_counter()
        topics = top_words(trainer.get_beta(), dataset.vocab)
        seconds = {"fit": fitted - began, "transform": ended - fitted}
        settings = {"model": given.model, "epochs": given.epochs, "vectors": given.vectors}
        write(cell, topics, theta, seconds, settings, ["topmost", "torch"])


if __name__ == "__main__":
    main()
