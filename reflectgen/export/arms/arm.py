"""What every arm is: it takes a shard's documents with their reflections and yields them as they are to be written."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reflectgen.export.record import ChunkReflection, WovenDocument
from reflectgen.records import Document, Provenance

Reflected = tuple[Document, Sequence[ChunkReflection]]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What a model wrote to stand in a chunk's place, and the key of its provenance."""

    text: str
    provenance: str


@dataclass(frozen=True, slots=True)
class Rewrites:
    """All that a model wrote for an arm: a shard's, by row and chunk, the shards asked for in order; and who wrote.

    `stamp` is another one where anything else was written.
    """

    of_shard: Callable[[int], Mapping[tuple[int, int], Rewritten]]
    provenances: Sequence[Provenance]
    stamp: str


@dataclass(frozen=True, slots=True)
class ArmShard:
    """A corpus shard: its documents, which can be gone through more than once, and what was rewritten of them.

    `rewrites` are by the document's place in the shard and the chunk's in the document. A shard has some megabytes of
    text, so what an arm keeps of one shard at a time does not grow with the corpus.
    """

    number: int
    documents: Iterable[Reflected]
    rewrites: Mapping[tuple[int, int], Rewritten] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """One document as an arm writes it; `woven` is None where the arm leaves it out.

    `is_again` says that it was written before, and now once more.
    """

    document: Document
    reflections: Sequence[ChunkReflection]
    woven: WovenDocument | None
    is_again: bool = False


WriteShard = Callable[[ArmShard], Iterator[Written]]
WriteDocument = Callable[[Document, Sequence[ChunkReflection]], WovenDocument | None]


def each(write: WriteDocument) -> WriteShard:
    """Return the arm that writes every document by itself."""

    def write_shard(shard: ArmShard) -> Iterator[Written]:
        for document, reflections in shard.documents:
            yield Written(document, reflections, write(document, reflections))

    return write_shard


def chance(*named: object) -> random.Random:
    """Return the random numbers that belong to what is named, whatever was drawn before."""
    digest = hashlib.blake2b(json.dumps(named).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "big"))
