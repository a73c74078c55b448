# `make` checks what a commit must pass, in about a minute; `make help` lists the rest.
# Go is all it needs: the tools come through go.mod.

.DEFAULT_GOAL := check
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

DIST ?= dist#        where make dist puts the directory paddock
FUZZTIME ?= 20s#     for each fuzz target
N ?= 500000#         requests of make differential; seeds of make sim, there 10000 if not given
NODES ?= 10#         how often make nodes runs its tests
SERVERS ?= 1#        on each side there
FROM ?= 0#           the first seed there; 0 takes seeds that have not been used
SECONDS ?= 600#      of make robustness and make migration; make hostile takes 60 for each test if not given
GO ?= go
SUITES ?= bin/suites# where make suites puts its lists and logs

# Commit and time of commit go into the binary; the same commit gives the same bytes.
COMMIT := $(shell git rev-parse HEAD 2>/dev/null)
COMMITTED := $(shell git log -1 --format=%cI 2>/dev/null)
VERSION := github.com/paddock-io/paddock/internal/version
STAMP := -X $(VERSION).stampedCommit=$(COMMIT) -X $(VERSION).stampedTime=$(COMMITTED)

.PHONY: check
check: fmt-check vet unit ## format, vet, fast tests (the default)

.PHONY: test
test: lint race seeds interop ## everything CI runs: lint, unit tests with -race, walkthrough, other people's clients and servers

.PHONY: unit
unit: ## unit tests, the fast way
	$(GO) test -short ./...

.PHONY: race
race: ## all tests of the main module with the race detector, walkthrough and import floors among them
	$(GO) test -race -timeout 20m ./...
	cd docs/gen && $(GO) test ./...

.PHONY: seeds
seeds: ## the first 500 histories of the simulator
	$(GO) test -count=1 -timeout 20m -run '^TestSim$$' ./internal/sim

.PHONY: sim
sim: ## N simulated histories of whole ensembles from seeds that nobody has seen, or FROM=1 on; SEED=0x2a TRACE=1 shows one
	$(GO) test -count=1 -timeout 12h -v -run '^TestSim$$' ./internal/sim \
		$(if $(SEED),-sim.seed=$(SEED) $(if $(TRACE),-sim.trace),-sim.from=$(FROM) -sim.n=$(if $(filter file,$(origin N)),10000,$(N)))

.PHONY: planted
planted: ## plants one bug after the other, each of which the simulator must find within N seeds (3000); ONLY='part of a name'
	$(GO) test -count=1 -timeout 12h -v -run '^TestPlanted$$' ./internal/sim \
		-planted.n=$(if $(filter file,$(origin N)),3000,$(N)) -planted.only='$(ONLY)'

.PHONY: interop
interop: ## tests against Java, C, Python and Go clients and Java servers; test/peers/install.sh gets them
	cd test/interop && $(GO) vet ./... && $(GO) test -p 1 -timeout 20m ./...

.PHONY: migration
migration: ## a loaded Java ensemble becomes Paddock and Java again, server by server, under clients of three kinds, within SECONDS
	cd test/interop && $(GO) test -count=1 -timeout 2h -v -run '^TestMigration$$' . -migration.seconds=$(SECONDS)

.PHONY: suites
suites: ## test suites of kazoo and go-zookeeper with Java's server and with Paddock, compared; ARGS='-with paddock kazoo'
	test/peers/install.sh --suites
	cd test/interop && $(GO) run ./cmd/suites -out $(abspath $(SUITES)) $(ARGS)

.PHONY: differential
differential: ## N random requests to Java and to Paddock, who must answer alike; SERVERS=3 for ensembles, SEED=7 replays a stream
	cd test/interop && $(GO) test -count=1 -timeout 2h -v -run '^TestDifferential$$' ./differential \
		-differential.n=$(N) -differential.servers=$(SERVERS) $(if $(SEED),-differential.seed=$(SEED),-differential.from=$(FROM))

.PHONY: mistakes
mistakes: ## make differential with one mistake after the other planted in Paddock, each of which must be found
	cd test/interop && $(GO) test -count=1 -timeout 2h -v -run '^TestMistakes$$' ./differential \
		-differential.mistakes=20000 -differential.shrink=15s

.PHONY: crashpoints
crashpoints: ## stop after every write, sync, rename ... of recorded workloads and of the recovery after it, or let it fail
	$(GO) test -count=1 -timeout 2h -v -run '^(TestCrashPoints|TestFailedOperations)$$' ./internal/storage -crashpoint.full

.PHONY: crashpoints-mistakes
crashpoints-mistakes: ## crash points with one mistake after the other planted in internal/storage, each of which must be found
	$(GO) test -count=1 -timeout 2h -v -run '^TestCrashPointMistakes$$' ./internal/storage -crashpoint.mistakes

.PHONY: grid
grid: ## four entries on three servers, all 4,096 combinations of damaged copies in eight kinds; then N random damages (7000)
	$(GO) test -count=1 -timeout 2h -v -run '^(TestCorruptionGrid|TestAnyDamage)$$' ./internal/persist \
		-grid.all -damage.n=$(if $(filter file,$(origin N)),7000,$(N))

.PHONY: walkthrough
walkthrough: ## the classic walkthrough with the real scripts, for three and five servers
	$(GO) test -count=1 -v ./test/walkthrough/

.PHONY: nodes
nodes: ## whole nodes in memory, NODES times with fresh seeds; SEED=7 draws the same faults again
	$(GO) test -race -count=$(if $(SEED),1,$(NODES)) -timeout 2h ./test/nodes/ $(if $(SEED),-nodes.seed=$(SEED))

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

.PHONY: hostile
hostile: ## liars on the client, quorum and election ports, each kind for SECONDS; RUN=TestLiarAsVoter SEED=7 replays one
	$(GO) test -count=1 -p 1 -timeout 2h -run '$(or $(RUN),TestLiar)' ./internal/quorum ./internal/server \
		$(if $(SEED),-hostile.seed=$(SEED),-hostile.seconds=$(if $(filter file,$(origin SECONDS)),60,$(SECONDS)))

# Only the module test/interop has what Java servers need.
robustness: JAVA = $(findstring j,$(MIX))$(findstring J,$(MIX))

# SECONDS is also a variable of bash, but make's own is what is expanded here.
.PHONY: robustness
robustness: ## real processes under faults for SECONDS, their histories checked; SEED=7 for the first round, FAULTS='kill one,one way', MIX=jpp,ppj with Java members
	cd $(if $(JAVA),test/interop,test) && $(GO) test -count=1 -v -timeout 24h -run '^TestRobustness$$' ./robustness \
		-robustness.seconds=$(SECONDS) $(if $(MIX),-robustness.mix=$(MIX)) \
		$(if $(SEED),-robustness.seed=$(SEED)) $(if $(FAULTS),-robustness.faults='$(FAULTS)')

.PHONY: damage
damage: ## real processes whose files are damaged while they are down, ROUNDS times (50); SEED=7 draws the same damages
	PADDOCK_DAMAGE_ROUNDS=$(or $(ROUNDS),50) $(if $(SEED),PADDOCK_DAMAGE_SEED=$(SEED)) \
		$(GO) test -count=1 -v -timeout 2h -run '^TestDamage$$' ./test/robustness

.PHONY: bench-compare
bench-compare: ## every figure beside Java ZooKeeper, in turns, under an hour, into bench/results; ARGS='-only F1,F16 -rounds 1'
	$(GO) run ./bench/compare -out bench/results $(ARGS)

.PHONY: bench-quick
bench-quick: ## the main six of them in three minutes, printed only
	$(GO) run ./bench/compare -quick $(ARGS)

.PHONY: bench-growth
bench-growth: ## how rates, memory and restarts grow with size, beside Java where that fits, with plots, into bench/results
	$(GO) run ./bench/compare -growth -out bench/results $(ARGS)

.PHONY: bench-limit
bench-limit: ## what this machine allows: a replicated log with nothing around it
	$(GO) run ./bench/limit $(ARGS)

.PHONY: etcd-test
etcd-test: ## vet and tests of the load that etcd gets; not part of the others, as compiling etcd takes minutes
	cd bench/etcd && $(GO) vet ./... && $(GO) test -timeout 5m ./...

.PHONY: lint
lint: fmt-check vet ## format, vet, staticcheck
	$(GO) tool staticcheck ./...

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: fmt
fmt: ## rewrite the sources as gofumpt wants them
	$(GO) tool gofumpt -w $$(git ls-files -co --exclude-standard '*.go')

# gofumpt is the stricter formatter for those who like it; what must hold is gofmt.
.PHONY: fmt-check
fmt-check: ## fail if gofmt would change a file
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard --deduplicate '*.go' | xargs -r ls 2>/dev/null)); \
	if [ -n "$$bad" ]; then echo "gofmt would change:"; echo "$$bad"; exit 1; fi

.PHONY: build
build: ## the binary, into bin/paddock
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(STAMP)' -o bin/paddock ./cmd/paddock

.PHONY: dist
dist: ## DIST/paddock/{bin,conf}: static binary, scripts, sample configuration
	rm -rf $(DIST)/paddock
	mkdir -p $(DIST)/paddock/bin $(DIST)/paddock/conf
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(STAMP)' -o $(DIST)/paddock/bin/paddock ./cmd/paddock
	install -m 755 packaging/bin/*.sh $(DIST)/paddock/bin/
	install -m 644 packaging/conf/zoo_sample.cfg $(DIST)/paddock/conf/
	install -m 644 LICENSE $(DIST)/paddock/
	@echo "$(DIST)/paddock is ready: mv conf/zoo_sample.cfg conf/zoo.cfg there, then bin/zkServer.sh start"

.PHONY: clean
clean: ## remove what make has built
	rm -rf bin dist

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'
