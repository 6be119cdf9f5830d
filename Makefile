# The commands of this repository. Each of them first installs what is missing (see docs/operate/setup.md).

SHELL := /bin/bash
NODE := node_modules/.bin/node
# What the machine itself doesn't have of docker, etcd and Compose is found where set-up put it.
export PATH := $(PATH):$(or $(KRAUD_CACHE),/var/cache/kraud)/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo test check clean

help:
	@echo 'make demo    install what is missing, start a cloud in a temporary directory, run a container in a VM'
	@echo 'make test    install what is missing, then types, lint, arrows, tidy, unit, C and end-to-end tests'
	@echo 'make check   the same without VMs and root: types, lint, arrows, tidy, plain unit tests'
	@echo 'make setup   only install what is missing'
	@echo 'make clean   remove what was built inside the checkout (not the cache, not node_modules)'

setup:
	@tools/setup/setup

demo: setup
	@$(NODE) tools/demo.ts

test: setup
	@$(MAKE) -s -C guest/agent
	@$(NODE) tools/all.ts

check:
	@tools/setup/setup npm
	@$(NODE) tools/all.ts types lint arrows tidy plain

clean:
	@[ ! -e guest/agent/Makefile ] || $(MAKE) -s -C guest/agent clean
