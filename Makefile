# llmux: what to build and how to check it. Local settings: config.mak.
# docs/HACKING.md says what each target is for.
.POSIX:
.SUFFIXES:
.SUFFIXES: .c .o

CC = cc
AR = ar
CFLAGS = -O2 -g
LDFLAGS =
PREFIX = /usr/local
# Where bearssl.h and libbearssl are, if not where the compiler looks.
BEARSSL_INC =
BEARSSL_LIB = -lbearssl
# Options that cost or save bytes (x86-64, -Os, static):
#   -DNO_TLS_SERVER       no HTTPS listeners (see `make size`)
#   -DTLS_OUT_SIZE=4181   smaller TLS output buffers, slower uploads
OPTIONS =
EXTRA =
-include config.mak

WARN = -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wwrite-strings -Wundef \
	-Wframe-larger-than=2048
CPPFLAGS = -D_POSIX_C_SOURCE=200809L $(BEARSSL_INC) $(OPTIONS)
LIBS = $(BEARSSL_LIB) -lpthread

OBJS = base.o text.o json.o jsondoc.o tls.o tls_trust.o net.o net_addr.o \
	net_open.o http.o sse.o pool.o conf.o conf_keys.o conf_env.o \
	conf_creds.o conf_print.o sandbox.o clients.o fetch.o oauth.o \
	oauth_wire.o oauth_device.o oauth_file.o oauth_keep.o oauth_idle.o route.o gate.o \
	reply.o forward.o pass.o translate.o recall.o body.o builtin.o relay.o serve.o admin/keys.o admin/key.o \
	admin/usage.o admin/quota.o admin/control.o admin/status.o \
	admin/term.o admin/login.o admin/login_code.o admin/callback.o \
	admin/menu.o admin/import.o dialects/dialect.o dialects/neutral.o \
	dialects/neutral_error.o dialects/seal.o dialects/chat.o \
	dialects/chat_request.o dialects/chat_write.o dialects/chat_reader.o \
	dialects/responses.o dialects/responses_request.o \
	dialects/responses_write.o dialects/responses_reader.o \
	dialects/chatgpt.o dialects/anthropic.o dialects/anthropic_request.o \
	dialects/anthropic_fit.o dialects/anthropic_write.o \
	dialects/anthropic_reader.o dialects/echo.o dialects/models.o
UNITS = base json jsondoc tls net net_addr net_open pool http http_conn sse \
	conf conf_env sandbox dialects route clients oauth oauth_wire oauth_file keys \
	quota control login import models neutral chat_dialect \
	responses_dialect chatgpt anthropic_dialect translate
FUZZ = json head chunk sse conf pem

all: llmux

.c.o:
	@echo "  CC  $<"
	@$(CC) $(WARN) $(CPPFLAGS) $(CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

llmux: llmux.o $(OBJS)
	@echo "  LD  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ llmux.o $(OBJS) $(LIBS)

libllmux.a: $(OBJS)
	@rm -f $@
	@$(AR) rcs $@ $(OBJS)

-include *.d admin/*.d dialects/*.d

# The echo model, started, asked once as a stream, and stopped.
run: llmux
	@sh tests/demo.sh ./llmux

# ---- tests: each kind in a copy of the tree with its own flags ----

# SANITIZED: larger stacks, and a process that the leak checker may look into.
SAN = -O1 -g -Wno-frame-larger-than -DLLMUX_TEST -DSANITIZED -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
check:
	@sh tests/variant.sh check '$(CC)' '-O1 -g -DLLMUX_TEST -DBUF_STEP=1'
check-san:
	@sh tests/variant.sh san '$(CC)' '-DBUF_STEP=1 $(SAN)'
check-tsan:
	@sh tests/variant.sh tsan '$(CC)' '-O1 -g -Wno-frame-larger-than -DLLMUX_TEST -DSANITIZED -fsanitize=thread'
check-alloc:
	@sh tests/variant.sh alloc '$(CC)' '$(SAN)'
check-clients: llmux
	@sh tests/clients/run.sh ./llmux
# In a copy: `make check-here` runs what the variant is for.
check-here: llmux libllmux.a
	@sh tests/run.sh '$(TESTCC)' '$(LIBS)' '$(UNITS)' '$(FUZZ)'
TESTCC = $(CC) $(WARN) -Wno-frame-larger-than $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)

# make fuzz T=json [SECONDS=600]: libFuzzer with ASan and UBSan (clang).
T = json
SECONDS = 60
fuzz:
	@sh tests/fuzz/run.sh $(T) $(SECONDS)

lint: llmux
	@sh tests/lint.sh
size: static
	@sh tests/size.sh build/static/llmux
bench: static
	@python3 tests/bench/bench.py --llmux build/static/llmux
# A thousand streams, many requests, and what they leave behind.
soak: llmux
	@python3 tests/soak.py ./llmux
# Deepest use of the 64 kB stacks, painted and measured.
stack:
	@sh tests/variant.sh stack '$(CC)' '-Os -g -DPAINT_STACK -Wno-frame-larger-than -Wno-uninitialized -Wno-maybe-uninitialized'
# Lines of each file that the tests reach.
cover:
	@sh tests/variant.sh cover '$(CC)' '-O0 -g -DLLMUX_TEST -DSANITIZED --coverage'

# ---- what leaves the house ----

# Fully static with musl and BearSSL from the distribution's source package.
static:
	@CC=musl-gcc AR=ar CFLAGS_EXTRA= sh packaging/static.sh build/static
	@sh tests/variant.sh static musl-gcc '$(STATIC_CFLAGS)' '$(STATIC_LDFLAGS)'
# -Oz needs gcc 12 or clang. No relro: a static program has nothing that makes
# it read-only. The small page size only moves the data in the file.
STATIC_CFLAGS = -Oz -fno-pie -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -fno-stack-protector
STATIC_LDFLAGS = -static -no-pie -s -Wl,--gc-sections,--build-id=none \
	-Wl,--sort-section=alignment,-z,noseparate-code \
	-Wl,-z,norelro,-z,common-page-size=64

install: llmux
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8
	cp llmux $(DESTDIR)$(PREFIX)/bin/llmux
	cp llmux.8 $(DESTDIR)$(PREFIX)/share/man/man8/llmux.8
dist:
	mkdir -p dist
	git archive --prefix=llmux/ HEAD | gzip -9n > dist/llmux.tar.gz
clean:
	rm -rf build dist llmux llmux.o libllmux.a $(OBJS) *.d admin/*.d \
	dialects/*.d
.PHONY: all run check check-san check-tsan check-alloc check-clients \
	check-here fuzz lint size bench soak stack cover static install dist clean
