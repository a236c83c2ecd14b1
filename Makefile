# The front door. `make help` says what there is; every target installs what it needs first (Debian 12).

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
SECONDS_PER_TARGET ?= 30
SANITIZER ?= asan
SOAK_SECONDS ?= 600
# Options for the program that a target runs: make run ARGS="--listen 127.0.0.1:7800"
ARGS ?=

# A coloured "[12/300]" line where somebody watches, the same lines in a log.
BUILD = cmake --build build/$(1) --parallel $(JOBS) $(if $(2),--target $(2))
TSAN = env TSAN_OPTIONS="suppressions=$(CURDIR)/tools/tsan.supp $$TSAN_OPTIONS"
CTEST = ctest --test-dir build/$(1) --output-on-failure --no-label-summary -j $(JOBS)

.DEFAULT_GOAL := help
.PHONY: help run test debug release asan tsan soak format format-check tidy sim bench bench-sdk bench-check count fuzz mutants monitoring install package package-test packages clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

run: packages configure-release ## build the server and the command line client, and start the server
	@$(call BUILD,release,parleyd parley)
	@tools/run.sh build/release/bin $(ARGS)

test: debug ## build everything and run all tests
	@$(call CTEST,debug) $(ARGS)

debug: packages configure-debug ## build everything for debugging, into build/debug
	@$(call BUILD,debug)

release: packages configure-release ## build everything optimised, into build/release
	@$(call BUILD,release)

asan: packages packages-clang configure-asan ## build and test with the address and undefined behaviour sanitizers
	@$(call BUILD,asan)
	@$(call CTEST,asan) $(ARGS)

tsan: packages packages-clang configure-tsan ## build and test with the thread sanitizer
	@$(call BUILD,tsan)
	@$(TSAN) $(call CTEST,tsan) $(ARGS)

soak: packages packages-clang configure-$(SANITIZER) ## the programs under load, with SANITIZER=asan or tsan, for SOAK_SECONDS (600)
	@$(call BUILD,$(SANITIZER),parleyd parley parley-bench)
	@$(TSAN) tools/soak.py build/$(SANITIZER)/bin $(SOAK_SECONDS)

format: packages-format ## format all sources
	@$(SOURCES) | xargs -r clang-format-19 -i

format-check: packages-format ## fail if a source is not formatted
	@$(SOURCES) | xargs -r clang-format-19 --dry-run --Werror

tidy: packages packages-clang packages-tidy configure-debug ## run clang-tidy (ARGS: only below these paths)
	@$(call BUILD,debug,parley_generated)
	@JOBS=$(JOBS) tools/tidy.sh build/debug $(ARGS)

sim: packages configure-release ## run the simulator (ARGS="--seed 7 --runs 100")
	@$(call BUILD,release,parley-sim)
	@build/release/bin/parley-sim $(if $(ARGS),$(ARGS),--seed 1 --runs 20)

bench: packages configure-release ## measure, and write build/bench/report.html (FULL=1: longer, and as work grows)
	@$(call BUILD,release,parleyd parley-bench parley_benchmarks)
	@bench/report.py build/release/bin --folder build/bench $(if $(FULL),--full) $(ARGS)

bench-sdk: packages configure-release ## what the SDK costs an app (ARGS: only send, talk, catch-up, start, idle or size)
	@$(call BUILD,release,parleyd sdk_bench parley_shared)
	@bench/sdk.py build/release/bin $(ARGS)

bench-check: packages packages-bench configure-release ## instructions and bytes per session against bench/baseline.json (ACCEPT=1 rewrites it)
	@$(call BUILD,release,parley_benchmarks parleyd parley-bench parley_heap_spy)
	@bench/check.py build/release/bin $(if $(ACCEPT),--accept) $(ARGS)

count: packages packages-bench configure-release ## instructions per operation, by callgrind (ARGS="--only ^node --top 20")
	@$(call BUILD,release,parley_benchmarks)
	@bench/count.py build/release/bin $(ARGS)

fuzz: packages packages-clang configure-fuzz ## fuzz each target for SECONDS_PER_TARGET seconds (ARGS: only these)
	@$(call BUILD,fuzz,parley_fuzz_targets)
	@tools/fuzz.sh build/fuzz $(SECONDS_PER_TARGET) $(ARGS)

mutants: packages ## break the code on purpose and see that the tests notice
	@tools/mutants.sh $(ARGS)

monitoring: packages packages-monitoring configure-debug ## check metrics, dashboard and alerts with Prometheus' own promtool
	@$(call BUILD,debug,parleyd)
	@ctest --test-dir build/debug --output-on-failure -R '^monitoring_test$$'

install: packages configure-release ## install programs, library and headers below PREFIX (/usr/local)
	@$(call BUILD,release,parley_installed)
	@cmake --install build/release --prefix $(PREFIX)

package: packages packages-package configure-release ## make the Debian packages, in build/release
	@$(call BUILD,release,parleyd parley)
	@cd build/release && cpack -G DEB >package.log 2>&1 || { cat package.log; exit 1; }
	@ls build/release/*.deb

package-test: package packages-package-test ## install, use, upgrade, remove and purge the packages in a fresh Debian (root)
	@tools/package_test.sh build/release

packages: ## install the Debian packages that the build needs, if any is missing
	@tools/packages.sh build

packages-%:
	@tools/packages.sh $*

configure-%:
	@cmake --preset $* >build/$*.configure.log 2>&1 || { cat build/$*.configure.log; exit 1; }

configure-debug configure-release configure-asan configure-tsan configure-fuzz: | build packages
build:
	@mkdir -p $@

clean: ## remove what was built
	rm -rf build

SOURCES = git ls-files '*.h' '*.cc' '*.mm' | grep -v /fixtures/
