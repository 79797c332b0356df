# The words people type; CMake does the work.
#
#   make          build            -> build/release/redoubt
#   make demo     install what is missing, build, assess the built-in example
#   make test     install, build, run every test
#   make bench    figures, side by side with what is installed
#   make install  PREFIX=/usr/local DESTDIR=    program, manual pages, completions, documentation
#   make uninstall                              what the last install here put there

PREFIX ?= /usr/local
BUILD  := build/release
LIST   := $(BUILD)/installed.txt
JOBS   := $(shell nproc)

.PHONY: all deps deps-test build demo test bench interop fuzz install uninstall clean format

all: deps build

deps:
	@tools/install-deps

# CI compares with every oracle; on a user's machine those tests say why they skip.
deps-test:
	@tools/install-deps --tests $(if $(CI),--oracles)

build:
	@cmake --preset release $(CMAKE_FLAGS) >build-configure.log 2>&1 || { cat build-configure.log; rm -f build-configure.log; exit 1; }
	@mkdir -p build && mv build-configure.log build/configure.log
	@cmake --build --preset release -- -j$(JOBS)

demo: deps
	@$(MAKE) --no-print-directory build CMAKE_FLAGS=-DRD_TESTS=OFF
	@tools/demo

test: deps-test
	@$(MAKE) --no-print-directory build CMAKE_FLAGS=-DRD_TESTS=ON
	@tools/run-tests release

bench: deps-test
	@$(MAKE) --no-print-directory build CMAKE_FLAGS=-DRD_TESTS=ON
	@cmake --build --preset release --target bench -- -j$(JOBS)
	@bench/run.sh $(BUILD)

interop: deps-test build
	@tests/interop/run $(BUILD)

fuzz:
	@tools/fuzz

install: build
	@umask 022; DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --prefix '$(PREFIX)' >$(BUILD)/install.log 2>&1 || { cat $(BUILD)/install.log; exit 1; }
	@D='$(DESTDIR)'; case $$D in ''|/*) ;; *) D=$$PWD/$$D ;; esac; DESTDIR=$$D awk '{ print ENVIRON["DESTDIR"] $$0 }' $(BUILD)/install_manifest.txt >'$(LIST)'
	@echo "installed: $$(wc -l <'$(LIST)') files below $(DESTDIR)$(PREFIX); make uninstall removes them"

uninstall:
	@tools/uninstall '$(LIST)'

format:
	@tools/check_format --fix

clean:
	@rm -rf build
