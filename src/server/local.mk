noinst_LIBRARIES += libserver.a
libserver_a_SOURCES =
libserver_a_SOURCES += %D%/coapd.c %D%/coapd.h
libserver_a_SOURCES += %D%/coapd_answers.c %D%/coapd_answers.h
libserver_a_SOURCES += %D%/coapd_onlink.c %D%/coapd_onlink.h
libserver_a_SOURCES += %D%/coapd_socket.c %D%/coapd_socket.h
