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
    inside: Counter[Hashable] = Counter()
    for hit, cluster in zip(hits, clusters, strict=True):
        inside[cluster] += hit
    return rate_of_clusters([(inside[cluster], size) for cluster, size in Counter(clusters).items()])


def rate_of_clusters(counts: Sequence[tuple[int, int]]) -> Figure:
    """Return the share of hits from each cluster's hits and size."""
    n = sum(size for _, size in counts)
    if not n:
        return no_data()
    share = sum(hits for hits, _ in counts) / n
    independent = effective_number(counts)
    low, high = wilson(share * independent, independent)
    return Figure(share, n, min(low, share), max(high, share))


def effective_number(counts: Sequence[tuple[int, int]]) -> float:
    """Return of how many independent answers clusters of (hits, size) are worth: at least 1, at most all of them."""
    n, m = sum(size for _, size in counts), len(counts)
    share = sum(hits for hits, _ in counts) / n
    if m == n:
        return n
    if m == 1 or share in (0, 1):
        return m
    squares = sum((hits - share * size) ** 2 for hits, size in counts)
    between = m / (m - 1) * squares / n**2
    return max(1.0, min(float(n), share * (1 - share) / between)) if between else float(n)
