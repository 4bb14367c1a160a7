noinst_LIBRARIES += libipfs.a
libipfs_a_SOURCES =
libipfs_a_SOURCES += %D%/intake.h
libipfs_a_SOURCES += %D%/plan.h
libipfs_a_SOURCES += %D%/source.h
