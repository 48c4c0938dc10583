"""Which of several models nobody should pass over."""

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Say of each point (cost, worth) whether no other point costs no more and is worth no less, one of them truly.

    Points that are equal are on the front together.
    """
    on_front = [False] * len(points)
    best = float("-inf")  # worth of all points that cost less
    order = sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1]))
    for place, at in enumerate(order):
        cost, worth = points[at]
        twin = place > 0 and points[order[place - 1]] == (cost, worth)
        on_front[at] = on_front[order[place - 1]] if twin else worth > best
        best = max(best, worth)
    return on_front
