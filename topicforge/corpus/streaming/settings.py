"""How a corpus is built in pieces."""

from __future__ import annotations

from dataclasses import dataclass

from topicforge.errors import OptionError


@dataclass(frozen=True)
class Shards:
    """How a corpus is built in pieces.

    Texts are read as a stream into a folder of shards: memory does not grow with the number of
    documents, the files are the same whatever the number of workers, and a build that was stopped
    goes on when it is started again. Counts and vocabulary are those of a build in memory.

    Args:
        documents: per shard, fewer where their texts reach 2^26 characters. One shard and a few more
            per worker are in memory at a time.
        workers: processes that count words; 1: this one alone. They are fresh processes: a script that
            uses them must hold its own work behind ``if __name__ == "__main__":``.
        hash_buckets: N columns instead of one for each word: column = abs(h(w)) mod N, h the signed
            32-bit MurmurHash3 of the word's UTF-8 (scikit-learn's ``HashingVectorizer``). No list of
            words is made. Words that meet in a column are counted as one word: of V words each shares
            its column with (V - 1) / N others on average, so N should be several times V.
        hash_names: name each column after its most frequent word, which costs a pass over all words.

    Raises:
        OptionError: a number below one, or names without buckets.
    """

    documents: int = 50_000
    workers: int = 1
    hash_buckets: int | None = None
    hash_names: bool = False

    def __post_init__(self) -> None:
        for name in ("documents", "workers", "hash_buckets"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
            if not whole and (name, value) != ("hash_buckets", None):
                raise OptionError(
                    f"shards: {name} must be a whole number in [1, 2^31 - 1], got {value!r}"
                )
        if self.hash_names and self.hash_buckets is None:
            raise OptionError("shards: hash_names names the buckets of hash_buckets; give both")
