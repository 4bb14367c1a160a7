check_PROGRAMS += tests/unit/test_link tests/unit/test_catalog
tests_unit_test_link_SOURCES = %D%/test_link.c
tests_unit_test_link_LDADD = libcatalog.a libbase.a $(UNIT_LIBS)
tests_unit_test_catalog_SOURCES = %D%/test_catalog.c %D%/sample.h
tests_unit_test_catalog_LDADD = libcatalog.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_builder_memory
tests_unit_test_builder_memory_SOURCES = %D%/test_builder_memory.c %D%/sample.h
tests_unit_test_builder_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
tests_unit_test_builder_memory_LDADD = libcatalog.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)
