noinst_LIBRARIES += libstore.a
libstore_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
# What a program that links libstore.a needs after it (with libformats.a, libbase.a and $(FORMATS_LIBS)).
STORE_LIBS = $(SQLITE_LIBS)
libstore_a_SOURCES = \
	%D%/audit.c %D%/audit.h \
	%D%/blob.c %D%/blob.h %D%/blob_own.h \
	%D%/blob_check.c \
	%D%/blob_dag.c \
	%D%/blob_finish.c \
	%D%/blob_hash.c \
	%D%/blobdir.c \
	%D%/bundles.c %D%/bundles.h \
	%D%/db.c %D%/db.h %D%/db_own.h \
	%D%/devices.c %D%/devices.h \
	%D%/durable.c %D%/durable.h \
	%D%/entries.c %D%/entries.h \
	%D%/floor.c %D%/floor.h %D%/floor_own.h \
	%D%/floor_file.c \
	%D%/image_own.h %D%/images.c %D%/images.h \
	%D%/mark.c %D%/mark.h %D%/mark_own.h \
	%D%/own.c %D%/own.h \
	%D%/owncopy.c %D%/owncopy.h %D%/owncopy_own.h \
	%D%/owncopy_ahead.c \
	%D%/owncopy_recall.c \
	%D%/ownlog.c %D%/ownlog.h \
	%D%/ownpatch.c %D%/ownpatch.h \
	%D%/pagesum.c %D%/pagesum.h \
	%D%/products.c %D%/products.h \
	%D%/recover.c %D%/recover.h \
	%D%/release_own.h %D%/releases.c %D%/releases.h \
	%D%/release_read.c \
	%D%/restore.c %D%/restore.h \
	%D%/save.c %D%/save.h \
	%D%/savefile.c %D%/savefile.h \
	%D%/scratch.c %D%/scratch.h \
	%D%/space.c %D%/space.h \
	%D%/stmt.c \
	%D%/store.c %D%/store.h \
	%D%/store_check.c %D%/store_own.h \
	%D%/sysio.c %D%/sysio.h \
	%D%/tokens.c %D%/tokens.h \
	%D%/victims.c \
	%D%/walcheck.c %D%/walcheck.h
nodist_libstore_a_SOURCES = %D%/migrations.c

# Append only: a file that was released never changes.
SQL_FILES = sql/0001-first.sql sql/0002-listed.sql sql/0003-bundles.sql sql/0004-lost-blocks.sql sql/0005-chosen.sql
EXTRA_DIST += $(SQL_FILES) %D%/embed-sql
CLEANFILES += %D%/migrations.c
%D%/migrations.c: $(SQL_FILES) %D%/embed-sql
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cd $(srcdir) && %D%/embed-sql $(SQL_FILES) > $(abs_builddir)/$@.new && \
		mv $(abs_builddir)/$@.new $(abs_builddir)/$@
