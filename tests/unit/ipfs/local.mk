IPFS_TEST_LIBS = libipfs.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_plan
tests_unit_test_plan_SOURCES = %D%/test_plan.c %D%/dag.c %D%/dag.h %D%/shapes.h
tests_unit_test_plan_LDADD = $(IPFS_TEST_LIBS)
