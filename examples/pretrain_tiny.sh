#!/bin/sh
# From the example corpus to a model that writes reflections, on a CPU, in under three minutes.
# Usage: examples/pretrain_tiny.sh [FOLDER]; needs the extra `train`. Run it again to go on where it stopped.
set -eu
cd "$(dirname "$0")/.."
out=${1:-tiny-out}
reflectgen=${REFLECTGEN:-.venv/bin/reflectgen}
corpus="examples/corpus/everyday.jsonl examples/corpus/stories.jsonl" # the rest is one document in each of 8 languages
mkdir -p "$out"

# Built-in guard and teacher: no server, no key. Short chunks, so that few documents show many reflections.
$reflectgen run $corpus --out "$out/job" --format jsonl --chunk-words 30
$reflectgen train-tokenizer "$out"/job/export/jsonl/*.jsonl --to "$out/tokenizer" --vocab-size 2048
$reflectgen export "$out/job" --to "$out/tokens" --format tokens --tokenizer "$out/tokenizer"

# Whole documents: were they cut, the model would learn closing markers without their opening ones.
cat >"$out/train.toml" <<TOML
out = "$out/run"
[data]
path = "$out/tokens/tokens"
held_out = 0.05
sequence_length = 768
packing = "whole"
[model]
preset = "nano"
[optimizer]
lr = 3e-3
decay = 0.5
[loop]
steps = 900
batch_size = 2
threads = 2
[log]
every = 100
eval_every = 300
[checkpoint]
every = 300
TOML
$reflectgen train "$out/train.toml"

# The first words of the corpus's own documents, four times over; what follows is the model's.
sed -n 's/.*"text": *"\([^"\\]\{20,60\}\) .*/\1/p' $corpus >"$out/beginnings.txt"
cat "$out/beginnings.txt" "$out/beginnings.txt" "$out/beginnings.txt" "$out/beginnings.txt" >"$out/prompts.txt"
$reflectgen generate "$out/run/model" --prompts "$out/prompts.txt" --max-new-tokens 200 --temperature 0.5 \
  --batch-size 256 --must-parse 0.99 >"$out/generated.txt"
tail -n 12 "$out/generated.txt"
