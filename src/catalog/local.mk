noinst_LIBRARIES += libcatalog.a
libcatalog_a_SOURCES = \
	%D%/link.c %D%/link.h
