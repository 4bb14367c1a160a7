noinst_LIBRARIES += libcatalog.a
libcatalog_a_SOURCES = \
	%D%/builder.c %D%/builder.h \
	%D%/catalog.c %D%/catalog.h \
	%D%/check.c \
	%D%/filter.c \
	%D%/freshness.c %D%/freshness.h \
	%D%/layout.h \
	%D%/link.c %D%/link.h
