"""Models to train: from a shape with random weights, or a Hugging Face folder; and how one is asked for its loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from reflectgen.errors import InputError
from reflectgen.train import attention
from reflectgen.train.batch import Batch
from reflectgen.train.loss import weighted_loss
from reflectgen.train.presets import Shape

VOCABULARY_MULTIPLE = 64  # matrix units want it; ids beyond the tokenizer's are never targets


def new_model(shape: Shape, vocab_size: int, end_of_text_id: int, seed: int) -> LlamaForCausalLM:
    """Return a Llama with random weights; the same seed gives the same ones."""
    config = LlamaConfig(
        vocab_size=-(-vocab_size // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_layers,
        num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_kv_heads or shape.num_heads,
        max_position_embeddings=shape.max_positions,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        rms_norm_eps=1e-5,
        tie_word_embeddings=shape.tie_embeddings,
        initializer_range=shape.init_std,
        bos_token_id=end_of_text_id,
        eos_token_id=end_of_text_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def load_model(folder: Path, vocab_size: int) -> Any:
    """Return the model of a Hugging Face folder, in float32, with room for a vocabulary that has grown.

    Raises:
        InputError: there is none that can be loaded.
    """
    model = pretrained(folder, dtype=torch.float32)
    if model.config.vocab_size < vocab_size:
        model.resize_token_embeddings(vocab_size, pad_to_multiple_of=VOCABULARY_MULTIPLE)
    return model


def pretrained(folder: Path, **options: Any) -> Any:
    """Return the model of a Hugging Face folder as it is.

    Raises:
        InputError: there is none that can be loaded.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _cannot_load("a model", folder, error) from error


def pretrained_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a Hugging Face folder.

    Raises:
        InputError: there is none that can be loaded.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises nothing more special
        raise _cannot_load("a tokenizer", folder, error) from error


def _cannot_load(what: str, folder: Path, error: Exception) -> InputError:
    first = str(error).strip().partition("\n")[0]
    return InputError(f"cannot load {what} from {folder}: {first or type(error).__name__}")


class LossModel(nn.Module):
    """A causal language model whose forward is its loss, so that DDP and FSDP wrap head and loss as well."""

    def __init__(self, model: Any, document_masking: bool) -> None:
        super().__init__()
        model.set_attn_implementation(attention.NAME)
        self.model = model
        self.document_masking = document_masking

    def forward(
        self, ids: Tensor, targets: Tensor, weights: Tensor, positions: Tensor, documents: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weighted sum of losses, each token's loss, and the last hidden states (tokens, width)."""
        hidden = self._hidden(ids, positions, documents).flatten(0, 1)
        head = self.model.get_output_embeddings().weight
        total, of_token = weighted_loss(hidden, head, targets.flatten(), weights.flatten())
        return total, of_token.view_as(targets), hidden.detach()

    def _hidden(self, ids: Tensor, positions: Tensor, documents: Tensor) -> Tensor:
        extra: dict[str, Any] = {}
        if self.document_masking and ids.device.type == "cuda":
            extra = {"document_bounds": attention.document_bounds(documents), "longest": ids.shape[1]}
        elif self.document_masking:
            autocast = torch.is_autocast_enabled("cpu")
            kind = torch.get_autocast_dtype("cpu") if autocast else torch.float32
            extra = {"attention_mask": attention.document_mask(documents, kind)}
        decoder = self.model.get_decoder()
        found: Tensor = decoder(input_ids=ids, position_ids=positions, use_cache=False, **extra).last_hidden_state
        return found


def on_device(batch: Batch, device: torch.device) -> dict[str, Tensor]:
    """Return what `LossModel` takes."""
    names = ("ids", "targets", "weights", "positions", "documents")
    return {name: torch.from_numpy(getattr(batch, name)).to(device, non_blocking=True) for name in names}
