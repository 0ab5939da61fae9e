"""ETM beside Dieng et al. 2020: 20 Newsgroups, document completion, coherence, diversity.

    python benchmarks/papers/etm.py CORPUS --seeds 0 1 2
    python benchmarks/papers/etm.py CORPUS --seeds 0 1 2 --plain

CORPUS is the authors' preprocessing: ``train.npz``, ``test.npz``, the halves of the test documents
``test_h1.npz`` and ``test_h2.npz`` (scipy CSR counts), ``vocab.txt``. ``--plain`` trains the paper's
equations in dense PyTorch, without topicforge: the paper shows its 20 Newsgroups results as plots only,
so this is what our model is compared with.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from common import Split, read_split, spread
from torch import Tensor, nn
from torch.nn import functional as F

from topicforge import TopicModel
from topicforge.evaluation import npmi, perplexity, topic_diversity

#: a model after some passes: (passes, theta of counts, (K, V) topics)
State = tuple[int, Callable[[Any], Any], Any]


def ours(split: Split, given: argparse.Namespace, seed: int) -> Iterator[State]:
    """The preset ``etm-paper``; with ``--small-start`` it starts as :class:`Plain` does."""
    model = TopicModel("etm-paper", n_topics=given.topics, seed=seed, epochs=0).fit(split.train)
    if given.small_start:
        torch.manual_seed(seed)
        decoder, trunk = model.network_.decoder, model.network_.encoder.trunk
        inputs = {decoder.rho: 300, decoder.alpha: 300, trunk.weight: len(split.words)}
        for weight, width in {**inputs, trunk.bias: len(split.words)}.items():
            nn.init.uniform_(weight, -(width**-0.5), width**-0.5)
    for done in range(1, given.epochs + 1):
        model.partial_fit(split.train)
        yield done, model.transform, model.topic_word_


class Plain(nn.Module):
    """Dieng et al. 2020, section 4 and 5: x / sum x -> 800 -> 800 -> N(mu, sigma^2) -> theta beta."""

    def __init__(self, vocab_size: int, n_topics: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(vocab_size, 800), nn.ReLU(), nn.Linear(800, 800), nn.ReLU()
        )
        self.mu, self.log_var = nn.Linear(800, n_topics), nn.Linear(800, n_topics)
        self.rho = nn.Linear(300, vocab_size, bias=False)
        self.alpha = nn.Linear(300, n_topics, bias=False)

    def beta(self) -> Tensor:
        """(K, V)."""
        return torch.softmax(self.alpha.weight @ self.rho.weight.T, 1)

    def loss(self, x: Tensor) -> Tensor:
        """The negative bound, mean over documents (B, V)."""
        h = self.body(x / x.sum(1, keepdim=True))
        mu, log_var = self.mu(h), self.log_var(h)
        theta = torch.softmax(mu + torch.randn_like(mu) * (log_var / 2).exp(), 1)
        divergence = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1)
        return (divergence - (x * torch.log(theta @ self.beta() + 1e-6)).sum(1)).mean()

    @torch.no_grad()
    def theta(self, counts: Any) -> Any:
        """(N, K) at the posterior's mean."""
        x = torch.from_numpy(counts.toarray().astype(np.float32))
        return F.softmax(self.mu(self.body(x / x.sum(1, keepdim=True))), 1).double().numpy()


def plain(split: Split, given: argparse.Namespace, seed: int) -> Iterator[State]:
    """The same without topicforge: dense, Adam 5e-3, weight decay 1.2e-6, batch 1,000."""
    torch.manual_seed(seed)
    model = Plain(split.train.shape[1], given.topics)
    adam = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1.2e-6)
    for done in range(1, given.epochs + 1):
        for rows in torch.randperm(split.train.shape[0]).split(1000):
            adam.zero_grad()
            dense = split.train[rows.numpy()].toarray().astype(np.float32)
            model.loss(torch.from_numpy(dense)).backward()
            adam.step()
        with torch.no_grad():
            beta = model.beta().double().numpy()
        yield done, model.theta, beta / beta.sum(1, keepdims=True)


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--every", type=int, default=25, help="passes between two scores")
    parser.add_argument(
        "--small-start", action="store_true", help="start as --plain does: logits near 0"
    )
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    split = read_split(given.corpus)
    halves = tuple(sp.csr_matrix(sp.load_npz(given.corpus / f"test_h{i}.npz")) for i in (1, 2))
    final = []
    for seed in given.seeds:
        for done, transform, beta in (plain if given.plain else ours)(split, given, seed):
            if done % given.every and done != given.epochs:
                continue
            order = np.argsort(-beta, axis=1)[:, :25]
            topics = [[split.words[v] for v in row] for row in order]
            scores = (
                float(perplexity(transform, beta, halves=halves).value),
                float(npmi(topics, split.train, split.words).value),
                float(topic_diversity(topics).value),
            )
            used = len(np.unique(transform(split.test).argmax(1)))
            print(
                f"seed {seed}, pass {done}: perplexity {scores[0]:.0f}, TC {scores[1]:.3f}, "
                f"TD {scores[2]:.3f}, {used} topics in use",
                flush=True,
            )
        final.append(scores)
    ppl, tc, td = zip(*final, strict=True)
    print(f"perplexity {spread(ppl, 0)}, TC {spread(tc, 3)}, TD {spread(td, 3)}")


if __name__ == "__main__":
    main()
