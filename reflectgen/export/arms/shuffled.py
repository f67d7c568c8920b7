"""`srp-shuffled`: every reflection of a shard once, each at a chunk that chance chose for it.

The control that shows whether it matters that a reflection is true of the text before it: number, length, words and
distribution are those of `srp`, only the places are wrong. As most chunks of a corpus are safe, many verdicts are
right all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reflectgen.errors import VerificationError
from reflectgen.export.arms.arm import ArmShard, WriteShard, Written, chance
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.weave import weave
from reflectgen.reflection.form import FormOptions


def srp_shuffled(form: FormOptions, options: ArmOptions) -> WriteShard:
    def write_shard(shard: ArmShard) -> Iterator[Written]:
        given = [one for _, reflections in shard.documents for one in reflections]
        chance("srp-shuffled", options.seed, shard.number).shuffle(given)
        following = iter(given)
        for document, reflections in shard.documents:
            moved = [replace(next(following), index=one.index, start=one.start, end=one.end) for one in reflections]
            yield Written(document, moved, weave(document, moved, form))
        if next(following, None) is not None:
            raise VerificationError("a shard had fewer reflections when it was read a second time")

    return write_shard
