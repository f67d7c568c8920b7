from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reflectgen.errors import TeacherError, TeacherUnavailable
from reflectgen.evals.medsafetyworld.endpoint import PROMPTS_PER_CALL, EndpointGenerator
from reflectgen.evals.medsafetyworld.generator import GenerateOptions, Prompt
from reflectgen.evals.medsafetyworld.tokenizer import world_tokenizer
from reflectgen.reflection.form import FormOptions

FORM = FormOptions(style="template")


class Completions(BaseHTTPRequestHandler):
    """Answers each prompt with its own words and the number of the sample; keeps what it was asked."""

    asked: list[dict[str, Any]] = []
    spoils: str = ""

    def do_GET(self) -> None:
        self._say({"object": "list", "data": [{"id": "world"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Completions.asked.append(body)
        n = body["n"]
        texts = [f"{prompt} #{sample}" for prompt in body["prompt"] for sample in range(n)]
        choices = [{"index": index, "text": text} for index, text in enumerate(texts)]
        self._say({"choices": choices[::-1]} if not self.spoils else {self.spoils: choices[1:]})

    def _say(self, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Completions.asked, Completions.spoils = [], ""
    with ThreadingHTTPServer(("127.0.0.1", 0), Completions) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_texts_come_back_prompt_by_prompt_and_sample_by_sample(url: str) -> None:
    prompts = [Prompt(f"What causes {number}?", "The") for number in range(PROMPTS_PER_CALL + 3)]
    texts = EndpointGenerator(url, FORM).generate(prompts, GenerateOptions(num_samples=2, seed=5))
    written = [f"<|user|> What causes {number}? <|assistant|> The" for number in range(len(prompts))]
    assert texts == [[f"{prompt} #0", f"{prompt} #1"] for prompt in written]
    assert [len(call["prompt"]) for call in Completions.asked] == [PROMPTS_PER_CALL, 3]
    assert (Completions.asked[0]["model"], Completions.asked[0]["seed"]) == ("world", 5)


def test_plain_text_is_sent_as_it_is_and_bans_go_by_token(url: str) -> None:
    EndpointGenerator(url, FORM).generate([Prompt("", "salt leads")], GenerateOptions(banned=("Unsafe",)))
    (call,) = Completions.asked
    assert call["prompt"] == ["salt leads"]
    assert call["logit_bias"] == {str(world_tokenizer(FORM).token_to_id("Unsafe")): -100}


@pytest.mark.parametrize("spoils", ["choices", "nothing"])
def test_an_answer_that_is_none_is_said_in_one_line(url: str, spoils: str) -> None:
    Completions.spoils = spoils
    with pytest.raises(TeacherUnavailable, match="answered"):
        EndpointGenerator(url, FORM).generate([Prompt("a"), Prompt("b")], GenerateOptions())


def test_nobody_there_is_a_teacher_error() -> None:
    with pytest.raises(TeacherError):
        EndpointGenerator("http://127.0.0.1:9", FORM).generate([Prompt("a")], GenerateOptions())
