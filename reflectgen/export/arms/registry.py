"""Every arm by its name: what makes it, what it does, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from reflectgen.export.arms.arm import WriteShard
from reflectgen.export.arms.filtered import filter_chunks, filter_documents
from reflectgen.export.arms.matched import raw_matched
from reflectgen.export.arms.measure import Measure, Words
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.prefix import prefix
from reflectgen.export.arms.random_tag import random_tag
from reflectgen.export.arms.raw import raw, srp
from reflectgen.export.arms.rewritten import rewritten
from reflectgen.export.arms.shuffled import srp_shuffled
from reflectgen.reflection.form import FormOptions

Make = Callable[[FormOptions, ArmOptions, Measure], WriteShard]


class Rows(Enum):
    """What an arm's documents are, which says how each is proved."""

    WOVEN = auto()  # a reflection at every chunk; the only ones with a stand-off form
    PLAIN = auto()  # no reflection
    EDITED = auto()  # edits in a column of their own, no reflection


@dataclass(frozen=True, slots=True)
class ArmKind:
    """`treatment` completes the sentence "in this arm, ..."; `source` is where it comes from."""

    make: Make
    rows: Rows
    treatment: str
    source: str
    takes_away: bool = False  # text or documents, so that the export alone cannot prove what there was


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm ready to write shards in one form."""

    options: ArmOptions
    rows: Rows
    write: WriteShard


def make_arm(options: ArmOptions, form: FormOptions, measure: Measure | None = None) -> Arm:
    kind = ARMS[options.name]
    return Arm(options, kind.rows, kind.make(form, options, measure or Words()))


ARMS: dict[ArmName, ArmKind] = {
    ArmName.RAW: ArmKind(lambda form, options, measure: raw(form), Rows.PLAIN, "the documents stand alone", "baseline"),
    ArmName.RAW_MATCHED: ArmKind(
        lambda form, options, measure: raw_matched(form, measure),
        Rows.EDITED,
        "the documents stand alone, some of them again, until there is as much text as in srp",
        "control for the amount of text",
        takes_away=True,
    ),
    ArmName.SRP: ArmKind(
        lambda form, options, measure: srp(form),
        Rows.WOVEN,
        "a reflection stands after every chunk",
        "SRP, arXiv 2606.19168",
    ),
    ArmName.SRP_SHUFFLED: ArmKind(
        lambda form, options, measure: srp_shuffled(form, options),
        Rows.WOVEN,
        "the same reflections stand after chunks that chance chose",
        "control for where they stand",
    ),
    ArmName.FILTER: ArmKind(
        lambda form, options, measure: filter_chunks(form, options),
        Rows.EDITED,
        "unsafe chunks are left out",
        "SRP, baseline",
        takes_away=True,
    ),
    ArmName.FILTER_DOCUMENT: ArmKind(
        lambda form, options, measure: filter_documents(form, options),
        Rows.PLAIN,
        "documents with an unsafe chunk are left out",
        "data filtering, arXiv 2508.06601",
        takes_away=True,
    ),
    ArmName.REWRITE: ArmKind(
        lambda form, options, measure: rewritten(form, options),
        Rows.EDITED,
        "unsafe chunks are replaced by the same, said safely",
        "SafeLM, arXiv 2504.16980",
        takes_away=True,
    ),
    ArmName.REFUSE: ArmKind(
        lambda form, options, measure: rewritten(form, options),
        Rows.EDITED,
        "unsafe chunks are replaced by a dialogue that declines",
        "SafeLM, RefuseWeb",
        takes_away=True,
    ),
    ArmName.MORAL_EDUCATION: ArmKind(
        lambda form, options, measure: rewritten(form, options),
        Rows.EDITED,
        "unsafe chunks are replaced by an account of why one would decline",
        "SafeLM, Moral Education",
        takes_away=True,
    ),
    ArmName.PREFIX: ArmKind(
        lambda form, options, measure: prefix(form),
        Rows.EDITED,
        "the verdict stands before each chunk, given and not learnt",
        "conditional training, arXiv 2302.08582; MeCo, ICML 2025",
    ),
    ArmName.RANDOM_TAG: ArmKind(
        lambda form, options, measure: random_tag(form, options),
        Rows.EDITED,
        "a tag stands before one in twenty words of unsafe chunks",
        "SafeLM, arXiv 2504.16980",
    ),
}
