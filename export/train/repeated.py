"""Dev examples that the training data holds too: metrics on these say little about other texts."""

from collections import Counter

from edgebert.export.train.batches import token_columns
from edgebert.export.train.store import Store
from edgebert.export.train.watch import Watcher


def count_repeated(dev: Store | None, train: Store, watcher: Watcher) -> int:
    """Count the dev examples whose tokens are those of a training example, and tell the watcher of some.

    Memory is that of the dev data; the training data is read once.
    """
    if dev is None:
        return 0
    known = Counter(_tokens(dev, at) for at in range(len(dev)))
    found = {tokens for tokens in (_tokens(train, at) for at in range(len(train))) if tokens in known}
    repeated = sum(known[tokens] for tokens in found)
    if repeated:
        watcher.stage(f"{repeated} of the {len(dev)} dev examples are in the training data too")
    return repeated


def _tokens(store: Store, example: int) -> tuple[bytes, ...]:
    return tuple(store.get(name, example).tobytes() for name in token_columns(store))
