# The library: what goes into a device. It is installed with its header.
lib_LIBRARIES += libgatepost-device.a
include_HEADERS += %D%/gatepost-device.h
libgatepost_device_a_SOURCES =
libgatepost_device_a_SOURCES += %D%/gpd_flow.c
libgatepost_device_a_SOURCES += %D%/gpd_manifest.c %D%/gpd_manifest.h
libgatepost_device_a_SOURCES += %D%/gpd_signed.c %D%/gpd_signed.h
libgatepost_device_a_SOURCES += %D%/gpd_text.c
libgatepost_device_a_SOURCES += %D%/gpd_walk.c %D%/gpd_walk.h
