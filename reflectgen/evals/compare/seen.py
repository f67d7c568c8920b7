"""What the built-in guard has seen: figures on its own training rows flatter it."""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.evals.compare.rows import LabelledRow

# By the names that docs/guard.md gives them; a file that calls its sources otherwise cannot be told apart.
FITTED_ON = frozenset({"davidson-tweets", "hatecheck", "jbb-behaviors", "openai-moderation", "safetext", "xstest"})
# Dialogues that begin with a request of `jbb-behaviors` or `xstest`: the guard knows the request by heart, and flags
# what follows it, a refusal too.
ANSWERS_TO_THEM = frozenset({"jbb-artifacts", "xstest-completions"})
SEEN = FITTED_ON | ANSWERS_TO_THEM
BUILTIN_GUARD = "builtin-guard-"


def seen_sources(guards: Sequence[str], rows: Sequence[LabelledRow]) -> frozenset[str]:
    """Return the sources whose texts, or their beginnings, one of the guards was trained on, as far as names tell."""
    if not any(guard.startswith(BUILTIN_GUARD) for guard in guards):
        return frozenset()
    return SEEN & {row.source for row in rows}


def caveat(guards: Sequence[str], rows: Sequence[LabelledRow]) -> str:
    """Return what readers must know before they believe a figure of the built-in guard; empty where it took no part."""
    if not any(guard.startswith(BUILTIN_GUARD) for guard in guards):
        return ""
    num_seen = sum(row.source in SEEN for row in rows)
    if not num_seen:
        return (
            "The built-in guard was fitted on public sets (docs/guard.md lists them). No source here bears the name "
            "of one of them; if rows of theirs are in this file under another name, its figures on those are no test."
        )
    return (
        "In-sample: the built-in guard was fitted on rows of the sources marked †, or on the requests that their "
        f"dialogues begin with. They are {num_seen:,} of these {len(rows):,} rows. There, and over all rows, its "
        "figures are no test of it, nor are those of a recipe in which it is the guard: it knows these texts by heart. "
        "docs/guard.md has figures that are cross-validated."
    )
