# The words people type; CMake does the work.
#
#   make          build            -> build/release/redoubt
#   make demo     install what is missing, build, assess the built-in example
#   make test     install, build, run every test
#   make bench    figures, side by side with what is installed
#   make install  PREFIX=/usr/local

PREFIX ?= /usr/local
BUILD  := build/release
JOBS   := $(shell nproc)

.PHONY: all deps deps-test build demo test bench interop fuzz install clean format

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
	@cmake --install $(BUILD) --prefix $(PREFIX)

format:
	@tools/check_format --fix

clean:
	@rm -rf build
