dist_man_MANS += %D%/gatepost.conf.5
