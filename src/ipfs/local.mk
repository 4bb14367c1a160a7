noinst_LIBRARIES += libipfs.a
libipfs_a_SOURCES =
libipfs_a_SOURCES += %D%/frontier.c %D%/frontier.h
libipfs_a_SOURCES += %D%/intake.c %D%/intake.h
libipfs_a_SOURCES += %D%/place.c %D%/place.h
libipfs_a_SOURCES += %D%/plan.c %D%/plan.h
libipfs_a_SOURCES += %D%/seen.c %D%/seen.h
libipfs_a_SOURCES += %D%/source.c %D%/source.h
