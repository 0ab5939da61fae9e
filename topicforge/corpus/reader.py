"""What a reader and a named corpus are; plugins register their own beside the built-in ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from topicforge.errors import OptionError, did_you_mean

#: a text, or its words in order, and its label: ``None`` (NaN, an empty string) if it has none
Document = tuple[Any, Any]


@dataclass(frozen=True)
class Reading:
    """How a source is read. A reader gets one of these, with what the user gave and defaults.

    Args:
        format: name of a reader, or a :class:`ReaderSpec`; ``None``: by the file's name.
        encoding: of text files, a Python codec.
        text_column: of a table: its name, or its number from "0" on where no row names the columns;
            ``None``: ``text``, or the only column.
        label_column: likewise; ``None``: no labels.
        delimiter: one character between the columns of a CSV file; ``None``: found in its first rows.
        header: whether the first row of a CSV file names the columns; ``None``: found there, too.
        quoting: ``minimal``: a field may stand in double quotes; ``none``: a double quote is a
            character as any other; ``None``: minimal, and an error where the two readings differ.
        first_index: number of the first word in an svmlight file, 0 or 1; ``None``: as its comment
            says, else 1 unless a word 0 occurs.
        model_first_index: the same of a model's corpus, where the comment says nothing; filled in.
        vocab_size: V where the words are known already; filled in.
        side_vocabulary: whether a vocabulary is read that lies beside the counts; filled in.

    Raises:
        OptionError: a value outside its domain.
    """

    format: str | ReaderSpec | None = None
    encoding: str = "utf-8"
    text_column: str | None = None
    label_column: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    quoting: Literal["minimal", "none"] | None = None
    first_index: int | None = None
    model_first_index: int | None = None
    vocab_size: int | None = None
    side_vocabulary: bool = True

    def __post_init__(self) -> None:
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise OptionError(f"delimiter must be one character, got {self.delimiter!r}")
        if self.quoting not in (None, "minimal", "none"):
            raise OptionError(f"quoting must be 'minimal', 'none' or None, got {self.quoting!r}")
        for name in ("first_index", "model_first_index"):
            if getattr(self, name) not in (None, 0, 1):
                raise OptionError(f"{name} must be 0, 1 or None, got {getattr(self, name)!r}")

    def check(self, spec: ReaderSpec, where: object) -> None:
        """Refuse options that the reader does not have.

        Raises:
            OptionError: naming them.
        """
        always = {"format", "vocab_size", "side_vocabulary", "model_first_index", *spec.options}
        wrong = [
            f.name
            for f in fields(self)
            if f.name not in always and getattr(self, f.name) != f.default
        ]
        # the encoding also holds for the files of words and labels beside counts
        wrong = [name for name in wrong if name != "encoding"]
        if wrong:
            raise OptionError(
                f"{where}: {', '.join(wrong)} can't be given for format {spec.name!r}, which takes "
                f"{', '.join(sorted(spec.options)) or 'none of the reading options'}"
            )


@dataclass(frozen=True)
class CountTable:
    """What a reader of counts returns.

    Args:
        matrix: (N, V) counts, scipy sparse or dense.
        labels: N labels, or ``None``.
        vocabulary: V words, or ``None`` where the format names none.
        note: what was decided while reading, for the corpus's description.
        first_index: number of the first word, where the format numbers words and need not say from where.
    """

    matrix: Any
    labels: Iterable[Any] | None = None
    vocabulary: Iterable[str] | None = None
    note: str = ""
    first_index: int | None = None


@dataclass(frozen=True)
class ReaderSpec:
    """One format of files as registered.

    Args:
        name: what ``--format`` takes, in lower case.
        read: ``read(path, reading)`` with a :class:`pathlib.Path` and a :class:`Reading`. A reader of
            texts yields a :data:`Document` each; a reader of counts returns a :class:`CountTable`.
        summary: one line.
        files: patterns of file names in lower case, ``*.csv``; of two that fit the longer holds.
            Endings of compressed files are taken off before.
        gives: ``texts`` or ``counts``.
        options: fields of :class:`Reading` that it understands.
        in_parts: whether several files one after the other are one corpus.
        compressed: whether ``.gz`` and ``.zst`` behind the name can be read:
            :func:`~topicforge.corpus.lines.open_bytes` and ``read_lines`` unpack them.
        distribution: the installed distribution that brought it, filled in by the registry.
        version: that distribution's version, filled in by the registry.
    """

    name: str
    read: Callable[[Path, Reading], Any]
    _: KW_ONLY
    summary: str
    files: tuple[str, ...] = ()
    gives: Literal["texts", "counts"] = "texts"
    options: tuple[str, ...] = ()
    in_parts: bool = True
    compressed: bool = True
    distribution: str = ""
    version: str = ""

    @property
    def kind(self) -> Literal["reader"]:
        """``reader``, as a component says its kind."""
        return "reader"

    @property
    def qualified_name(self) -> str:
        """``distribution:name``, which no other package can take."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name


@dataclass(frozen=True)
class CorpusSpec:
    """A corpus that has a name instead of a file, as registered.

    Args:
        name: what ``topicforge corpus build`` takes.
        read: ``read()`` yields a :data:`Document` each, or returns a :class:`CountTable`.
        summary: one line.
        gives: ``texts`` or ``counts``.
        defaults: returns arguments of :func:`~topicforge.corpus.build_corpus` that suit it, of
            ``vectorizer``, ``pruning`` and ``drop_empty``; what a user gives goes first.
        distribution: the installed distribution that brought it, filled in by the registry.
        version: that distribution's version, filled in by the registry.
    """

    name: str
    read: Callable[[], Any]
    _: KW_ONLY
    summary: str
    gives: Literal["texts", "counts"] = "texts"
    defaults: Callable[[], Mapping[str, Any]] = dict
    distribution: str = ""
    version: str = ""

    @property
    def kind(self) -> Literal["corpus"]:
        """``corpus``, as a component says its kind."""
        return "corpus"

    @property
    def qualified_name(self) -> str:
        """``distribution:name``, which no other package can take."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name


def group(kind: type[Any], given: Any, where: str) -> Any:
    """Return settings of one kind from an instance, a mapping of some of its fields, or ``None``.

    Raises:
        OptionError: a field that there is not, or a value outside its domain.
    """
    if isinstance(given, kind):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise OptionError(
            f"{where} must be a mapping or a {kind.__name__}, got a {type(given).__name__}"
        )
    known = [f.name for f in fields(kind)]
    for name in given or {}:
        if name not in known:
            raise OptionError(
                f"{where} has no {name!r}, it takes {', '.join(known)}.{did_you_mean(name, known)}"
            )
    return kind(**(given or {}))


__all__ = ["CorpusSpec", "CountTable", "Document", "ReaderSpec", "Reading", "group"]
