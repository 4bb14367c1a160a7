noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%D%/aside.c %D%/aside.h \
	%D%/base64.c %D%/base64.h \
	%D%/buf.c %D%/buf.h \
	%D%/cleanup.h \
	%D%/clock.c %D%/clock.h \
	%D%/cursor.h \
	%D%/err.c %D%/err.h \
	%D%/hex.c %D%/hex.h \
	%D%/io.c %D%/io.h \
	%D%/limits.h \
	%D%/list.h \
	%D%/log.c %D%/log.h \
	%D%/nearest.c %D%/nearest.h \
	%D%/sm.c %D%/sm.h \
	%D%/span.h \
	%D%/table.c %D%/table.h \
	%D%/template.c %D%/template.h \
	%D%/utf8.c %D%/utf8.h
