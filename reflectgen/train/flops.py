"""Model FLOPs utilisation: the arithmetic that a model needs, over what the chip could do in that time."""

from __future__ import annotations

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
