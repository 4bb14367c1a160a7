IPFS_TEST_LIBS = libipfs.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_plan
tests_unit_test_plan_SOURCES = %D%/test_plan.c %D%/dag.c %D%/dag.h %D%/shapes.h
tests_unit_test_plan_LDADD = $(IPFS_TEST_LIBS)

check_PROGRAMS += tests/unit/test_intake
tests_unit_test_intake_SOURCES = %D%/test_intake.c %D%/dag.c %D%/dag.h %D%/shapes.h
tests_unit_test_intake_LDADD = $(IPFS_TEST_LIBS)

check_PROGRAMS += tests/unit/test_source
tests_unit_test_source_SOURCES = %D%/test_source.c
tests_unit_test_source_LDADD = $(IPFS_TEST_LIBS)

check_PROGRAMS += tests/unit/test_mirror
tests_unit_test_mirror_SOURCES = %D%/test_mirror.c %D%/dag.c %D%/dag.h %D%/shapes.h
tests_unit_test_mirror_LDADD = $(IPFS_TEST_LIBS)

check_PROGRAMS += tests/unit/test_dagtree
tests_unit_test_dagtree_SOURCES = %D%/test_dagtree.c %D%/dag.c %D%/dag.h %D%/shapes.h
tests_unit_test_dagtree_LDADD = $(IPFS_TEST_LIBS)

check_PROGRAMS += tests/unit/test_bundle
tests_unit_test_bundle_SOURCES = %D%/test_bundle.c %D%/dag.c %D%/dag.h %D%/shapes.h
tests_unit_test_bundle_LDADD = $(IPFS_TEST_LIBS)

check_PROGRAMS += tests/unit/test_bundle_memory
tests_unit_test_bundle_memory_SOURCES = %D%/test_bundle_memory.c
tests_unit_test_bundle_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
tests_unit_test_bundle_memory_LDADD = $(IPFS_TEST_LIBS)

check_PROGRAMS += tests/unit/test_carpos
tests_unit_test_carpos_SOURCES = %D%/test_carpos.c %D%/dag.c %D%/dag.h %D%/shapes.h
tests_unit_test_carpos_LDADD = $(IPFS_TEST_LIBS)
