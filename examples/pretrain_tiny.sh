#!/bin/sh
# From the example corpus to a model that writes reflections, on a CPU, in under three minutes.
# Usage: examples/pretrain_tiny.sh [FOLDER]; needs the extra `train`. Run it again to go on where it stopped.
set -eu
cd "$(dirname "$0")/.."
out=${1:-tiny-out}
reflectgen=${REFLECTGEN:-.venv/bin/reflectgen}
mkdir -p "$out"

# Built-in guard and teacher: no server, no key.
$reflectgen run examples/corpus --out "$out/job" --format jsonl
$reflectgen train-tokenizer "$out"/job/export/jsonl/*.jsonl --to "$out/tokenizer" --vocab-size 2048
$reflectgen export "$out/job" --to "$out/tokens" --format tokens --tokenizer "$out/tokenizer"

cat >"$out/train.toml" <<TOML
out = "$out/run"
[data]
path = "$out/tokens/tokens"
held_out = 0.05
sequence_length = 256
[model]
preset = "nano"
[optimizer]
lr = 4e-3
[loop]
steps = 450
batch_size = 2
threads = 1
[log]
every = 25
eval_every = 150
[checkpoint]
every = 150
TOML
$reflectgen train "$out/train.toml"

# The first words of the corpus's own documents; what follows is the model's.
sed -n 's/.*"text": *"\([^"\\]\{20,60\}\).*/\1/p' examples/corpus/*.jsonl >"$out/prompts.txt"
$reflectgen generate "$out/run/model" --prompts "$out/prompts.txt" --max-new-tokens 200 \
  --must-parse 0.99 >"$out/generated.txt"
tail -n 12 "$out/generated.txt"
