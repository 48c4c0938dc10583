"""Dev examples that the training data holds too: metrics on these say little about other texts."""

from collections import Counter
from collections.abc import Iterator

from edgebert.export.train.batches import token_columns
from edgebert.export.train.store import Store
from edgebert.export.train.watch import Watcher


def count_repeated(dev: Store | None, train: Store, watcher: Watcher) -> int:
    """Count the dev examples whose tokens are those of a training example, and tell the watcher of some.

    Memory is that of the dev data; the training data is read once.
    """
    if dev is None:
        return 0
    known = Counter(_tokens(dev))
    found = {tokens for tokens in _tokens(train) if tokens in known}
    repeated = sum(known[tokens] for tokens in found)
    if repeated:
        watcher.stage(f"{repeated} of the {len(dev)} dev examples are in the training data too")
    return repeated


def _tokens(store: Store) -> Iterator[tuple[bytes, ...]]:
    columns = token_columns(store)
    for at in range(len(store)):
        yield tuple(store.get(name, at).tobytes() for name in columns)
