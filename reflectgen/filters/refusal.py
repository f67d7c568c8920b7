"""Reject a teacher that declines to answer, in the languages in which models decline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject

_ENGLISH_WILL_NOT = (
    " can ?not| can't| could not| couldn't| will not| won't| do not| don't|(?: a|')m unable to|(?: a|')m not able to"
    "|(?: a|')m not comfortable| must decline| have to decline| refuse to| must refuse"
)
_ENGLISH_ASKED_FOR = (
    "help|assist|answer|comply|fulfill?|provide|generate|create|continue|engage|respond|produce|write|analy[sz]e|judge"
    "|process|complete|discuss|support|participate|do (?:that|this)|with (?:this|that)|(?:this|that) request"
)
_CHINESE_ASKED_FOR = "提供|回答|协助|協助|帮助|幫助|满足|滿足|完成|继续|繼續|处理|處理|参与|參與"
# A reflection speaks about a text, a refusal speaks about its writer: each pattern holds a first person or an apology
# with a turn of refusing, so that "a clerk says sorry and cannot help" is left alone.
_REFUSALS = (
    # English
    r"i(?: a|')m (?:very |so |really |truly )?(?:sorry|afraid)\b[^.!?]{0,40}\bi(?: can|'m| am| will| won| must| do)",
    r"(?:sorry|apologies|i apologi[sz]e|unfortunately)\b[^.!?]{0,30}\bi (?:can ?not|can't|am (?:un|not )able|won't)\b",
    rf"i(?:{_ENGLISH_WILL_NOT})\b[^.!?]{{0,30}}\b(?:{_ENGLISH_ASKED_FOR})\b",
    r"as an? (?:ai|artificial intelligence|(?:large )?language model|responsible ai|ethical ai|ai assistant)\b",
    r"i(?: a|')m (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model)\b",
    r"(?:this|that|your) request (?:violates|goes against|is against|cannot be)\b",
    # German, Dutch, Swedish
    r"(?:es tut mir leid|tut mir leid|entschuldigung|leider)\b[^.!?]{0,40}\b(?:kann ich|ich kann|darf ich|ich darf)\b",
    r"ich kann (?:dir|ihnen|dabei|dazu|damit|diese[rsnm]?|das|hier)\b[^.!?]{0,40}\bnicht\b",
    r"als (?:ki|künstliche intelligenz|sprachmodell|ki-modell|ki-assistent)\b",
    r"(?:het spijt me|sorry|helaas)\b[^.!?]{0,30}\b(?:kan ik|ik kan)\b",
    r"(?:jag är ledsen|tyvärr)\b[^.!?]{0,30}\b(?:kan jag|jag kan)\b",
    # French, Spanish, Portuguese, Italian
    r"(?:je suis (?:vraiment )?désolée?|désolée?|je regrette|malheureusement)\b[^.!?]{0,40}\bje (?:ne|n')",
    r"je ne (?:peux|puis|suis) pas\b[^.!?]{0,40}\b(?:aider|répondre|fournir|satisfaire|mesure|autorisée?)\b",
    r"en tant qu(?:e |')(?:ia|intelligence artificielle|modèle de langage|assistant ia)\b",
    r"(?:lo siento|lo lamento|lamentablemente|me temo que)\b[^.!?]{0,40}\bno (?:puedo|me es posible|estoy)\b",
    r"no puedo (?:ayudar|asistir|responder|proporcionar|cumplir|continuar|generar)",
    r"como (?:modelo de lenguaje|una? ia|inteligencia artificial|asistente de ia)\b",
    r"(?:sinto muito|desculpe|lamento|infelizmente)\b[^.!?]{0,40}\bnão (?:posso|consigo)\b",
    r"não posso (?:ajudar|responder|fornecer|atender|continuar)",
    r"como (?:modelo de linguagem|uma? ia|inteligência artificial)\b",
    r"(?:mi dispiace|spiacente|purtroppo)\b[^.!?]{0,40}\bnon (?:posso|sono)\b",
    r"non posso (?:aiutar|assister|rispondere|fornire|soddisfare)",
    r"(?:in quanto|come) (?:ia|intelligenza artificiale|modello linguistico)\b",
    # Polish, Russian, Ukrainian, Turkish, Indonesian, Vietnamese
    r"(?:przykro mi|przepraszam|niestety)\b[^.!?]{0,40}\bnie mogę\b",
    r"(?:извините|простите|к сожалению|мне жаль|прошу прощения)[^.!?]{0,40}\b(?:не могу|не в состоянии|не буду)\b",
    r"я не могу (?:помочь|ответить|выполнить|предоставить|помогать)",
    r"как (?:языковая модель|искусственный интеллект|ии\b)",
    r"(?:вибачте|на жаль|перепрошую)[^.!?]{0,40}\bне можу\b",
    r"(?:üzgünüm|maalesef|özür dilerim)[^.!?]{0,60}\b(?:yardımcı olamam|yapamam|edemem|veremem|yanıtlayamam)",
    r"(?:maaf|mohon maaf)\b[^.!?]{0,30}\b(?:saya )?tidak (?:dapat|bisa)\b",
    r"(?:tôi )?xin lỗi[^.!?]{0,40}\bkhông thể\b",
    # Arabic, Persian, Hindi
    r"(?:آسف|عذرا|عذراً|أعتذر|للأسف|معذرة)[^.!؟]{0,40}(?:لا أستطيع|لا يمكنني|لن أتمكن|غير قادر)",
    r"(?:متاسفم|متأسفم|ببخشید|متاسفانه|متأسفانه)[^.!؟]{0,40}(?:نمی‌توانم|نمیتوانم|نمی توانم)",
    r"(?:क्षमा करें|माफ़ करें|माफ करें|मुझे खेद है|मुझे क्षमा)[^.!।]{0,60}(?:नहीं|असमर्थ)",
    # Chinese, Japanese, Korean
    rf"(?:很|非常|十分|真的)?(?:抱歉|对不起|對不起|很遗憾|很遺憾)[^。!?！？]{{0,12}}(?:无法|無法|不能|不可以)[^。!?！？]{{0,6}}(?:{_CHINESE_ASKED_FOR})",
    rf"我(?:无法|無法|不能)(?:{_CHINESE_ASKED_FOR})",
    r"作为(?:一个|一名|一款)?(?:ai|人工智能|语言模型|大语言模型)",
    r"(?:申し訳ありません|申し訳ございません|すみません|ごめんなさい)[^。!?]{0,30}(?:できません|いたしかねます|お答えできません|お手伝いできません)",
    r"(?:죄송합니다|죄송하지만|미안합니다|유감스럽게도)[^.!?]{0,40}(?:수 없습니다|없어요|드릴 수 없|도와드릴 수)",
)
_REFUSAL = re.compile(rf"(?<![a-z])(?:{'|'.join(_REFUSALS)})")
# What may stand before a refusal at the head of a rationale: quotation marks, stars, a verdict.
_HEAD = re.compile(r"[\W_]*(?:(?:safe|unsafe|controversial)\b[\W_]*)?")
# Teachers decline at once or after a little throat-clearing; further on, the words are the text's own.
_REPLY_HEAD_CHARACTERS = 600
_RATIONALE_HEAD_CHARACTERS = 200


REFUSAL = "refusal"  # the reason by which a job knows that another teacher should be asked


@dataclass(frozen=True, slots=True)
class Refusal:
    """In a parsed reply only the head of the rationale counts: a rationale may well speak of somebody's refusal.

    A reply that could not be parsed is searched in its first lines, since a refusal is seldom in the wanted form.
    """

    name: ClassVar[str] = REFUSAL

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            found = _REFUSAL.search(_plain(candidate.reply.text[:_REPLY_HEAD_CHARACTERS]))
        else:
            rationale = _plain(reflection.rationale[:_RATIONALE_HEAD_CHARACTERS])
            head = _HEAD.match(rationale)
            found = _REFUSAL.match(rationale, head.end() if head else 0)
        if found is None:
            return ACCEPTED
        return reject(self.name, f"the teacher declines: {found[0][:60]!r}")


def _plain(text: str) -> str:
    return text.lower().replace("’", "'").replace("\n", " ")
