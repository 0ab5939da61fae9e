"""Edits of topics: a list beside the weights that is applied when theta and words are read out.

Each edit is kept in terms of fitted topics, so that it means the same whatever is edited before or after it,
and can be carried over to another fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import ModelFileError, OptionError
from topicforge.evaluation.rankings import Occurrences
from topicforge.results.hierarchy import hierarchy
from topicforge.results.similarity import similarity

KINDS = ("merge", "drop", "hide", "show", "label", "reorder")
#: two fits' topics are the same where their similarity is at least this
SAME = 0.7


@dataclass(frozen=True)
class Edit:
    """One edit.

    Args:
        kind: one of :data:`KINDS`.
        groups: the topics it is about, each as the fitted topics that it consists of. ``merge`` makes
            one topic of each group.
        labels: of ``label``, one per group.
    """

    kind: str
    groups: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = ["+".join(map(str, group)) for group in self.groups]
        if self.labels:
            said = [f"{one} {label!r}" for one, label in zip(said, self.labels, strict=True)]
        return f"{self.kind} {', '.join(said)}"


@dataclass(frozen=True)
class EditedTopic:
    """One topic after the edits.

    Args:
        members: the fitted topics that it consists of, rising.
        label: its own label, or ``None``.
        hidden: whether tables leave it out.
    """

    members: tuple[int, ...]
    label: str | None = None
    hidden: bool = False


def edited_topics(n_topics: int, edits: Sequence[Edit]) -> tuple[EditedTopic, ...]:
    """Return the topics after all edits, in their order; topic k is column k of the edited theta.

    Args:
        n_topics: K of the fit.
        edits: in the order in which they were made.
    """
    topics = [EditedTopic((k,)) for k in range(n_topics)]
    for edit in edits:
        if edit.kind == "merge":
            for group in edit.groups:
                topics = _merged(topics, group)
            continue
        about = [_within(topics, group) for group in edit.groups]
        found = [at for at in about if at is not None]
        if edit.kind == "drop":
            topics = [topic for at, topic in enumerate(topics) if at not in found]
        elif edit.kind == "reorder":
            rest = [at for at in range(len(topics)) if at not in found]
            topics = [topics[at] for at in (*dict.fromkeys(found), *rest)]
        elif edit.kind == "label":
            for at, label in zip(about, edit.labels, strict=True):
                if at is not None:
                    topics[at] = replace(topics[at], label=label)
        else:
            for at in found:
                topics[at] = replace(topics[at], hidden=edit.kind == "hide")
    return tuple(topics)


def edited_theta(topics: Sequence[EditedTopic], theta: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return theta after the edits: sums over merged topics, rows scaled to one without dropped ones.

    A document with nothing but dropped topics has the same share of all that are left.

    Args:
        topics: K' topics.
        theta: (N, K), rows sum to one.

    Returns:
        (N, K') float32, rows sum to one.
    """
    edited = np.stack([theta[:, topic.members].sum(1) for topic in topics], axis=1)
    if sum(len(topic.members) for topic in topics) == theta.shape[1]:
        return edited
    total = edited.sum(1, keepdims=True)
    even = np.float32(1 / len(topics))
    return np.where(total > 0, edited / np.where(total > 0, total, 1), even).astype(np.float32)


def edited_topic_word(
    topics: Sequence[EditedTopic],
    topic_word: NDArray[np.float32],
    share: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Return topics over words after the edits: means over merged topics, weighted by their shares.

    Args:
        topics: K' topics.
        topic_word: (K, V), rows sum to one; or other scores of topics and words.
        share: (K,) mean of theta over documents.

    Returns:
        (K', V) float32.
    """
    rows = []
    for topic in topics:
        members = list(topic.members)
        weight = share[members] if share[members].sum() > 0 else np.ones(len(members))
        # 0 times the score -inf would be no number
        used = [k for k, w in zip(members, weight, strict=True) if w > 0]
        rows.append(np.average(topic_word[used], axis=0, weights=weight[weight > 0]))
    return np.stack(rows).astype(np.float32)


def edited_occurrences(topics: Sequence[EditedTopic], counted: Occurrences) -> Occurrences:
    """Return the sums that rankings read after the edits.

    The documents whose largest topic a merged topic is are those of its members, which leaves out
    documents where only their sum is the largest.
    """

    def summed(array: NDArray[Any]) -> NDArray[Any]:
        return np.stack([array[..., topic.members].sum(-1) for topic in topics], axis=-1)

    return replace(
        counted,
        joint=summed(counted.joint),
        topic=summed(counted.topic),
        largest=summed(counted.largest),
    )


def carried_over(
    edits: Sequence[Edit], old: NDArray[np.floating], new: NDArray[np.floating]
) -> tuple[tuple[Edit, ...], tuple[Edit, ...]]:
    """Return the edits of one fit in terms of another's topics, and those that are lost.

    Topics are matched one to one so that the sum of their similarities is largest
    (``scipy.optimize.linear_sum_assignment``); a pair below 0.7 is no match. An edit is kept for those
    of its topics that have a match, a merge for at least two.

    Args:
        edits: of the old fit.
        old: (K, V) word distributions of the old fit.
        new: (K', V) those of the new one, over the same words.
    """
    from scipy.optimize import linear_sum_assignment

    alike = similarity(np.concatenate([old, new]))[: len(old), len(old) :]
    match = {
        int(a): int(b)
        for a, b in zip(*linear_sum_assignment(-alike), strict=True)
        if alike[a, b] >= SAME
    }
    kept, lost = [], []
    for edit in edits:
        groups = [tuple(sorted(match[k] for k in group if k in match)) for group in edit.groups]
        least = 2 if edit.kind == "merge" else 1
        usable = [len(group) >= least for group in groups]
        if not any(usable):
            lost.append(edit)
            continue
        labels = tuple(x for x, good in zip(edit.labels, usable, strict=False) if good)
        chosen = tuple(group for group, good in zip(groups, usable, strict=True) if good)
        kept.append(Edit(edit.kind, chosen, labels))
    return tuple(kept), tuple(lost)


class Edits(Sequence[Edit]):
    """The edits of a model. Topics are named by their present numbers: columns of theta.

    Args:
        n_topics: K of the fit.
        done: the list that is changed.
        topic_word: gives the (K', V) word distributions after the edits.
    """

    def __init__(
        self, n_topics: int, done: list[Edit], topic_word: Callable[[], NDArray[np.float32]]
    ) -> None:
        self._n_topics, self._done, self._topic_word = n_topics, done, topic_word

    def __getitem__(self, index: Any) -> Any:
        return self._done[index]

    def __len__(self) -> int:
        return len(self._done)

    def __iter__(self) -> Iterator[Edit]:
        return iter(self._done)

    def __repr__(self) -> str:
        return f"Edits({'; '.join(map(str, self._done)) or 'none'})"

    @property
    def topics(self) -> tuple[EditedTopic, ...]:
        """The topics after the edits."""
        return edited_topics(self._n_topics, self._done)

    def merge(self, *topics: int) -> None:
        """Make one topic of several; it has the place and label of the first of them.

        Its theta is the sum of theirs, its words are the mean weighted by their shares.

        Raises:
            OptionError: fewer than two different topics, or no such topic.
        """
        groups = self._groups(topics, "merge", least=2)
        self._done.append(Edit("merge", (tuple(sorted(k for group in groups for k in group)),)))

    def drop(self, *topics: int) -> None:
        """Leave topics out of theta, whose rows are scaled to one again.

        Raises:
            OptionError: no such topic, or none would be left.
        """
        groups = self._groups(topics, "drop")
        if len(groups) == len(self.topics):
            raise OptionError("edits.drop: at least one topic must be left")
        self._done.append(Edit("drop", groups))

    def hide(self, *topics: int) -> None:
        """Leave topics out of tables; theta keeps their columns.

        Raises:
            OptionError: no such topic.
        """
        self._done.append(Edit("hide", self._groups(topics, "hide")))

    def show(self, *topics: int) -> None:
        """Show hidden topics again.

        Raises:
            OptionError: no such topic.
        """
        self._done.append(Edit("show", self._groups(topics, "show")))

    def label(self, labels: Mapping[int, str]) -> None:
        """Give topics labels of their own.

        Args:
            labels: topic -> label, one line of text.

        Raises:
            OptionError: no such topic, or a label that is no line of text.
        """
        for topic, label in labels.items():
            if not isinstance(label, str) or not label.strip() or len(label.splitlines()) != 1:
                raise OptionError(
                    f"edits.label: a label must be one line of text, got {label!r} for topic {topic}"
                )
        groups = self._groups(tuple(labels), "label")
        self._done.append(Edit("label", groups, tuple(label.strip() for label in labels.values())))

    def reorder(self, *topics: int) -> None:
        """Put topics first, in this order; the others follow as they are.

        Raises:
            OptionError: no such topic.
        """
        self._done.append(Edit("reorder", self._groups(topics, "reorder")))

    def reduce(self, n_topics: int) -> None:
        """Merge topics along their hierarchy until ``n_topics`` are left.

        See :func:`topicforge.results.hierarchy`: average linkage over Hellinger distances.

        Raises:
            OptionError: not a number from 1 to the present number of topics.
        """
        topics = self.topics
        if isinstance(n_topics, bool) or not isinstance(n_topics, int | np.integer):
            raise OptionError(f"edits.reduce: n_topics must be a whole number, got {n_topics!r}")
        if not 1 <= n_topics <= len(topics):
            raise OptionError(f"edits.reduce: n_topics must be 1 to {len(topics)}, got {n_topics}")
        clusters: dict[int, tuple[int, ...]] = {k: (k,) for k in range(len(topics))}
        for step in hierarchy(self._topic_word())[: len(topics) - n_topics]:
            del clusters[step.left], clusters[step.right]
            clusters[step.cluster] = step.topics
        groups = tuple(
            tuple(sorted(k for at in cluster for k in topics[at].members))
            for cluster in clusters.values()
            if len(cluster) > 1
        )
        if groups:
            self._done.append(Edit("merge", groups))

    def undo(self) -> Edit:
        """Take the last edit back and return it.

        Raises:
            OptionError: there is none.
        """
        if not self._done:
            raise OptionError("edits.undo: there must be an edit to take back, but there is none")
        return self._done.pop()

    def _groups(
        self, topics: Sequence[int], what: str, least: int = 1
    ) -> tuple[tuple[int, ...], ...]:
        if not topics:
            raise OptionError(f"edits.{what}: at least one topic must be given")
        now = self.topics
        for topic in topics:
            if isinstance(topic, bool) or not isinstance(topic, int | np.integer):
                raise OptionError(f"edits.{what}: a topic must be a whole number, got {topic!r}")
            if not 0 <= topic < len(now):
                raise OptionError(
                    f"edits.{what}: topics are numbered 0 to {len(now) - 1}, got {topic}"
                )
        if len(set(topics)) < max(least, len(topics)):
            need = f"at least {least} different topics" if least > 1 else "each topic once"
            raise OptionError(f"edits.{what}: must be given {need}, got {list(topics)}")
        return tuple(now[topic].members for topic in topics)


def to_json(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Return what :func:`from_json` takes."""
    return [asdict(edit) for edit in edits]


def from_json(records: Any, n_topics: int, where: str) -> list[Edit]:
    """Return the edits of a file.

    Raises:
        ModelFileError: something that :func:`to_json` does not write, or topics that there are not.
    """
    try:
        edits = [
            Edit(
                record["kind"],
                tuple(tuple(int(k) for k in group) for group in record["groups"]),
                tuple(str(label) for label in record["labels"]),
            )
            for record in records
        ]
        for edit in edits:
            members = [k for group in edit.groups for k in group]
            labelled = len(edit.groups) if edit.kind == "label" else 0
            if edit.kind not in KINDS or len(edit.labels) != labelled:
                raise ValueError(f"{edit.kind!r} with {len(edit.labels)} labels")
            if not all(0 <= k < n_topics for k in members):
                raise ValueError(f"a topic outside 0 to {n_topics - 1}")
        if not edited_topics(n_topics, edits):
            raise ValueError("no topic is left")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{where}: is no list of edits of {n_topics} topics: {error}"
        ) from error
    return edits


def _within(topics: Sequence[EditedTopic], group: tuple[int, ...]) -> int | None:
    """The first topic that has one of a group's members."""
    return next((at for at, topic in enumerate(topics) if set(topic.members) & set(group)), None)


def _merged(topics: list[EditedTopic], group: tuple[int, ...]) -> list[EditedTopic]:
    parts = [topic for topic in topics if set(topic.members) & set(group)]
    if len(parts) < 2:
        return topics
    one = EditedTopic(
        tuple(sorted(k for part in parts for k in part.members)),
        next((part.label for part in parts if part.label is not None), None),
        all(part.hidden for part in parts),
    )
    return [
        one if topic is parts[0] else topic
        for topic in topics
        if topic is parts[0] or topic not in parts
    ]
