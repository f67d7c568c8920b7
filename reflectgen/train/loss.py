"""Weighted cross entropy of a large vocabulary, a chunk of tokens at a time: there is never a logit for every token.

A chunk's gradients are made while its logits are at hand, as in Liger Kernel (arXiv 2410.10989), so that nothing is
computed twice and the memory is one chunk's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_LOGITS = 1 << 22  # 16 MiB of float32: near a core's cache, and enough rows to keep a GPU busy on a small model
CHUNK_LOGITS_GPU = 1 << 28


def weighted_loss(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return sum(weights * loss), with gradients, and each token's own loss (float32), without.

    `hidden` is (tokens, width), `head` (vocabulary, width), `targets` and `weights` (tokens,).
    """
    return _WeightedLoss.apply(hidden, head, targets, weights)  # type: ignore[no-any-return,no-untyped-call]


class _WeightedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        kind = torch.get_autocast_dtype(hidden.device.type) if torch.is_autocast_enabled(hidden.device.type) else None
        with torch.autocast(hidden.device.type, enabled=False):
            return _chunked(ctx, hidden, head, targets, weights, kind or hidden.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        for_hidden, for_head = ctx.saved_tensors
        scale = grads[0]
        return for_hidden.mul_(scale), None if for_head is None else for_head.mul_(scale), None, None


def _chunked(
    ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, kind: torch.dtype
) -> tuple[Tensor, Tensor]:
    num_tokens, wants_grad = len(targets), any(ctx.needs_input_grad[:2])
    learns_head = ctx.needs_input_grad[1]
    of_token = torch.empty(num_tokens, dtype=torch.float32, device=hidden.device)
    for_hidden = torch.empty_like(hidden) if wants_grad else None
    for_head = torch.zeros_like(head, dtype=torch.float32) if learns_head else None
    used = head.to(kind)
    at_once = CHUNK_LOGITS if hidden.device.type == "cpu" else CHUNK_LOGITS_GPU
    chunk = max(64, at_once // len(head))
    for start in range(0, num_tokens, chunk):
        part = slice(start, min(start + chunk, num_tokens))
        rows, target, weight = hidden[part].to(kind), targets[part, None], weights[part, None]
        logits = (rows @ used.T).float()
        logits.sub_(logits.amax(1, keepdim=True))
        of_target = logits.gather(1, target)
        total = logits.exp_().sum(1, keepdim=True)
        of_token[part] = (total.log() - of_target).squeeze(1)
        if for_hidden is None:
            continue
        # d loss / d logits = weight * (softmax - one-hot)
        logits.mul_(weight / total).scatter_add_(1, target, -weight)
        sloped = logits.to(kind)
        for_hidden[part] = sloped @ used
        if for_head is not None:
            for_head.addmm_(sloped.T, rows) if kind == torch.float32 else for_head.add_(sloped.T @ rows)
    ctx.save_for_backward(for_hidden, None if for_head is None else for_head.to(head.dtype))
    ctx.mark_non_differentiable(of_token)
    return (of_token * weights).sum(), of_token
