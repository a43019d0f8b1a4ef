# What a person types. How a stage of the tests is run stands in tools/run_tests.py.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo cluster fresh oldest test check venv lint types unit properties functional packaging coverage model bench-change bench-converge bench-dns bench-failover bench-handshakes bench-http bench-memory bench-page bench-push bench-reads bench-rollout bench-scale bench-slowness bench-stalled chaos fuzz release clean

# A root shell opened with plain "su" does not look there for dockerd and nginx.
export PATH := $(PATH):/usr/sbin:/sbin

PYTHON := .venv/bin/python
WITH_ENGINE := $(PYTHON) -m tests.rig.engine run

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 21

demo: ready-demo ## as root: bring the system up and show it at work; ONCE=1 ends by itself
	@$(WITH_ENGINE) .demo/engine -- $(PYTHON) -m tools.demo $(if $(ONCE),--once)

cluster: ready-test ## as root: three hosts with agent, Docker Engine and etcd on this machine, to play with
	@$(PYTHON) -m tests.rig.cluster

test: ready-test ## as root: install what the tests need and run them all
	@$(PYTHON) -m tools.run_tests

ready-%: # with packages of the system first, as .venv needs some of them
	@scripts/install-packages $*
	@$(MAKE) --silent --no-print-directory venv

venv: .venv/.complete ## bring .venv up to date with setup.py

.venv/.complete: setup.py
	@scripts/make-venv

check lint types unit properties functional packaging: venv
	@$(PYTHON) -m tools.run_tests $@

check: ## before each commit, within a minute and a half: lint, types, unit tests
lint: ## ruff: rules and format
types: ## mypy, strict
unit: ## tests that need nothing but .venv, with coverage; two minutes
properties: ## laws of placement and claims on drawn inputs; a minute
functional: ## as root: tests against a real etcd, Docker Engine and nginx
packaging: ## wheel, editable and source installations into an empty environment

coverage: unit ## the lines the unit tests leave out
	@$(PYTHON) -m coverage report --skip-covered --show-missing

model: ready-test ## as root: check the models of claims and rollouts with spin; five minutes on two cores
	@$(PYTHON) -m tools.check_model

bench-converge: ready-test ## as root: from set to running, beside docker run and Swarm mode
	@$(WITH_ENGINE) .test/bench-engine -- $(PYTHON) -m benchmarks.converge

bench-slowness: ready-test ## as root: the repair of one service while others hang; eight minutes
	@$(WITH_ENGINE) .test/bench-engine -- $(PYTHON) -m benchmarks.slowness

bench-stalled: ready-test ## as root: what a reader of logs that stalls for a minute costs agents and other readers; two minutes
	@$(WITH_ENGINE) .test/bench-engine -- $(PYTHON) -m benchmarks.stalled $(ARGS)

bench-dns: ready-bench ## as root: DNS on one core beside Knot, BIND and others; twenty minutes; ARGS="--rounds 1 --scenarios mix"
	@$(PYTHON) -m benchmarks.dns $(ARGS)

bench-scale: ready-test ## as root: 100 and 1,000 agents in one process; an hour on two cores; ARGS="--agents 100:20"
	@$(PYTHON) -m benchmarks.scale $(ARGS)

bench-change: venv ## what one change in the cluster costs an agent; five minutes; ARGS="--nodes 100"
	@$(PYTHON) -m benchmarks.change $(ARGS)

bench-memory: ready-test ## as root: memory and idle processor time of an agent, without services and with 1,000 instances; four minutes
	@$(WITH_ENGINE) .test/bench-engine -- $(PYTHON) -m benchmarks.memory $(ARGS)

bench-page: ready-test ## as root: the status page of 1,000 instances in Chromium; half a minute; ARGS="--instances 100"
	@$(PYTHON) -m benchmarks.page $(ARGS)

bench-failover: ready-test ## as root: a host is cut off, its instances run elsewhere; beside Swarm mode on the same three hosts
	@$(PYTHON) -m benchmarks.failover $(if $(TTL),--ttl $(TTL)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ELECTION),--election $(ELECTION)) $(if $(TUNED),--tuned)

bench-push: ready-test ## as root: push of a changed image to three hosts, beside docker save and docker load; two minutes; ARGS="--rounds 3"
	@$(PYTHON) -m benchmarks.push $(ARGS)

bench-reads: ready-test ## commands that read 1,000 instances, by the agent of their machine and by etcd; two minutes
	@$(PYTHON) -m benchmarks.reads $(ARGS)

bench-rollout: ready-test ## as root: a changed definition replaces 2, 10 and 40 instances; beside Swarm; ARGS="--rollouts 20 --rate 1000"
	@$(PYTHON) -m benchmarks.rollout $(ARGS)

bench-handshakes: ready-test ## as root: TLS handshakes while certificates are renewed, and their cost; three minutes; ARGS="--renewals 5"
	@$(WITH_ENGINE) .test/bench-engine -- $(PYTHON) -m benchmarks.handshakes $(ARGS)

bench-http: ready-bench-http ## as root: the agent's door beside other proxies, and what is lost; half an hour; ARGS="--parts rate --rounds 2"
	@$(WITH_ENGINE) .test/bench-engine -- $(PYTHON) -m benchmarks.http $(ARGS)

fresh: ready-fresh ## as root: a cluster by init and join on three hosts of a fresh Debian 12; four minutes; ARGS="--suite trixie"
	@$(PYTHON) -m tests.fresh $(ARGS)

oldest: venv ## unit tests with the oldest packages that setup.py allows, and the oldest Python here; some minutes
	@$(PYTHON) -m tools.oldest $(TESTS)

chaos: ready-test ## as root: random faults on five hosts under load; SEED=7 FAULTS=100, else a seed is drawn and FAULTS is 10
	@$(PYTHON) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(KINDS),--kinds "$(KINDS)")

fuzz: venv ## random values for each key in etcd and each file of an agent; SEED=7 VALUES=100000; ten minutes
	@$(PYTHON) -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(VALUES),--values $(VALUES))

release: venv ## source distribution, wheel, SBOM and checksums of this commit into dist, the same bytes each time
	@$(PYTHON) -m tools.release

clean: ## remove what the other targets made
	rm -rf .venv .demo .test _trial_temp* build dist daprdockr.egg-info .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache
