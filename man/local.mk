dist_man_MANS += %D%/gatepost.1 %D%/gatepost.conf.5 %D%/gatepostd.8
dist_man_MANS += %D%/gatepost-device.1
