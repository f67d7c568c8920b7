"""Model FLOPs utilisation: the arithmetic that a model needs, over what the chip could do in that time."""

from __future__ import annotations

from typing import Any

# Dense bf16 TFLOP/s from the vendors' data sheets, by a part of the device's name; the first that fits.
PEAK_TFLOPS = {"H200": 989.0, "H100 PCIe": 756.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "4090": 165.0}


def flops_per_token(num_matmul_parameters: int, num_layers: int, attention_width: int, length: int) -> int:
    """Return forward and backward FLOPs of a token: 6 N + 12 L d T (PaLM, arXiv 2204.02311, appendix B).

    N counts the weights of matrix products, so the head but not the embedding. Document masking saves some of the
    attention, which is counted all the same.
    """
    return 6 * num_matmul_parameters + 12 * num_layers * attention_width * length


def peak_flops(device_name: str, said_tflops: float | None) -> float | None:
    """Return the chip's peak in FLOP/s; None where nobody knows."""
    if said_tflops is not None:
        return said_tflops * 1e12
    return next((peak * 1e12 for name, peak in PEAK_TFLOPS.items() if name in device_name), None)


def model_flops_per_token(model: Any, length: int) -> int:
    """Return those of a model of transformers on sequences of `length` tokens."""
    config = model.config
    embedding = model.get_input_embeddings().weight.numel()
    tied = bool(config.tie_word_embeddings)
    in_products = sum(p.numel() for p in model.parameters() if p.ndim > 1) - (0 if tied else embedding)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return flops_per_token(in_products, config.num_hidden_layers, config.num_attention_heads * head_dim, length)
