noinst_HEADERS = %D%/audit.h %D%/blob.h %D%/db.h %D%/devices.h %D%/durable.h %D%/entries.h %D%/floor.h %D%/images.h \
	%D%/mark.h %D%/products.h %D%/recover.h %D%/releases.h %D%/space.h %D%/store.h %D%/sysio.h %D%/tokens.h
