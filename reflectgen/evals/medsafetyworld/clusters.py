"""Shares with intervals for answers that come in clusters: several wordings of one question, several runs of one world.

The interval is Wilson's for the number of independent answers that would leave as much to chance (Korn and Graubard
1998): n over the design effect, which compares the variance between clusters (Cochran, Sampling Techniques, 9.6) with
that of as many independent answers. Where all answers are alike there is no variance to compare, and the number of
clusters stands for n, which is on the safe side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from reflectgen.evals.compare.figure import Figure, no_data, wilson


def clustered_rate(hits: Sequence[bool], clusters: Sequence[Hashable]) -> Figure:
    """Return the share of hits; `clusters` says, hit by hit, what belongs together. `n` counts answers."""
    n = len(hits)
    if not n:
        return no_data()
    share = sum(hits) / n
    independent = effective_number(hits, clusters)
    low, high = wilson(share * independent, independent)
    return Figure(share, n, min(low, share), max(high, share))


def effective_number(hits: Sequence[bool], clusters: Sequence[Hashable]) -> float:
    """Return of how many independent answers the clustered ones are worth: at least 1, at most all of them."""
    n = len(hits)
    sizes = Counter(clusters)
    share = sum(hits) / n
    if len(sizes) == n:
        return n
    if len(sizes) == 1 or share in (0, 1):
        return len(sizes)
    inside: Counter[Hashable] = Counter()
    for hit, cluster in zip(hits, clusters, strict=True):
        inside[cluster] += hit
    m = len(sizes)
    squares = sum((inside[cluster] - share * size) ** 2 for cluster, size in sizes.items())
    between = m / (m - 1) * squares / n**2
    return max(1.0, min(float(n), share * (1 - share) / between)) if between else float(n)
