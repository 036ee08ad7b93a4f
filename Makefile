# What one does with this repository, by name. `make` alone lists it.
#
# Needed: cargo (Rust 1.95 or newer) and a C compiler, for the SQLite that is built in. Everything else
# is fetched by cargo. cargo-nextest is used where it is installed. With Python 3.10 or newer, `make test`
# also reads tables that another program wrote; without it, it says so at its end.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help tools demo test tables simulate crash fuzz check doctest bench bench-observe check-sdk check-deltalake check-spelling check-licenses clean

# Options of the demonstration: make demo ARGS='--dir ./lakehouse --keep'
ARGS ?=
# How often `make crash` kills.
KILLS ?= 200
RUST_NEEDED := 1.95.0
PYTHON ?= python3
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

# A snapshot that changed is a failed test, not a new file.
export INSTA_UPDATE ?= no

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

tools: # says what is missing and how to get it
	@command -v cargo >/dev/null || { echo "cargo is missing; get it with:" >&2; \
	  echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" >&2; exit 1; }
	@have=$$(rustc --version | cut -d' ' -f2 | cut -d- -f1); \
	  printf '%s\n' $(RUST_NEEDED) "$$have" | sort -C -V || { \
	  echo "Rust $(RUST_NEEDED) or newer is needed, this is $$have; get it with: rustup update stable" >&2; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "a C compiler is missing; get one with:" >&2; \
	  echo "  sudo apt-get install -y build-essential    # macOS: xcode-select --install" >&2; exit 1; }

demo: tools ## build everything and show it on a sample lakehouse, on this machine alone
	cargo run --locked -- demo $(ARGS)

test: check doctest ## everything that has to hold before a change is merged
	@rm -f target/tmp/unproven.txt
# Without Python the tests note what they could not prove; a generator that fails is a failure.
	@if $(MAKE) --no-print-directory $(VENV_DELTA)/pinned; then $(MAKE) --no-print-directory tables; else rm -rf $(TABLES); fi
ifdef NEXTEST
	cargo nextest run --locked --workspace --no-fail-fast
else
	cargo test --locked --workspace --lib --bins --tests --examples --no-fail-fast
endif
	@if [ -e target/tmp/unproven.txt ]; then cat target/tmp/unproven.txt; fi

# Python with deltalake, made anew when the pins change, and the tables that tests read.
VENV_DELTA := target/venv-delta
TABLES := target/tmp/tables
$(VENV_DELTA)/pinned: fixtures/tables/requirements.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) with venv is missing; get it with:" >&2; \
	  echo "  sudo apt-get install -y python3 python3-venv    # macOS: xcode-select --install" >&2; exit 1; }
	@rm -rf $(VENV_DELTA)
	@$(PYTHON) -m venv $(VENV_DELTA)
	@$(VENV_DELTA)/bin/pip install --quiet --disable-pip-version-check --requirement $< || { \
	  echo "deltalake could not be fetched from PyPI; Python 3.10 or newer is needed" >&2; exit 1; }
	@cp $< $@

$(TABLES)/expected.json: $(VENV_DELTA)/pinned $(shell find fixtures/tables -name '*.py') fixtures/tables/rules.json
	@$(VENV_DELTA)/bin/python fixtures/tables/generate.py $(TABLES)

tables: $(TABLES)/expected.json ## write the catalogue of Delta tables for tests (fetches deltalake from PyPI)

simulate: tools ## play hostile histories of the reconciler, 100,000 of them: make simulate ARGS='--hunt'
	cargo run --locked --profile simulation -p headwater-simulation -- $(ARGS)

crash: tools ## kill the reconciler 200 times at random while answers are lost: make crash KILLS=1000
	KILLS=$(KILLS) cargo test --locked -p headwater --test it -- --exact --nocapture \
	  recovery::fault_50_kills_and_lost_answers_start_nothing_twice_and_leave_nothing_stale

check: tools ## format, lints, documentation, and the two libraries on their own
	@for part in fmt clippy; do cargo $$part --version >/dev/null 2>&1 || rustup component add "$${part/fmt/rustfmt}"; done
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo check --locked -p headwater-assets -p headwater-lineage
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps

doctest: tools
	cargo test --locked --workspace --doc --quiet

# Seconds for each target; one target alone: make fuzz FUZZ=manifest SECONDS_EACH=3600
SECONDS_EACH ?= 120
FUZZ ?= api_answer asset_file delta_commit graph manifest project_file selection
fuzz: tools ## look for inputs that break a law, with cargo-fuzz (needs a C++ compiler)
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing; get it with: cargo install cargo-fuzz --locked" >&2; exit 1; }
	@export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=line-tables-only; \
	for target in $(FUZZ); do \
	  mkdir -p target/fuzz/$$target; \
	  cargo fuzz run -s none --features libfuzzer $$target target/fuzz/$$target fuzz/corpus/$$target -- \
	    -dict=fuzz/dictionaries/$$target.dict -max_total_time=$(SECONDS_EACH) -max_len=65536 -timeout=10 -rss_limit_mb=2048; \
	done

bench: tools ## the measurements of benches/
	cargo bench --locked

bench-observe: tools $(VENV_DELTA)/pinned ## what it costs to see how tables stand, beside deltalake (fetches it from PyPI): make bench-observe ARGS=quick
	cargo bench --locked --bench observe -- --beside "$(CURDIR)/$(VENV_DELTA)/bin/python" $(ARGS)

check-sdk: tools ## drive the workspace emulator with the vendor's Python SDK (fetches it from PyPI)
	$(PYTHON) -m venv target/venv-sdk
	target/venv-sdk/bin/pip install --quiet databricks-sdk==0.156.0
	cargo build --locked -p headwater-workspace
	target/venv-sdk/bin/python fixtures/workspace/tests/sdk_check.py target/debug/headwater-workspace

check-deltalake: tools $(VENV_DELTA)/pinned ## read the sample's tables with another Delta reader (fetches it from PyPI)
	$(VENV_DELTA)/bin/python fixtures/workspace/tests/deltalake_check.py

check-spelling: ## look for typing errors (fetches `typos` from PyPI)
	$(PYTHON) -m venv target/venv-typos
	target/venv-typos/bin/pip install --quiet typos
	target/venv-typos/bin/typos

check-licenses: ## licences and sources of dependencies (needs cargo-deny)
	cargo deny --config .deny.toml check licenses bans sources

clean: ## remove everything that was built
	cargo clean
