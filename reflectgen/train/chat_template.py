"""A conversation as text by a chat template, with what each part of it is.

The template sees a stand-in for every content, and the contents are put in afterwards, so that it can neither change
nor drop a reflection, and nothing that somebody said is taken for the template's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from reflectgen.corpus.chat import Message, is_answer, is_call
from reflectgen.errors import InputError
from reflectgen.export.kinds import Kind
from reflectgen.export.tokenise import MarkedText
from reflectgen.reflection.form import FormOptions
from reflectgen.train.conversations import AnswerSpan, Conversation

Run = tuple[int, int, Kind, "re.Pattern[str] | None"]


def simple_template(end_of_text: str) -> str:
    """Return the template of checkpoints that have none: headings in words, and the end of text after an answer."""
    end = json.dumps(end_of_text, ensure_ascii=False)
    return (
        "{% for message in messages %}"
        '{% if message.tool_calls or message.function_call %}{{ raise_exception("it has calls of tools") }}{% endif %}'
        '{{ message.role | capitalize + ":\\n" + (message.content or "") }}'
        "{{ " + end + ' if message.role == "assistant" else "\\n\\n" }}'
        "{% endfor %}"
        '{% if add_generation_prompt %}{{ "Assistant:\\n" }}{% endif %}'
    )


class ChatTemplate:
    """A tokenizer's template; `controls` are the texts of its control tokens, `tokenizer` is of transformers."""

    def __init__(self, tokenizer: Any, form: FormOptions, controls: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._form = form
        self._markers = any_of(form.markers)
        self._controls = any_of(controls)
        self._turn_end = re.compile(rf"\s*({self._controls.pattern})")

    @property
    def turn_end(self) -> str | None:
        """The control token that the template writes after an answer."""
        told = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "\ue000"}]
        found = self._turn_end.match(self._rendered(told, None, "the chat template").partition("\ue000")[2])
        return found.group(1) if found else None

    def marked(self, conversation: Conversation) -> MarkedText:
        """Return a conversation's text, up to the end of its last answer's turn, and what each part of it is.

        Raises:
            InputError: the template does not take it, or something beside contents spells a control token.
        """
        messages, place = conversation.messages, conversation.place
        beside = [{k: v for k, v in message.items() if k != "content"} for message in messages]
        said = json.dumps([messages, conversation.tools], ensure_ascii=False)
        if found := self._controls.search(json.dumps([beside, conversation.tools], ensure_ascii=False)):
            raise InputError(f"{place}: a name or a call of a tool spells the control token {found.group()}; remove it")
        mark = "\ue000"
        while mark in said:
            mark += "\ue000"
        stand_ins = [_with_content(message, f"{mark}{turn}\ue001") for turn, message in enumerate(messages)]
        parts = re.split(f"{mark}(\\d+)\ue001", self._rendered(stand_ins, conversation.tools, place))
        turns = [int(turn) for turn in parts[1::2]]
        answers = [turn for turn, message in enumerate(messages) if is_answer(message)]
        if [turn for turn in turns if turn in answers] != answers:
            raise InputError(f"{place}: the chat template does not write each answer once and in order")
        return self._put_in(conversation, parts[0], list(zip(turns, parts[2::2], strict=True)))

    def _put_in(self, conversation: Conversation, before: str, turns: list[tuple[int, str]]) -> MarkedText:
        text = _Text()
        text.add(before, Kind.PROMPT, self._controls)
        for place, (turn, after) in enumerate(turns):
            message = conversation.messages[turn]
            if not is_answer(message) or message.get("weight") == 0:
                text.add(message["content"], Kind.PROMPT)
                text.add(after, Kind.PROMPT, self._controls)
                continue
            spans = [span for span in conversation.spans if span.turn == turn]
            self._add_answer(text, message["content"], spans)
            end = self._turn_end.match(after)
            has_ended = bool(spans) and spans[-1].of is Kind.END_OF_TEXT and spans[-1].end == len(message["content"])
            if end is not None and not has_ended:
                text.add(end.group(), Kind.END_OF_TEXT, self._controls)
            if place + 1 < len(turns):
                text.add(after[end.end() :] if end else after, Kind.PROMPT, self._controls)
        return MarkedText(text.text, text.runs)

    def _add_answer(self, text: _Text, content: str, spans: Sequence[AnswerSpan]) -> None:
        done = 0
        for span in spans:
            text.add(content[done : span.start], Kind.TEXT)
            # Forged markers within a reflection were neutralised, so those that are there are ours.
            text.add(content[span.start : span.end], span.of, None if span.of is Kind.PROMPT else self._markers)
            done = span.end
        text.add(content[done:], Kind.TEXT)

    def _rendered(self, messages: list[Message], tools: Any, place: str) -> str:
        try:
            return str(self._tokenizer.apply_chat_template(messages, tools=tools, tokenize=False))
        except (TemplateError, TypeError, ValueError, KeyError) as error:
            first = str(error).strip().partition("\n")[0]
            raise InputError(f"{place}: the chat template refuses it: {first}") from None


class _Text:
    def __init__(self) -> None:
        self.text = ""
        self.runs: list[Run] = []

    def add(self, text: str, kind: Kind, markers: re.Pattern[str] | None = None) -> None:
        if text:
            self.runs.append((len(self.text), len(self.text) + len(text), kind, markers))
            self.text += text


def any_of(texts: Sequence[str]) -> re.Pattern[str]:
    """Return what matches each of these texts, the longest first."""
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))


def _with_content(message: Message, content: str) -> Message:
    said = {key: value for key, value in message.items() if key not in ("is_call", "weight")}
    return said | {"content": None if is_call(message) and not message["content"] else content}
