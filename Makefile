# The targets a person needs; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -o pipefail -c
CARGO ?= cargo
ROWS ?= 1000000
INTO ?= headworks-demo
HISTORIES ?= 1000000
PROJECTS ?= 100
WATCHED_RUNS ?= 1000

.PHONY: help demo build test test-peers tidy lint check soak bench docs install

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

build: ## Compile the program, with a line of progress now and then
	@echo "Compiling Headworks; the first time this takes some minutes."
	@$(CARGO) build --locked --workspace 2>&1 | awk '/Compiling/ { n++; if (n % 40 == 0) { print "  " n " crates compiled …"; fflush() } } /^(error|warning: unused)/ { e = 1 } e { print } /Finished/ { done = 1 } END { if (done) print "  compiled" }'

demo: build ## Compile, then watch raw data become a guarded warehouse
	@"$$($(CARGO) metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug/headworks" demo --rows $(ROWS) --into $(INTO)

test: ## Install and start what the tests need, and run every test
	@bash tests/run.sh

tidy: ## Format and the house rules
	$(CARGO) fmt --all --check
	$(CARGO) xtask tidy

lint: tidy ## Format, the house rules and clippy
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

check: tidy ## What a developer runs: format, house rules, the rooms' own tests
	$(CARGO) test --locked --workspace --lib

soak: ## Some hours: millions of random histories, projects whose runs are killed, a reader beside runs that fail
	HEADWORKS_HISTORIES=$(HISTORIES) HEADWORKS_PROJECTS=$(PROJECTS) $(CARGO) test --locked --workspace -- convergence histories
	HEADWORKS_WATCHED_RUNS=$(WATCHED_RUNS) bash tests/soak.sh

bench: ## Measure against DuckDB in alternating runs (PyPI's duckdb)
	@bash bench/run.sh

docs: ## Write the page that shows what the demo prints
	@bash docs/write.sh

install: ## Compile with all optimisations and install
	$(CARGO) install --locked --path crates/headworks

test-peers: build ## Hold the program against Great Expectations, dbt and Soda from PyPI
	@bash tests/suites/peers.sh "$$($(CARGO) metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug/headworks"
