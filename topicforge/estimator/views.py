"""The ways in which a model is looked at: the report, and its display in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from topicforge.contracts import EpochReport
from topicforge.corpus import Corpus
from topicforge.errors import InputError, MixError, OptionError, UnknownNameError
from topicforge.estimator.tables import ModelTables
from topicforge.estimator.watching import terms_as_html
from topicforge.storage import write_file

#: rows of the table in a notebook
_SHOWN = 50


class ModelViews(ModelTables):
    """What a model shows of itself as HTML."""

    history_: list[EpochReport]

    def explanation(self) -> dict[str, Any]:
        """What the parameters amount to."""
        raise NotImplementedError

    def report(
        self,
        X: Any,
        output: str | Path,
        *,
        texts: Sequence[str] | None = None,
        labels: Sequence[Any] | None = None,
        times: Sequence[Any] | None = None,
        features: Any = None,
        title: str | None = None,
        language: str = "en",
        documents: int = 2000,
    ) -> Path:
        """Write one HTML file with everything about the model, which opens without a network.

        Needs the extra ``plot``. The file holds Plotly (about 5 MB) and the texts of at most ``documents``
        documents, 600 characters of each.

        Args:
            X: N documents, as in :meth:`transform`.
            output: the file; one that is there is replaced.
            texts: N texts; ``None``: X itself where it holds texts, else documents are shown by their
                most frequent words.
            labels: N labels, ``None`` for a document without one; ``None``: those of X, where it is a
                :class:`~topicforge.corpus.Corpus` with labels.
            times: N numbers or dates, as in :meth:`topics_over_time`.
            features: (N, F), where the fit had them.
            title: the heading; ``None``: the name of the corpus.
            language: of headings and labels: ``en`` or ``zh``.
            documents: how many documents the file holds at most: those that stand for each topic, then
                evenly spaced ones. Figures and tables are of all N.

        Returns:
            The file's path.

        Raises:
            InputError: texts, labels or times of another number than N; X is not usable.
            OptionError: an unknown language, or no document.
            MissingExtraError: without Plotly.
        """
        from topicforge import report

        report.check(language, documents)
        read, theta = self._read_theta(X, features)
        name = X.name if isinstance(X, Corpus) else "documents"
        if labels is None and isinstance(X, Corpus):
            labels = X.labels
        beside = {"texts": read.texts if texts is None else texts, "labels": labels, "times": times}
        for what, given in beside.items():
            if given is not None and len(given) != len(theta):
                raise InputError(
                    f"TopicModel.report: {what} must be one for each of the {len(theta):,} documents, got "
                    f"{len(given):,}"
                )
        listed = {what: None if given is None else list(given) for what, given in beside.items()}
        described = X.description if isinstance(X, Corpus) else {}
        about = report.Documents(
            read.documents.counts, theta, name=name, description=described, **listed
        )
        data = report.collect(
            self, self._topics(), about, title=title or name, n_documents=documents
        )
        output = Path(output)
        with write_file(output) as file:
            file.write(report.page(data, language))
        return output

    def _repr_html_(self) -> str:
        """Composition and topics as HTML; everything that comes from a corpus is escaped."""
        try:
            told = self.explanation()
        except (OptionError, UnknownNameError, MixError) as error:
            return f"<p>{escape(type(self).__name__)}: {escape(str(error))}</p>"
        parts = " × ".join(
            f"<b title={escape(kind)!r}>{escape(told[kind]['name'])}</b>"
            for kind in ("encoder", "link", "prior", "divergence", "decoder")
        )
        if not hasattr(self, "network_"):
            return f"<p>{escape(type(self).__name__)}, not fitted: {parts}</p>"
        topics = self._topics()
        share, shown = topics.share, topics.shown
        rows = "".join(
            f"<tr><td>{k}</td><td>{'' if share is None else f'{share[k]:.1%}'}</td>"
            f"<td>{escape(name)}</td>"
            f"<td style='text-align:left'>{escape(' '.join(words))}</td></tr>"
            for k, name, words in zip(
                range(len(topics)), topics.names(), topics.words(10), strict=True
            )
            if k in shown[:_SHOWN]
        )
        more = f"<p>and {len(shown) - _SHOWN:,} more</p>" if len(shown) > _SHOWN else ""
        return (
            f"<p>{escape(type(self).__name__)}: {parts}; K = {len(topics):,}, "
            f"V = {topics.topic_word.shape[1]:,}</p>"
            f"{terms_as_html(self.history_[-1]) if self.history_ else ''}"
            "<table><thead><tr><th>topic</th><th>share</th><th>label</th><th>words</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>{more}"
        )

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        """What notebooks ask for first; scikit-learn's would be its diagram of parameters."""
        del options
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
