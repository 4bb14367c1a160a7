# Programs that tests and benchmarks start; built by name, not by `make`.
EXTRA_PROGRAMS += tests/integration/coapd_file
TEST_TOOLS += tests/integration/coapd_file
tests_integration_coapd_file_SOURCES = %D%/coapd_file.c
tests_integration_coapd_file_LDADD = libserver.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS) -lpthread

EXTRA_PROGRAMS += tests/integration/car_verify tests/integration/dag_cid
TEST_TOOLS += tests/integration/car_verify tests/integration/dag_cid
tests_integration_car_verify_SOURCES = %D%/car_verify.c
tests_integration_car_verify_LDADD = libipfs.a libformats.a libbase.a $(FORMATS_LIBS)
tests_integration_dag_cid_SOURCES = %D%/dag_cid.c
tests_integration_dag_cid_LDADD = libformats.a libbase.a $(FORMATS_LIBS)

EXTRA_PROGRAMS += tests/integration/http_stand
TEST_TOOLS += tests/integration/http_stand
tests_integration_http_stand_SOURCES = %D%/http_stand.c
tests_integration_http_stand_LDADD = libcatalog.a libformats.a libbase.a $(FORMATS_LIBS)
