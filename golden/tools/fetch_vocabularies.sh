#!/bin/sh
# Fetches the vocabularies and vectors of llama.cpp that are not ours to distribute into
# models/vocabularies, for Tests/TokenizersTests. Needs pip and about 80 MB of download.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --no-binary llama-cpp-python --dest "$work" \
  llama-cpp-python==0.3.36
mkdir -p "$root/models/vocabularies"
for name in gpt-2 qwen2 llama-bpe starcoder refact command-r mpt llama-spm phi-3 falcon deepseek-llm \
  deepseek-coder qwen35 gemma-4 bert-bge nomic-bert-moe gpt-neox; do
  tar -xzf "$work"/llama_cpp_python-0.3.36.tar.gz -C "$root/models/vocabularies" \
    --strip-components=4 --wildcards "*/vendor/llama.cpp/models/ggml-vocab-$name.gguf*"
done
ls "$root/models/vocabularies"
