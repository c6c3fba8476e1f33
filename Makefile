# Carillon. `make` lists what there is. Only Go is needed for all but test-all.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL: # go and the tests use all cores themselves

BIN := $(CURDIR)/.bin
# A tarball or a shallow clone has no tags: then it is "dev".
VERSION ?= $(shell git describe --tags --dirty --match 'v*' 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)
FUZZTIME ?= 30s

TOOLS := \
	github.com/golangci/golangci-lint/v2/cmd/golangci-lint \
	golang.org/x/vuln/cmd/govulncheck \
	github.com/bufbuild/buf/cmd/buf \
	google.golang.org/protobuf/cmd/protoc-gen-go \
	google.golang.org/grpc/cmd/protoc-gen-go-grpc \
	github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build ./carillon
	go build -trimpath -ldflags '$(LDFLAGS)' -o carillon ./cmd/carillon

.PHONY: test
test: ## Vet and test; needs only Go, under 3 minutes
	go vet ./...
	go test ./...

.PHONY: race
race: ## Test with the race detector; needs a C compiler
	go test -race ./...

.PHONY: integration
integration: ## Only go test with the tag integration, after prepare
	go test -tags integration -count=1 -timeout 20m ./...

SEED ?= 1
MINUTES ?= 2
REPETITIONS ?= 20
POINTS ?= all
.PHONY: chaos
chaos: build chaos-points ## chaos-points, then nodes, plugins and broker killed for MINUTES (2); about 20 minutes; Linux
	./carillon bench chaos --minutes $(MINUTES) --seed $(SEED) $(CHAOS)

.PHONY: chaos-points
chaos-points: ## A node killed at each of POINTS (all) of its code REPETITIONS (20) times by SEED (1); Linux
	go build -tags faults -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/carillon-faults ./cmd/carillon
	$(BIN)/carillon-faults bench chaos points --repetitions $(REPETITIONS) --seed $(SEED) --points $(POINTS)

SEEDS ?= 10
.PHONY: virtual
virtual: ## Nodes on virtual time: hours of load and faults in minutes, SEEDS (10) of each kind from SEED (1) on
	go test ./engine -count=1 -run TestVirtual -seeds $(SEEDS) -seed $(SEED)

CHECKS ?= 5000
.PHONY: explore
explore: ## The shard's simulation, CHECKS (5000) times, drawn anew: a failure names the seed that repeats it
	go test ./engine/shard -count=1 -timeout 1h -run TestShardWhateverComes -rapid.checks=$(CHECKS) -rapid.seed=0

.PHONY: mutants
mutants: ## Show which test notices each mutant of the engine, by name; about 8 minutes
	go test -tags integration -count=1 -timeout 30m -v -run TestMutants ./bench/faults

.PHONY: test-all
test-all: prepare lint rules check-generated race sdks virtual integration ## Everything, against Apache Kafka and foreign clients too

.PHONY: prepare
prepare: ## Install what integration and race need with apt-get; says what is missing
	./.ci/prepare

.PHONY: sdks
sdks: ## Check and test the Python and Node SDKs; fetches what they need into .bin/
	./.ci/sdks

.PHONY: lint
lint: $(BIN)/golangci-lint ## golangci-lint, by .golangci.yml
	$(BIN)/golangci-lint run ./...

.PHONY: rules
rules: $(BIN)/promtool ## Check the alerts in configs/ with promtool, and what they say of made-up series
	$(BIN)/promtool check rules --lint=all configs/prometheus/alerts.yaml
	$(BIN)/promtool test rules configs/prometheus/alerts.test.yaml

.PHONY: vuln
vuln: $(BIN)/govulncheck ## Known vulnerabilities; asks vuln.go.dev
	$(BIN)/govulncheck ./...

.PHONY: generate
generate: $(BIN)/buf ## Generate code from proto/, and all that go:generate names
	cd proto && PATH="$(BIN):$$PATH" buf generate
	go generate ./...
	cd proto && $(BIN)/buf build . --type channel.v1.Channel --as-file-descriptor-set --exclude-source-info -o ../sdk/python/carillon/channel.binpb
	cp proto/carillon/v1/send.proto sdk/node/proto/carillon/v1/
	cp proto/channel/v1/channel.proto sdk/node/proto/channel/v1/
	for sdk in python node; do cp LICENSE sdk/$$sdk/; done

.PHONY: check-generated
check-generated: $(BIN)/buf ## Fail if generating anew changes a file
	./.ci/check-generated

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s)
	./.ci/fuzz $(FUZZTIME)

.PHONY: tools
tools: $(addprefix $(BIN)/,$(notdir $(TOOLS))) $(BIN)/promtool ## Build linters and generators into .bin/

# All in one go: they share most of their packages.
$(addprefix $(BIN)/,$(notdir $(TOOLS))) &: tools/go.mod tools/go.sum
	mkdir -p $(BIN)
	cd tools && go build -trimpath -o $(BIN)/ $(TOOLS)
	touch $(BIN)/*

# Apart from the others: what it needs does not agree with what they need.
$(BIN)/promtool: tools/promtool/go.mod tools/promtool/go.sum
	mkdir -p $(BIN)
	cd tools/promtool && go build -trimpath -o $@ github.com/prometheus/prometheus/cmd/promtool
	touch $@

.PHONY: clean
clean: ## Remove what was built
	rm -rf carillon .bin
