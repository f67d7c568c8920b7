"""The filters in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reflectgen.filters.candidate import Candidate, Check, Filter
from reflectgen.filters.copies_chunk import CopiesChunk
from reflectgen.filters.disagreement import Disagreement
from reflectgen.filters.evidence import Evidence
from reflectgen.filters.grounding import Grounding
from reflectgen.filters.harmful_detail import HarmfulDetail
from reflectgen.filters.inconsistent import Inconsistent
from reflectgen.filters.injection import Injection
from reflectgen.filters.language import Language
from reflectgen.filters.length import Length
from reflectgen.filters.malformed import Malformed
from reflectgen.filters.pii import Pii
from reflectgen.filters.prompt_leak import PromptLeak
from reflectgen.filters.refusal import REFUSAL, Refusal
from reflectgen.filters.spec import build, to_spec
from reflectgen.records import ACCEPTED, Decision

__all__ = ["DEFAULT_FILTERS", "HINT_FILTERS", "REFUSAL", "Check", "Filter", "first_rejection", "from_spec", "to_spec"]

# The first to object names the reason. A refusal is rarely in the wanted form, and should be counted as what it is.
# Then those that say the verdict cannot be believed: of a reply that only the later ones reject, the verdict may stand.
DEFAULT_FILTERS: tuple[Filter, ...] = (
    Refusal(),
    Malformed(),
    Inconsistent(),
    Disagreement(),
    Injection(),
    Evidence(),
    Length(),
    Language(),
    PromptLeak(),
    Pii(),
    CopiesChunk(),
    HarmfulDetail(),
    Grounding(),
)

# A bridging hint leads to the next chunk in a few words: it quotes nothing, and need not speak of its own chunk.
HINT_FILTERS: tuple[Filter, ...] = (
    Refusal(),
    Malformed(),
    Inconsistent(),
    Disagreement(),
    Injection(),
    Length(min_words=2, max_words=15),
    Language(),
    PromptLeak(),
    Pii(),
    CopiesChunk(max_run_words=6),
    HarmfulDetail(),
)

_KINDS: dict[str, type[Filter]] = {known.name: type(known) for known in DEFAULT_FILTERS}


def first_rejection(candidate: Candidate, filters: Sequence[Filter] = DEFAULT_FILTERS) -> Decision:
    """Ask the filters in order; return the first rejection, or `ACCEPTED`."""
    for each in filters:
        decision = each.decide(candidate)
        if decision is not ACCEPTED and not decision.accepted:  # the first is quick, and nearly always enough
            return decision
    return ACCEPTED


def from_spec(spec: Iterable[Mapping[str, Any]]) -> tuple[Filter, ...]:
    """Build the chain that `to_spec` wrote; parameters left out take their defaults.

    Raises:
        RecipeError: an unknown filter or parameter, or a value that the filter does not take.
    """
    return tuple(build("filter", entry, _KINDS) for entry in spec)
