# Two commands are all that a newcomer needs: `make demo` and `make test`. Both install what is missing first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data/thirtymusic
# Debian packages of the integration tests; without them those tests say what they skip. kubectl (1.21 or newer) is not
# among them: Debian 12 has 1.20, whose Kustomize knows no components. `make kubernetes` builds one.
SYSTEM_PACKAGES := libgomp1 redis-server prometheus prometheus-alertmanager chromium etcd-server

# Kubernetes' API server and kubectl of the tests, kept beside other servers that tests fetch.
SERVER := tests/cluster/server
KUBERNETES_VERSION := $(shell sed -n 's/^require k8s.io.kubernetes v//p' $(SERVER)/go.mod)
KUBERNETES_PARTS := $(subst ., ,$(KUBERNETES_VERSION))
TELLS := -X k8s.io/component-base/version
KUBERNETES := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/crossfade-tests/kubernetes-$(KUBERNETES_VERSION)

# What builds images: docker, podman or buildah; and words for it, for example another base (containers/base.sh).
BUILDER ?= docker
BUILD_OPTIONS ?=
REGISTRY ?= crossfade
IMAGES := pipeline serving monitoring spark

# Where a shell forbids bytecode, every process that a test starts would compile the library anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install system kubernetes demo demo-real test test-kubernetes check format bench images sbom clean

help:            ## Show this list.
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | sort

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
		|| { echo "Crossfade needs Python 3.11; '$(PYTHON)' is not it. Install it or run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

install: $(VENV)/installed ## Build .venv from requirements.lock.

system: ## Install the Debian packages that integration tests use (needs root).
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SYSTEM_PACKAGES)

kubernetes: $(KUBERNETES)/kubectl $(KUBERNETES)/kube-apiserver ## Build the API server and kubectl of the tests (needs Go; a quarter of an hour, once).

$(KUBERNETES)/%:
	mkdir -p $(@D)
	cd $(SERVER) && CGO_ENABLED=0 go build -p 2 -trimpath \
		-ldflags '-s -w $(TELLS).gitVersion=v$(KUBERNETES_VERSION) $(TELLS).gitMajor=$(word 1,$(KUBERNETES_PARTS)) $(TELLS).gitMinor=$(word 2,$(KUBERNETES_PARTS))' \
		-o $@ k8s.io/kubernetes/cmd/$*

demo: install ## Run the whole loop on simulated listeners, down to a playlist and a report.
	$(BIN)/crossfade demo --directory demo

demo-real: install ## Run the same loop on real listening data: make demo-real DATA=DIR.
	$(BIN)/crossfade demo --directory demo-real --data $(DATA)

test: install ## Run the tests.
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-kubernetes: install kubernetes ## Run the tests that need a real API server of Kubernetes.
	$(BIN)/python -m pytest tests/cluster --kubernetes

check: install ## Check format, lint, types and layers, as CI does.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

format: install ## Format the code and mend what the linter can.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## List the benchmarks; run one with: .venv/bin/crossfade bench NAME.
	$(BIN)/crossfade bench --help

BUILD = $(BUILDER) build $(BUILD_OPTIONS) --file containers/Dockerfile --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION)
images sbom: VERSION = $(shell $(BIN)/python -c 'from crossfade.schema.code import VERSION; print(VERSION)')
images sbom: REVISION = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
images: STAMP = $(shell $(BIN)/python -c 'from crossfade.schema.code import code_version; print(code_version())')

images: install ## Build the container images; BUILDER=podman, REGISTRY=registry.example/music.
	for image in $(IMAGES); do $(BUILD) --target $$image --tag $(REGISTRY)/$$image:$(VERSION) . || exit 1; done
	$(BUILDER) tag $(REGISTRY)/pipeline:$(VERSION) $(REGISTRY)/pipeline:$(STAMP)

sbom: install ## Write what is in the images to build/sbom, as CycloneDX.
	$(BUILD) --target sbom --output type=local,dest=build/sbom .

clean: ## Remove the environment, caches and demo output.
	rm -rf $(VENV) demo demo-real .pytest_cache .mypy_cache .ruff_cache build *.egg-info
