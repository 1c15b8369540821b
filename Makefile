# The module's everyday commands. `make` alone lists them.

APXS     ?= apxs
CARGO    ?= cargo
DESTDIR  ?=
MPM      ?= event
# How long `fuzz` runs each target.
FUZZ_SECONDS ?= 20

BUILT    := $(CURDIR)/target/release/mod_ssl_rs.so
# The object httpd loads holds the module record alone; this is the rest.
RESIDENT := $(CURDIR)/target/release/libmod_ssl_rs.so
# The module that `run` and `t` load; `parity` sets it to the distribution's.
MODULE   ?= $(BUILT)
STOCK     = $(shell $(APXS) -q LIBEXECDIR)/mod_ssl.so
SOURCES  := Cargo.toml $(wildcard Cargo.lock build.rs) $(shell find src include -type f 2>/dev/null)

export APXS MPM
export PATH := $(PATH):$(HOME)/.cargo/bin

# make takes a blank in a path for the end of it.
ifneq ($(words $(CURDIR)),1)
ifneq ($(filter-out help certificate,$(or $(MAKECMDGOALS),help)),)
$(error the path of this folder, $(CURDIR), has blanks, which make cannot handle: move the folder)
endif
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help prerequisites test-prerequisites build check unit t t-all test parity run stop bench install uninstall \
        certificate certificates fuzz clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prerequisites: ## install what building and running needs (Debian packages; Rust is only checked)
	@tools/prerequisites run

test-prerequisites:
	@tools/prerequisites test

build: prerequisites $(BUILT) ## the release module, target/release/mod_ssl_rs.so

$(BUILT): $(SOURCES)
	@echo "building, which takes a minute or two"
	@$(CARGO) build --release --quiet
	@cc -shared -fPIC -O2 -Wall -Wextra -Werror -I$$($(APXS) -q INCLUDEDIR) $$($$($(APXS) -q APR_CONFIG) --includes --cppflags) \
	    src/loader/mod_ssl_rs.c -o $@ -L$(@D) -lmod_ssl_rs -Wl,-rpath,'$$ORIGIN' -Wl,-z,relro,-z,now

# The tests load our own build unless MODULE names another one.
ifeq ($(MODULE),$(BUILT))
MODULE_FILE := $(BUILT)
endif

run: prerequisites $(MODULE_FILE) ## start a demonstration server on https://localhost:8443/
	@tools/demo start "$(MODULE)"

stop: ## stop it
	@tools/demo stop

check: ## format, layers, SAFETY notes, lints, undefined symbols, older httpd
	@$(CARGO) fmt --check
	@rustfmt --check --edition 2024 fuzz/fuzz_targets/*.rs
	@tools/check-layers
	@tools/check-safety
	@$(CARGO) clippy --quiet --all-targets -- -D warnings
	@$(MAKE) --no-print-directory --silent $(BUILT)
	@tools/check-symbols $(BUILT) $(RESIDENT)
	@CARGO="$(CARGO)" tools/check-older

unit: ## the unit tests of the crate
	@$(CARGO) test --quiet

t: $(MODULE_FILE) ## the tests with a real httpd (MPM=event|worker|prefork, MODULE=path, TESTS="ssl/sni.t ...")
	@tools/run-tests "$(MODULE)" $(TESTS)

t-all: ## the same with each MPM in turn
	@for mpm in event worker prefork; do $(MAKE) --no-print-directory t MPM=$$mpm || exit 1; done

test: test-prerequisites check unit t ## prerequisites, check, unit and t: all that continuous integration runs

parity: ## the tests with a real httpd, against the distribution's module
	@tools/run-tests "$(STOCK)" $(TESTS)

fuzz: ## the fuzz targets, a while each (FUZZ_SECONDS=20, TARGETS="handshake ..."); needs cargo-fuzz
	@tools/fuzz $(FUZZ_SECONDS) $(TARGETS)

bench: $(BUILT) ## compare with the distribution's module: CPU per handshake, request and gigabyte, memory (BENCH_ARGS=...)
	@bench/run "$(MODULE)" "$(or $(REFERENCE),$(STOCK))" $(BENCH_ARGS)

install: $(BUILT) ## install as mod_ssl_rs.so beside httpd's modules (DESTDIR, APXS)
	@tools/install install "$(BUILT)" "$(DESTDIR)"

uninstall: ## undo that
	@tools/install uninstall "$(DESTDIR)"

# The settings go to the tool as they were written: `$$(...)` in them is not for make to expand, and no shell reads them.
SETTINGS := TYPE NAME ALTNAMES ALGO DAYS OUT CERT KEY CA ENCRYPT
unexport $(SETTINGS)
$(foreach s,$(SETTINGS),$(eval certificate: export SETTING_$s = $$(value $s)))

certificate: ## a server's certificate: NAME=..., TYPE=dummy|test|custom|existing ...; tools/certificate explains it
	$(if $(filter command line,$(origin PASSPHRASE) $(origin CA_PASSPHRASE)),$(error a pass phrase is no argument of make, \
	    where everybody on the machine could read it: tools/certificate says how))@tools/certificate \
	    $(foreach s,$(SETTINGS),"$s=$$SETTING_$s")

certificates: ## a new demonstration certificate, where there is none or it expires
	@tools/certificates target/demo/certificates

clean: stop ## remove all that was built
	@$(CARGO) clean --quiet
	@rm -rf target
