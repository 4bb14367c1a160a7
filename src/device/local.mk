# The library: what goes into a device. It is installed with its header.
lib_LIBRARIES += libgatepost-device.a
include_HEADERS += %D%/gatepost-device.h
libgatepost_device_a_SOURCES =
libgatepost_device_a_SOURCES += %D%/gpd_flow.c
libgatepost_device_a_SOURCES += %D%/gpd_manifest.c %D%/gpd_manifest.h
libgatepost_device_a_SOURCES += %D%/gpd_signed.c %D%/gpd_signed.h
libgatepost_device_a_SOURCES += %D%/gpd_text.c
libgatepost_device_a_SOURCES += %D%/gpd_walk.c %D%/gpd_walk.h

# The reference program, and what of it the tests look into.
noinst_LIBRARIES += libdeviceprogram.a
libdeviceprogram_a_SOURCES =
libdeviceprogram_a_SOURCES += %D%/coap_fetch.c %D%/coap_fetch.h
libdeviceprogram_a_SOURCES += %D%/gateway.c %D%/gateway.h
libdeviceprogram_a_SOURCES += %D%/gateway_coap.c
libdeviceprogram_a_SOURCES += %D%/gateway_http.c
libdeviceprogram_a_SOURCES += %D%/http_head.c %D%/http_head.h
libdeviceprogram_a_SOURCES += %D%/options.c %D%/options.h
libdeviceprogram_a_SOURCES += %D%/slot.c %D%/slot.h

bin_PROGRAMS += gatepost-device
gatepost_device_SOURCES = %D%/main.c
gatepost_device_LDADD = libdeviceprogram.a libgatepost-device.a libcoap.a libformats.a libbase.a $(FORMATS_LIBS)
