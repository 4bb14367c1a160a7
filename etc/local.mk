# The example is installed as the configuration, unless there is one already: its placeholders are refused until they are replaced.
EXTRA_DIST += %D%/gatepost.conf %D%/gatepost.service.avahi

avahidir = $(sysconfdir)/avahi/services

install-data-local: install-conf
install-conf:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/gatepost/conf.d' '$(DESTDIR)$(avahidir)'
	$(INSTALL) -d -m 0700 '$(DESTDIR)$(sysconfdir)/gatepost/credentials'
	test -e '$(DESTDIR)$(sysconfdir)/gatepost/gatepost.conf' || \
		$(INSTALL_DATA) '$(srcdir)/etc/gatepost.conf' '$(DESTDIR)$(sysconfdir)/gatepost/gatepost.conf'
	$(INSTALL_DATA) '$(srcdir)/etc/gatepost.service.avahi' '$(DESTDIR)$(avahidir)/gatepost.service'

# Only what is as it was installed.
uninstall-local: uninstall-conf
uninstall-conf:
	rm -f '$(DESTDIR)$(avahidir)/gatepost.service'
	! cmp -s '$(srcdir)/etc/gatepost.conf' '$(DESTDIR)$(sysconfdir)/gatepost/gatepost.conf' || \
		rm -f '$(DESTDIR)$(sysconfdir)/gatepost/gatepost.conf'
.PHONY: install-conf uninstall-conf
