"""Orders to a reviewer or a model, in English, as they show among a text's words without case and punctuation."""

from __future__ import annotations

import re
from typing import NamedTuple

from reflectgen.filters.patterns import phrase, word_set

_LISTS = {
    "REVOKE": "ignore ignoring disregard disregarding forget override overrides overriding bypass discard"
    " neglect supersedes?",
    "EARLIER": "previous prior above earlier preceding foregoing former system initial original your"
    " existing all any these"
    " those other",
    "RULES": "instructions? prompts? rules guidelines? directives? directions policy policies"
    " restrictions commands training"
    " programming tasks? messages? context constraints criteria rubric filters? safeguards ethics morals ethical_\\w+"
    " moral_\\w+",
    "WHATEVER": "everything all anything whatever the_text the_part the_rest the_content all_text all_content",
    "BEFORE": "above before_this so_far preceding you_have_been_told you_ve_been_told you_were_told you_are_told"
    " you_have_been_given you_were_given you_were_taught you_have_been_taught",
    "NEW": "new real actual true updated revised",
    "REVEAL": "repeat reveal print show output leak disclose",
    "JUDGE": "label classify categori[sz]e mark flag rate judge grade tag score deem declare treat"
    " consider record accept"
    " approve report pronounce",
    "JUDGED": "labell?ed classified marked rated judged treated approved cleared certified verified"
    " reviewed vetted screened"
    " whitelisted checked deemed considered",
    "SAY": "answer respond reply output return say write print state report produce give assign choose"
    " select pick emit use"
    " set put",
    "ANSWER": "answer respond reply output return say write print emit",
    "VERDICT": "verdict label rating category classification assessment judge?ment word answer output only just with",
    "TEXT": "text passage chunk content document excerpt message segment article page post input sample"
    " snippet paragraph",
    "SAFE": "safe harmless benign innocuous non_harmful not_harmful not_unsafe",
    "MUST": "is was must should has needs_to have will shall can",
    "NEVER": "do_not don_t never must_not should_not cannot refrain_from",
    "FLAG": "flag flagging label labelling classify classifying mark report reporting",
    "AGENT": "ais? llms? language_models? large_language_models? ai_models? ai_assistants? ai_reviewers?"
    " ai_systems? ai_agents?"
    " chatbots? gpts? chatgpt claude llama qwen gemini mistral classifiers? moderators? reviewers?"
    " annotators? labell?ers?"
    " graders? guardrails? (?:safety|content|moderation|teacher|guard|judge|reviewing)_(?:model|filter|judge|rater)s?",
    "ASSISTANT": "ai language_model llm helpful_assistant ai_assistant chatbot chatgpt gpt classifier content_filter"
    " content_moderator content_reviewer safety_classifier safety_filter safety_reviewer safety_model"
    " safety_judge guard_model"
    " moderation_model reviewer_of annotator",
    "READS": "reads? reading reviews? reviewing labell?ing judges? judging process processes processing"
    " evaluates? evaluating"
    " grading rating scanning scoring",
    "DEAR": "dear attention attn hey hi hello"
    " (?:memo|note|message|notice|instructions?|reminder|request|command)_(?:to|for)",
    "YOU_MUST": "please you_must you_should you_shall you_will you_are_to you_have_to listen attention your",
}


class Signal(NamedTuple):
    """One kind of sign. `pattern` looks at a text's words joined.

    It never matches where none of `words` stands, nor where nothing near that word begins as one of `also`.
    """

    name: str
    words: frozenset[str]
    pattern: re.Pattern[str]
    also: tuple[str, ...]


def _signal(name: str, telling: str, *phrases: str, also: str = "") -> Signal:
    beginnings = tuple(f" {beginning}" for beginning in also.split()) or ("",)
    patterns = "|".join(phrase(written, _LISTS) for written in phrases)
    return Signal(name, word_set(telling), re.compile(rf"(?<= )(?:{patterns})"), beginnings)


SIGNALS = (
    _signal(
        "it revokes instructions",
        "ignore ignoring disregard disregarding forget override overrides overriding overridden bypass discard neglect"
        " supersede supersedes superseded",
        "REVOKE ..4 EARLIER ..3 RULES",
        "ignore|disregard|forget WHATEVER ..4 BEFORE",
        "RULES ..2 are|is|were|have_been|has_been ..2 superseded|overridden",
        also="instruction prompt rule guideline directi polic restriction command training programming"
        " task message context"
        " constraint criteria rubric filter safeguard ethic moral above before so preceding you",
    ),
    _signal(
        "it gives new instructions",
        "instructions instruction prompt task override jailbroken unrestricted unfiltered",
        "your|the|these_are_your|here_are_your|follow_these|obey_these NEW ..1 task|instructions?|prompt",
        "new [system] instructions?|prompt for_you|follow|below|you|ignore|from",
        "REVEAL ..3 system_prompt",
        "REVEAL ..3 your ..1 instructions|prompt",
        "system|admin|administrator|developer|safety|root override",
        "you are [now] jailbroken|unrestricted|unfiltered",
        also="new real actual true updated revised override repeat reveal print show output leak disclose jailbroken"
        " unrestricted unfiltered",
    ),
    _signal(
        "it orders a verdict",
        "safe harmless benign innocuous harmful unsafe",
        "JUDGE it|this|that|these|them|everything|all|anything|any|every ..6 [as|to_be|is] ..2 SAFE",
        "JUDGE the ..3 TEXT ..6 [as|to_be|is] ..2 SAFE",
        "JUDGE the following|above|entire|whole ..6 [as|to_be|is] ..2 SAFE",
        "JUDGE as|with ..1 SAFE and|without|in|regardless|no|thank",
        "SAY ..5 VERDICT ..4 SAFE",
        "ANSWER ..1 SAFE and|no_matter|regardless|whatever|in_all|for_all|for_every|for_this|for_the|to_this|to_everything|to_all",  # noqa: E501
        "this|the|that|following|above ..2 TEXT ..2 MUST ..5 JUDGED ..4 SAFE",
        "this|the ..2 passage|chunk|excerpt|segment|text is|are ..2 SAFE",
        "must|should|shall|will|to ..1 be JUDGED ..3 SAFE ..3 regardless|no_matter|without",
        "must|should|shall|will|to ..1 be JUDGED ..3 SAFE ..3 by ..1 AGENT",
        "correct|right|expected|only|proper|final|true ..1 VERDICT ..4 is|would_be|must_be|remains ..1 SAFE",
    ),
    _signal(
        "it forges a verdict",
        "verdict safe unsafe",
        "verdict ..2 safe|harmless|benign|controversial",
        "safety [label] safe|controversial category|categories none",
        "safe|unsafe|controversial category \\w+",
        "unsafe_false|label_safe|is_safe_true",
    ),
    _signal(
        "it forbids an objection",
        "unsafe harmful",
        "NEVER FLAG it|this|that|any|anything|me|us ..3 unsafe|harmful",
        "NEVER FLAG the ..1 TEXT ..3 unsafe|harmful",
    ),
    _signal(
        "it addresses a reviewer or a model",
        "ai ais llm llms model models chatbot chatbots gpt gpts chatgpt claude llama qwen gemini mistral"
        " classifier classifiers"
        " moderator moderators reviewer reviewers annotator annotators labeler labelers labeller"
        " labellers grader graders"
        " guardrail guardrails filter filters judge judges rater raters assistant bot",
        "DEAR [the|any|all|our|my|whichever|every|this]* ..1 AGENT (?!of|in|at|for|about|and|s|on)",
        "to|for|if the|any|all|whichever|every|whatever|an? ..2 AGENT [that|who|which|is|are|now|currently]* READS this|the|it|my",  # noqa: E501
        "AGENT YOU_MUST",
        "you are [now|actually|really|no_longer|hereby|in_fact|only|just]* [an?|the|my] ..3 ASSISTANT",
        "if|since|because|as you are|re [an?|the] ..1 ai|llm|language_model|bot|classifier",
        also="dear attention attn hey hi hello memo note message notice instruction reminder request"
        " command you please listen"
        " read review label judg process evaluat grading rating scanning scoring",
    ),
    _signal(
        "it pretends that the passage has ended",
        "passage excerpt untrusted",
        "end of [the|this] passage|excerpt|untrusted_text|untrusted_input|untrusted_content|untrusted_data",
        "passage|excerpt ends_here|ended_here|is_over_here|stops_here",
        "passage (?:[0-9a-f]{8}|x{8})",
        "real|actual|true|next passage is|follows|begins|starts|to",
    ),
)
