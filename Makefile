# `make` alone lists the targets: a line with two hashes after its name.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# In CI a stale lock file is an error, not something to repair in passing.
locked := $(if $(CI),--locked)
millrace := cargo run $(locked) --profile quick -p cli --bin millrace --

.PHONY: help cargo quick lint run demo dapr check test sim soak sabotage naive thousand stopped test-kafka test-rabbitmq test-redis-cluster test-valkey test-jaeger test-kube test-rollout record-alerts chaos heal cut killup power replicas bench costs stages bench-smoke generate modules test-api deny static sbom test-interop clean-cache

help: ## This list
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-18s %s\n", $$1, $$2 }'

cargo:
	@command -v cargo >/dev/null || { echo "cargo is missing; type: curl https://sh.rustup.rs -sSf | sh" >&2; exit 3; }

run: cargo ## All services in one process, no broker; data stays in ./.millrace
	@$(millrace) up

demo: cargo ## Every way an order can end, on a fresh directory; fails if one ends otherwise
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && trap 'exit 130' INT TERM && $(millrace) demo --data "$$data"

dapr: cargo ## Every service a process with its own daprd, over Redis; fetches what is missing
	@MILLRACE_DAPRD=$$(tools/get-daprd) && MILLRACE_REDIS_SERVER=$$(tools/get-redis) && \
	export MILLRACE_DAPRD MILLRACE_REDIS_SERVER && $(millrace) dev

lint: cargo
	cargo fmt --all --check
	cargo clippy $(locked) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(locked) --workspace --no-deps --quiet

check: lint ## Format, lints, documentation builds, generated files up to date
	cargo test $(locked) -q -p xtask

test: cargo ## Everything: check, then each test, those on real daprd and Redis included
	@tools/test

# SEED=17 replays that seed and tells every step; TRACE=file says where. A failure says what to type.
simulation := cargo run $(locked) --profile quick -q -p blackbox --bin sim --

sim: cargo ## The simulation; SEEDS=, ORDERS= for more or fewer, SEED= to replay one, TRACE= for its steps
	@$(simulation) seeds=$(or $(SEEDS),1000) orders=$(or $(ORDERS),200) seed=$(SEED) place=$(PLACE) only=$(ONLY) trace=$(TRACE)

soak: cargo ## The simulation, seed after seed, until Ctrl-C or a failure; FIRST= to begin elsewhere
	@$(simulation) seeds=0 orders=$(or $(ORDERS),200) first=$(or $(FIRST),0)

sabotage: cargo ## Single conditions of the framework switched off; by which seed the simulation sees each
	RANGES=3 cargo test $(locked) -p blackbox --features sabotage --test sabotage -- --nocapture --test-threads 1
	cargo test $(locked) -p millrace --features sabotage --test pipeline losses::without_the

naive: cargo ## What usual recipes for "exactly once" lose and double, beside our commit
	RUNS=3 cargo test $(locked) -p blackbox --features sabotage --test sabotage -- --nocapture a_mark_apart

quick: cargo
	@cargo build $(locked) --profile quick -p cli

thousand: quick ## 1,000 orders, plain, mixed and doubled, on each pair; judged by the partners' ledgers
	tools/acceptance thousand embedded
	tools/acceptance thousand dapr

stopped: quick ## A daprd stopped: its service hears nothing; let go: all is finished
	tools/acceptance stop

test-kafka: quick ## 1,000 mixed orders on Kafka, killed three times; then TLS and users; needs a JDK and Maven
	tools/acceptance broker kafka
	@KAFKA=$$(tools/get-kafka) && export KAFKA && cargo test $(locked) -p deploy --test deploy -- --nocapture kafka::

test-rabbitmq: quick ## The same with notifications on RabbitMQ and the rest on Redis, both killed; then all on RabbitMQ
	tools/acceptance broker rabbitmq

test-redis-cluster: quick ## The same on a Redis Cluster of three masters, each killed and away for 4 s
	tools/acceptance broker redis-cluster

test-valkey: quick ## The same on Valkey, events and store
	tools/acceptance broker valkey

test-jaeger: quick ## An order of a running shop, found in Jaeger as one trace; needs Go
	tools/acceptance jaeger

test-kube: cargo ## Each overlay, and planted faults, before a real and strict Kubernetes API server; builds it once
	@KUBE=$$(tools/get-kube) && export KUBE && cargo test $(locked) -p deploy --test deploy -- --nocapture applied

test-rollout: cargo ## Each overlay rolled out by real controllers onto pretended nodes, upgraded, rolled back
	@KUBE=$$(tools/get-kube) && export KUBE && cargo test $(locked) -p deploy --test deploy -- --nocapture --test-threads 1 rollout

# FAULTS="redis-stopped duplicates" for some of them; 25 minutes for all.
record-alerts: quick ## deploy/recordings/ anew: what Prometheus sees of real faults, for the tests of the alert rules
	@MILLRACE_DAPRD=$$(tools/get-daprd) && MILLRACE_REDIS_SERVER=$$(tools/get-redis) && \
	cargo run $(locked) -p deploy --example record -- $(FAULTS)

# MINUTES= of faults after the recoveries are measured, SEED= for the run that failed.
chaos: cargo ## kill -9 of everything in turn, links in trouble, the broker wiped, under load; MINUTES=, SEED=
	@MILLRACE_DAPRD=$$(tools/get-daprd) && MILLRACE_REDIS_SERVER=$$(tools/get-redis) && \
	export MILLRACE_DAPRD MILLRACE_REDIS_SERVER && \
	MINUTES=$${MINUTES:-10} cargo test $(locked) -p cli --test chaos -- --nocapture

# KILLS=20 for less, SEED=17 for other moments.
killup: cargo ## `millrace up` killed with SIGKILL 300 times under load; judged by the partners' ledger files
	KILLS=$${KILLS:-300} cargo test $(locked) -p cli --test cli -- --nocapture a_shop_killed_again_and_again

# LOSSES=10 for less, SEED=17 for other ones.
power: cargo ## `millrace up` under 100 losses of power: what was not synced is cut off; judged likewise
	LOSSES=$${LOSSES:-100} cargo test $(locked) -p cli --test cli -- --nocapture a_loss_of_power_takes
# ARGS="100000 64 memory view" for less; MILLRACE_REDIS_URL for Redis as well.
heal: cargo ## Time to heal a million missing events; ARGS= to choose
	cargo run $(locked) -q --release -p millrace --example heal -- $(ARGS)

replicas: cargo ## Two replicas of every service on real daprd and one Redis, one of each killed under 300 orders
	MILLRACE_DAPRD=$$(tools/get-daprd) MILLRACE_REDIS_SERVER=$$(tools/get-redis) ORDERS=300 KILLS=7 \
	cargo test $(locked) -p blackbox --test real replicas -- --nocapture

# CUT=cluster, CUT="last 1000" for the lines of the table that have it.
cut: cargo ## Redis' log cut, or its master killed, under load, at each level of durability; a table
	@MILLRACE_DAPRD=$$(tools/get-daprd) && MILLRACE_REDIS_SERVER=$$(tools/get-redis) && \
	export MILLRACE_DAPRD MILLRACE_REDIS_SERVER && \
	CUT="$${CUT:-all}" cargo test $(locked) -p blackbox --test real what_a_level_promises -- --nocapture

# ARGS="--forms memory,disk,dapr --peers --repeat 5" needs `make dapr`'s programs and Go; ARGS=--help tells the rest.
bench: cargo ## Throughput, latency, CPU and memory of the standard jobs; ARGS= to choose
	@cargo build $(locked) -q --release -p cli -p bench
	@cargo run $(locked) -q --release -p bench -- run $(ARGS)

# ARGS="--only flat,hot" for some of them.
costs: cargo ## What no load shows: flat cost, one hot article, the tax of exactly once, start, size, memory
	@cargo build $(locked) -q --release -p cli -p bench
	@cargo run $(locked) -q --release -p bench -- costs $(ARGS)

stages: cargo ## Time, allocations and bytes of each stage of an event's way
	@cargo bench $(locked) -q -p bench --bench stages

bench-smoke: cargo ## Only that the benchmarks run and their invariants hold
	cargo build $(locked) -q -p cli
	cargo test $(locked) -p bench

# EXAMPLES=1000 for more of each call, SEED=17 for other ones; a failure prints the call to repeat.
test-api: cargo ## schemathesis against the gateway of a running shop, chains of calls included: EXAMPLES=, SEED=
	EXAMPLES=$${EXAMPLES:-100} PHASES=examples,coverage,fuzzing,stateful \
	cargo test $(locked) -p cli --test cli -- --nocapture the_gateway_answers_what_its_document_says

test-interop: cargo ## CloudEvents by the official SDKs for Python and JavaScript, to the gateway of a shop on daprd and Redis
	MILLRACE_DAPRD=$$(tools/get-daprd) MILLRACE_REDIS_SERVER=$$(tools/get-redis) \
	cargo test $(locked) -p cli --test cli -- --nocapture what_official_sdks_send

generate: cargo ## Write anew what is derived from schemas/
	cargo run $(locked) -q -p xtask -- generate

modules: cargo ## Which module of each crate uses which, circles, lines, the longest function
	@cargo run $(locked) -q -p xtask -- modules

# CHECKS="licenses bans sources" without a network: known vulnerabilities are read from one.
deny: cargo ## Licences, origins and known vulnerabilities of every dependency; CHECKS=
	@deny=$$(tools/get-cargo-deny) && "$$deny" check $(or $(CHECKS),advisories licenses bans sources)

# PROFILE=quick for one that is built sooner.
static: cargo ## The binary as the image has it, on musl; fails unless it runs with nothing beside it
	@tools/static

sbom: cargo ## target/millrace.cdx.json: the crates linked into the image's binary, as CycloneDX
	@tools/sbom

clean-cache: ## Delete what was fetched: daprd, Valkey, tools of tests
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/millrace"
