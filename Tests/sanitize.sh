#!/bin/sh
# Tests under AddressSanitizer, with the C sources under UndefinedBehaviorSanitizer too, then under ThreadSanitizer.
#   sh Tests/sanitize.sh [address] [thread]
# A sanitizer has an allocator of its own: suites that make the tool's fail are left out, and those that train for minutes.
set -eu
cd "$(dirname "$0")/.."
swift=${SWIFT:-swift}
# A trap ends the run; a backtrace of a sanitised process can take minutes.
export SWIFT_BACKTRACE=enable=no OPENBLAS_NUM_THREADS=1
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
suites='^(FaultsTests|TensorsTests|FilesTests|SignaturesTests|JSONTests|CompressionTests|ProgressTests|ThreadsTests|RanksTests'
suites="$suites|LinearAlgebraTests|CheckpointsTests|TokenizersTests|FormatsTests|AdaptersTests|BasesTests|ArtifactsTests|ModelsTests"
suites="$suites|ProjectionTests|EvaluationTests|TrainingTests|ReportsTests|RecipesTests|FleetTests|VerificationTests)\\."
# What divides work among threads: the map, kernels, streams of layers, caches, scratch files, ranks. These and what they need
# alone are built (Package.swift): all of it would take an hour.
threads='ThreadsTests RanksTests FilesTests LinearAlgebraTests BasesTests ModelsTests'
thread_filter='^(ThreadsTests|RanksTests|FilesTests|LinearAlgebraTests|BasesTests|ModelsTests)\.'
failed=0
for kind in ${*:-address thread}; do
  scratch=.build-$kind
  flags=
  filter=$suites
  skipped='^$'
  unset XSPRESS_SUITES
  if [ "$kind" = address ]; then
    flags='-Xcc -fsanitize=undefined -Xcc -fno-sanitize=function'
  else
    export XSPRESS_SUITES="$threads"
    filter=$thread_filter
    # The C library starts the threads of its asynchronous calls past the sanitizer, which then ends in its own allocator.
    skipped=FilesTogetherTests
    mkdir -p "$scratch"
    # The standard library writes the 0 of its one empty array again and again. Who waits for a Mutex takes it inside a library
    # without the sanitizer, which then sees no order: a program of ten lines that only counts under one is reported too. So is
    # what comes out of these, which hold all they share under one; nothing else was ever reported.
    printf 'race:%s\n' _swiftEmptyArrayStorage LenderC4take LenderC8giveBack LayerStreamC5layer \
      LinearAlgebra12FrozenMatrixC >"$scratch/suppressions"
    export TSAN_OPTIONS="suppressions=$PWD/$scratch/suppressions"
  fi
  # shellcheck disable=SC2086
  "$swift" build -c release --build-tests --sanitize="$kind" --scratch-path "$scratch" $flags
  "$swift" test -c release --disable-testable-imports --skip-build --sanitize="$kind" --scratch-path "$scratch" \
    --filter "$filter" --skip "$skipped" >"$scratch/log" 2>&1 || failed=1
  # Undefined behaviour is said and does not end the process.
  if grep -aE 'runtime error:|ERROR: AddressSanitizer|WARNING: ThreadSanitizer' "$scratch/log"; then failed=1; fi
  grep -aE '^✘|Test run with' "$scratch/log" || failed=1
done
exit $failed
