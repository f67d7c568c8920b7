"""The card of a tokenised corpus: what it holds, and how a trainer is pointed at it."""

from __future__ import annotations

from reflectgen.export.kinds import Kind
from reflectgen.export.markdown import percent, table
from reflectgen.export.token_manifest import TokenManifest
from reflectgen.export.trainer_formats import TokenFormat

_TEXT = """# A tokenised corpus with safety reflections

Documents with their reflections woven in, as tokens, for {reader}. Written by reflectgen from the export of which
`{source}` is the SHA-256: of its `manifest.json` without times, code versions and endpoints.

{numbers}

{kinds}

Ids are {dtype}, little-endian, below {vocab_size}. The markers {markers} are written where a reflection was woven in
and nowhere else; every document ends with id {end_of_text_id}. `tokenizer/` is the tokenizer they belong to.

{files}

`manifest.json` holds the SHA-256 of every file; `reflectgen verify` reads them all again.
"""
_READERS = {
    TokenFormat.TOKENS: "`reflectgen train`",
    TokenFormat.MEGATRON: "Megatron-LM, NeMo and what else reads its indexed datasets",
    TokenFormat.DATATROVE: "nanotron and datatrove's readers",
    TokenFormat.OLMO: "OLMo and OLMo-core",
}
_FILES = {
    TokenFormat.TOKENS: "`.tokens` holds ids, `.kinds` one byte a token, `.ends` where each document ends (uint64).",
    TokenFormat.MEGATRON: (
        "Each pair `.bin`, `.idx` is an indexed dataset, one sequence a document; name it without its ending. The\n"
        "pair `_weights` has the same shape and holds loss weights as bytes."
    ),
    TokenFormat.DATATROVE: (
        "`.ds` holds ids, `.ds.index` where each document ends, `.ds.loss` whether each token is learnt."
    ),
    TokenFormat.OLMO: (
        "`.npy` are bare arrays of ids without a header (`numpy.memmap`, not `numpy.load`), `label_mask/` says of\n"
        "each token whether it is learnt, `.csv.gz` has the first token of each document and the one after its last."
    ),
}


def render_token_card(format_: TokenFormat, manifest: TokenManifest) -> str:
    """Return the card: the same for the same documents, tokenizer and options."""
    weights = manifest.weights.by_kind()
    rows = [(kind.name.lower(), manifest.tokens_by_kind[kind.name.lower()], weights[kind]) for kind in Kind]
    return _TEXT.format(
        reader=_READERS[format_],
        source=manifest.source_manifest_sha256,
        numbers=table(
            ["what", "number"],
            [("documents", manifest.num_documents), ("tokens", manifest.num_tokens), ("shards", len(manifest.shards))],
        ),
        kinds=table(
            ["kind of token", "tokens", "share", "loss weight"],
            ((name, n, percent(n, manifest.num_tokens), f"{weight:g}") for name, n, weight in rows),
        ),
        dtype=manifest.dtype,
        vocab_size=f"{manifest.vocab_size:,}",
        markers=", ".join(f"`{marker}` ({id_})" for marker, id_ in manifest.marker_ids.items()),
        end_of_text_id=manifest.end_of_text_id,
        files=_FILES[format_],
    )
