"""Attention that stays within a document: a mask on the CPU, PyTorch's varlen kernel on a GPU, plain causal without.

Registered with transformers under `NAME`, so any of its models trains with it. A checkpoint does not remember it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import AttentionInterface

NAME = "reflectgen"


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    document_bounds: Tensor | None = None,
    longest: int = 0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Return the attention's output (rows, length, heads, width) for queries (rows, heads, length, width).

    `document_bounds` are where documents start in the batch as one line, int32, for the GPU's kernel.
    """
    grouped = query.shape[1] != key.shape[1]
    if document_bounds is not None:
        return _varlen(query, key, value, document_bounds, longest, scaling, grouped), None
    found = F.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=attention_mask,
        dropout_p=dropout,
        is_causal=attention_mask is None,
        scale=scaling,
        enable_gqa=grouped,
    )
    return found.transpose(1, 2), None


def document_mask(documents: Tensor, kind: torch.dtype) -> Tensor:
    """Return (rows, 1, length, length) to add to attention's scores: 0 where a token may look, else minus infinity."""
    length = documents.shape[1]
    may_look = documents[:, :, None] == documents[:, None, :]
    may_look &= torch.ones(length, length, dtype=torch.bool, device=documents.device).tril()
    mask = torch.zeros(may_look.shape, dtype=kind, device=documents.device)
    return mask.masked_fill_(~may_look, float("-inf"))[:, None]


def document_bounds(documents: Tensor) -> Tensor:
    """Return where documents start in the rows laid end to end, and the end, as int32.

    Padded to a power of two with documents of no token: torch.compile makes a new program for every other size.
    """
    starts = torch.ones_like(documents, dtype=torch.bool)
    starts[:, 1:] = documents[:, 1:] != documents[:, :-1]
    found = starts.flatten().nonzero().squeeze(1).to(torch.int32)
    return F.pad(found, (0, (1 << len(found).bit_length()) - len(found)), value=documents.numel())


def _varlen(
    query: Tensor, key: Tensor, value: Tensor, bounds: Tensor, longest: int, scaling: float | None, grouped: bool
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    rows, _, length, _ = query.shape
    q, k, v = (part.transpose(1, 2).flatten(0, 1) for part in (query, key, value))
    found = varlen_attn(
        q, k, v, bounds, bounds, longest, longest, scale=scaling, window_size=(-1, 0), enable_gqa=grouped
    )
    assert isinstance(found, Tensor)
    return found.view(rows, length, *found.shape[1:])


AttentionInterface.register(NAME, attend)
