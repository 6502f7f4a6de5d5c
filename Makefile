# Every target works on a fresh machine with Go, git and make; what the tests need besides is installed by `make test`.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s
# The commit is recorded in the binary for `pricefetch version` and as the earliest plausible time.
BUILD       := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags='-s -w'

.DEFAULT_GOAL := help
.PHONY: help build dist demo test lint fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/pricefetch, a static binary for this machine
	$(BUILD) -o bin/pricefetch ./cmd/pricefetch

dist: ## build static binaries for linux/amd64 and linux/arm64 into dist/
	GOOS=linux GOARCH=amd64 $(BUILD) -o dist/pricefetch-linux-amd64 ./cmd/pricefetch
	GOOS=linux GOARCH=arm64 $(BUILD) -o dist/pricefetch-linux-arm64 ./cmd/pricefetch

demo: ## run the daemon on an embedded mailbox; the files are left in demo/import/
	@$(GO) run ./cmd/pricefetch-demo

# SQLite's transpiled C is not ours to check for races, and costs most of the time. In memory nobody waits for fsync; what
# needs a real disk is part of `make faults`.
test: ## install what the tests need (C compiler, Dovecot, strace), then run all of them under the race detector
	.ci/install-test-deps
	dir=$$(mktemp -d -p $$([ -w /dev/shm ] && echo /dev/shm || echo "$${TMPDIR:-/tmp}")) && trap 'rm -rf "$$dir"' EXIT && chmod 755 "$$dir" && \
	TMPDIR=$$dir CGO_ENABLED=1 $(GO) test -race -gcflags=modernc.org/...=-race=false -shuffle=on -timeout 40m ./...

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l cmd internal) && if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet -tags faults,servers ./...
	$(GO) run $(STATICCHECK) -tags faults,servers ./...

fuzz: ## run every fuzz target for FUZZTIME (default 10s) each
	GO=$(GO) .ci/fuzz $(FUZZTIME)

clean: ## remove what was built and what the demo left
	rm -rf bin dist demo/import demo/state

RUNS        ?= 2000
# Runs that each mutant of the program is given before it passes for not caught; 0: no mutants.
TRIES       ?= 6000
SEED        ?= $(shell date +%s)
.PHONY: model
model: ## drive the program by RUNS random schedules of lies, faults and deaths (SEED repeats them), then catch its mutants
	@$(GO) build -o bin/model ./internal/mailtest/model/run && GO=$(GO) bin/model -runs $(RUNS) -seed $(SEED) -tries $(TRIES)

.PHONY: servers
servers: ## run the main job on six real mail servers in namespaces of their own; needs root, Debian 12
	CGO_ENABLED=0 $(GO) test -tags servers -c -o bin/servers.test ./internal/mailtest/servers
	cd internal/mailtest/servers && ../../../bin/servers.test

.PHONY: faults
# FAULTS_ROUNDS=n runs at most n rounds of each fault (default: all, about 1,000); TESTS_WITHOUT=strace,ext4,xfs is for a
# machine that lacks some of these: what needs them stands in the table as not run.
faults: ## as root: kill -9, failing and full disks, power cuts against the real program, and wrong programs that must be caught
	.ci/install-test-deps faults
	$(GO) test -C cmd/pricefetch -tags faults -run '^TestFaults$$' -timeout 60m

.PHONY: corpus
corpus: ## compare what is found in the sample messages, and in your own, with Python's email package and enmime
	.ci/install-test-deps corpus
	$(GO) vet -C internal/mailtest/compare ./...
	$(GO) test -C internal/mailtest/compare ./...
	@$(GO) run -C internal/mailtest/compare .
