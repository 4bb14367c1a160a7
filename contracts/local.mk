# The contract, compiled by solc from npm (node_modules in the source tree or above it; `npm ci --ignore-scripts`).
# A release tarball carries both products, so that it builds without node_modules.
REGISTRY_SOURCE = $(top_srcdir)/%D%/FirmwareRegistry.sol
REGISTRY_DEPS = %D%/FirmwareRegistry.sol %D%/compile.mjs

BUILT_SOURCES += %D%/registry_gen.h %D%/FirmwareRegistry.abi.json
EXTRA_DIST += $(REGISTRY_DEPS) %D%/registry_gen.h %D%/FirmwareRegistry.abi.json
MAINTAINERCLEANFILES += %D%/registry_gen.h %D%/FirmwareRegistry.abi.json

%D%/registry_gen.h: $(REGISTRY_DEPS)
	$(AM_V_GEN)$(MKDIR_P) %D% && $(NODE) $(top_srcdir)/%D%/compile.mjs header $(REGISTRY_SOURCE) > $@.tmp && mv $@.tmp $@

%D%/FirmwareRegistry.abi.json: $(REGISTRY_DEPS)
	$(AM_V_GEN)$(MKDIR_P) %D% && $(NODE) $(top_srcdir)/%D%/compile.mjs abi $(REGISTRY_SOURCE) > $@.tmp && mv $@.tmp $@

# Only `make all` and `make check` wait for BUILT_SOURCES; a single target, as in `make tests/unit/test_x`, has to be told.
$(libchain_a_OBJECTS) $(libpublish_a_OBJECTS) $(libkeeper_a_OBJECTS) $(gatepost_OBJECTS): | %D%/registry_gen.h
