EXTRA_DIST += %D%/gatepost.service.in
CLEANFILES += %D%/gatepost.service
systemdunitdir = $(SYSTEMD_UNIT_DIR)

if WITH_SYSTEMD
systemdunit_DATA = %D%/gatepost.service
endif

%D%/gatepost.service: %D%/gatepost.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && $(SED) -e 's|[@]sbindir[@]|$(sbindir)|g' -e 's|[@]sysconfdir[@]|$(sysconfdir)|g' \
		-e 's|[@]libexecdir[@]|$(libexecdir)|g' $(srcdir)/%D%/gatepost.service.in > $@.tmp && mv $@.tmp $@
