# Two commands for a newcomer: make demo, make test.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: demo test lint lint-rules lint-types lint-layers lint-dead-code lint-format format build lab-up lab-down clean

demo: build ## Brings up a real cluster, triages two compromised pods, prints the reports (KEEP=1 leaves it up)
	KEEP=$(KEEP) test/demo/demo

test: build ## Unit, integration and end-to-end tests, and the corpus of hostile pods; the last line counts them
	test/run

lint: node_modules/.ready ## Types, typed lint rules, format, layers and cycles, dead code
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target lint-rules lint-types lint-layers lint-dead-code lint-format

lint-rules:
	eslint .

lint-types:
	tsc -p tsconfig.json

lint-layers:
	depcruise --config .dependency-cruiser.cjs api workers store playbooks cli

lint-dead-code:
	knip

lint-format:
	biome check .

format: node_modules/.ready
	biome check --write .

build: node_modules/.ready
	rm -rf dist
	tsc -p tsconfig.build.json
	chmod +x dist/cli/main.js

lab-up:
	test/lab/lab up

lab-down:
	test/lab/lab down

clean:
	rm -rf dist node_modules

node_modules/.ready: package.json package-lock.json
	npm ci
	touch $@
