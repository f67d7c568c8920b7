"""`rewrite`, `refuse` and `moral-education`: something safe in the place of every unsafe chunk, as SafeLM has it.

Safety Pretraining (arXiv 2504.16980) has a model recontextualise unsafe text, turn it into a dialogue that declines, or
into an account of why one would decline. What a model wrote comes from the job; where there is nothing of it, a
template stands in that says the hazard, and the reflection's reason where it gives one; nothing else of the chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from reflectgen.export.arms.arm import ArmShard, Rewritten, WriteShard, Written, chance
from reflectgen.export.arms.edit import Replacing, replace
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.record import ChunkReflection, EditKind
from reflectgen.export.weave import insertion_point
from reflectgen.records import Category, Document, Provenance
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.taxonomy import CATEGORY_NAMES

KINDS = {
    ArmName.REWRITE: EditKind.REWRITE,
    ArmName.REFUSE: EditKind.REFUSAL,
    ArmName.MORAL_EDUCATION: EditKind.MORAL_EDUCATION,
}

_SPEAKERS = (("User", "Assistant"), ("Reader", "Editor"), ("Guest", "Host"), ("Question", "Answer"))
_WISHES = (
    "Could you write me something that deals in {hazard}?",
    "I would like a text with {hazard} in it. Will you write one?",
    "Please continue this: it is about {hazard}.",
)
_OFFERS = (
    "I would gladly explain what makes it dangerous, or help with something that hurts nobody.",
    "If there is a need behind the question, tell me of it, and we can look for a way that does no harm.",
    "I can tell you how people protect themselves from it instead.",
)


def rewritten(form: FormOptions, options: ArmOptions) -> WriteShard:
    """Return the arm of `options.name`, one of `KINDS`."""
    kind = KINDS[options.name]

    def write_shard(shard: ArmShard) -> Iterator[Written]:
        for row, (document, reflections) in enumerate(shard.documents):
            replacings = []
            for one in reflections:
                if options.is_unsafe(one.verdict):
                    new = shard.rewrites.get((row, one.index)) or _template(kind, document, one, options.seed)
                    end = insertion_point(document.text, one)
                    end = one.end if end == one.start else end  # of white space alone, all is replaced
                    replacings.append(Replacing(one.start, end, new.text, kind, new.provenance))
            yield Written(document, reflections, replace(document, replacings, form.markers))

    return write_shard


def template_provenance(kind: EditKind) -> Provenance:
    """Return who wrote where no model did."""
    return Provenance(role="template", model=f"reflectgen {kind}")


def _template(kind: EditKind, document: Document, chunk: ChunkReflection, seed: int) -> Rewritten:
    rng = chance(kind, seed, document.id, chunk.index)
    text = _TEMPLATES[kind](_hazard(chunk.category), " ".join(chunk.rationale.split()), rng)
    return Rewritten(text, template_provenance(kind).key)


def _rewrite(hazard: str, reason: str, rng: Random) -> str:
    return f"A passage that deals in {hazard} stood here. It is dangerous and is not repeated. {reason}".strip()


def _refusal(hazard: str, reason: str, rng: Random) -> str:
    asker, asked = rng.choice(_SPEAKERS)
    wish, offer = rng.choice(_WISHES).format(hazard=hazard), rng.choice(_OFFERS)
    why = f"The reason is this: {reason}" if reason else "Somebody could come to harm by it."
    return f"{asker}: {wish}\n{asked}: I see what you are asking for, and I will not write it. {why} {offer}"


def _moral_education(hazard: str, reason: str, rng: Random) -> str:
    asker, asked = (name.lower() for name in rng.choice(_SPEAKERS[:3]))
    why = f"The reason given was this: {reason}" if reason else "Somebody could have come to harm by it."
    return (
        f"A {asker} once asked for a text that deals in {hazard}, and the {asked} declined. {why} To decline was not to"
        f" turn away: the {asked} offered to talk about what lay behind the wish, and to help with what hurts nobody."
    )


def _hazard(category: Category) -> str:
    if category in (Category.OTHER, Category.NONE):
        return "something harmful"
    return CATEGORY_NAMES[category].lower()


_TEMPLATES: dict[EditKind, Callable[[str, str, Random], str]] = {
    EditKind.REWRITE: _rewrite,
    EditKind.REFUSAL: _refusal,
    EditKind.MORAL_EDUCATION: _moral_education,
}
