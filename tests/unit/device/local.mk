# The envelopes that the device is given are made by the formats folder, which the library itself does not know.
check_PROGRAMS += tests/unit/test_device
tests_unit_test_device_SOURCES = %D%/test_device.c %D%/world.c %D%/world.h tests/unit/formats/envelope.c
tests_unit_test_device_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit/formats
tests_unit_test_device_LDADD = libgatepost-device.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_device_net
tests_unit_test_device_net_SOURCES = %D%/test_device_net.c
tests_unit_test_device_net_LDADD = libdeviceprogram.a libgatepost-device.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS) $(UNIT_LIBS)
