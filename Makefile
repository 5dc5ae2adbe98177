# Every target sets up what it needs: on Debian and Ubuntu, Rust (https://rustup.rs) is all that must be there before.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# What builds ISA-L, which only x86-64 has.
ISAL_NEEDS  := nasm=nasm autoreconf=autoconf automake=automake libtoolize=libtool
# Command=package: what compiles (aws-lc and zlib-ng are C), and what the tests and benchmarks use as peers.
BUILD_NEEDS := cc=gcc g++=g++ cmake=cmake make=make $(if $(filter x86_64,$(shell uname -m)),$(ISAL_NEEDS))
TEST_NEEDS  := nginx=nginx curl=curl chromium=chromium wrk=wrk h2load=nghttp2-client nghttp=nghttp2-client \
               certutil=libnss3-tools openssl=openssl python3=python3 ensurepip=python3-venv node=nodejs
LOAD_NEEDS  := nginx=nginx wrk=wrk h2load=nghttp2-client openssl=openssl python3=python3 curl=curl
BENCH_NEEDS := $(LOAD_NEEDS) chromium=chromium
PROFILE_NEEDS := perf=linux-perf strace=strace
comma       := ,
# Of the servers that can be compared beside nginx, those that Debian has.
PEER_NEEDS  := $(foreach peer,$(filter caddy haproxy h2o,$(subst $(comma), ,$(PEERS))),$(peer)=$(peer))
VENV_NEEDS  := python3=python3 ensurepip=python3-venv
NODE_NEEDS  := node=nodejs npm=npm

REQUIREMENTS := $(wildcard tests/foreign/requirements.txt)

.PHONY: help run test lint fmt static release bench bench-compare micro fuzz profile venv deny build-needs

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: build-needs ## builds the edge and starts it with ./proxy.toml: https://localhost:8443
	cargo build --workspace
	cargo run

test: build-needs venv ## runs every test, with all the peers they talk to
	@.ci/need may $(TEST_NEEDS)
	cargo test --workspace
	python3 -m unittest discover --quiet --start-directory benches/report/tests --top-level-directory benches
	cd benches && python3 -m unittest --quiet runner.tests.test_kernel runner.tests.test_page

lint: build-needs ## formatting, clippy, documentation; no warning passes
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

fmt: ## formats the source
	cargo fmt --all

static: ## builds the demo app into static/dist
	@.ci/need must $(NODE_NEEDS)
	cd static && npm ci && npm run build

release: build-needs ## the binary as it is handed out, built by what ran under load: target/pgo/HOST/release/transom
	@.ci/need must $(LOAD_NEEDS)
	.ci/release

bench: build-needs ## the comparison with nginx; SCENARIO=s5,s8 ROUNDS=7 PEERS=caddy,pingora LOG=off NGINX=/path BASE=/path choose
	@.ci/need must $(BENCH_NEEDS) $(PEER_NEEDS)
	cargo build --release --workspace
	$(if $(findstring pingora,$(PEERS)),cargo build --release --manifest-path benches/peers/pingora/Cargo.toml --target-dir benches/peers/pingora/target)
	python3 benches/bench.py "$(SCENARIO)" --peers "$(PEERS)" --log $(or $(LOG),on) --rounds $(or $(ROUNDS),9) --seconds $(or $(BENCH_SECONDS),1)

bench-compare: ## two results side by side: A=benches/results/… B=benches/results/…
	@python3 benches/bench.py --compare "$(A)" "$(B)"

micro: build-needs ## small benchmarks of single functions
	cargo bench --bench micro

fuzz: build-needs ## one fuzzer for a while, with a nightly compiler; TARGET=path|range|accept_encoding|conditional|proxy_protocol|hpack|http2 SECONDS=900
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	@rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
	@mkdir -p fuzz/found/$(or $(TARGET),range)
	cargo +nightly fuzz run $(or $(TARGET),range) fuzz/found/$(or $(TARGET),range) fuzz/corpus/$(or $(TARGET),range) -- -max_total_time=$(or $(SECONDS),900) -max_len=4096

profile: build-needs ## a flame graph and the system calls of one scenario, in target/profile; SCENARIO=s1
	@.ci/need must $(BENCH_NEEDS) $(PROFILE_NEEDS)
	cargo build --release --workspace
	python3 benches/bench.py "$(or $(SCENARIO),s1)" --profile

venv: $(if $(REQUIREMENTS),.venv/ready) ## the Python that tests use as a foreign backend and client, in .venv

.venv/ready: $(REQUIREMENTS)
	@.ci/need must $(VENV_NEEDS)
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement $<
	@touch $@

deny: ## licences, advisories and sources of the dependencies
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check

build-needs:
	@command -v cargo >/dev/null || { echo "missing: Rust. Install it from https://rustup.rs" >&2; exit 1; }
	@.ci/need must $(BUILD_NEEDS)
