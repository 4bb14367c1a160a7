# Programs that tests and benchmarks start; built by name, not by `make`.
EXTRA_PROGRAMS += tests/integration/coapd_file
tests_integration_coapd_file_SOURCES = %D%/coapd_file.c
tests_integration_coapd_file_LDADD = libserver.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS) -lpthread
