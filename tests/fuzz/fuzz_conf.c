/* SPDX-License-Identifier: MIT */
/*
 * A config file of any bytes: either an error that names the file and shows no
 * control byte, or a configuration whose printed form is accepted again and
 * then prints the same (keys and passwords aside, which are masked).
 */
#include <stdlib.h>
#include <string.h>

#include "../../conf_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_error(const struct err *e)
{
	size_t i;

	if (e->kind == ERR_MEM)
		return;
	if (!str_starts(str_of(e->text), STR("fuzz: ")))
		abort();
	for (i = 0; e->text[i] != '\0'; i++)
		if ((unsigned char)e->text[i] < 0x20)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct conf *c, *again;
	struct err e = { .kind = ERR_NONE };
	struct buf one, two;
	char *copy = malloc(n + 1); /* so that reading beyond it is seen */

	log_setup(LOG_ERROR, false);
	if (copy == NULL || n > CONF_FILE_MAX) {
		free(copy);
		return 0;
	}
	if (n > 0)
		memcpy(copy, p, n);
	copy = realloc(copy, n == 0 ? 1 : n);
	c = conf_parse((struct str){ copy, n }, "fuzz", &e);
	free(copy);
	if (c == NULL) {
		check_error(&e);
		return 0;
	}
	buf_init(&one, 4u << 20);
	buf_init(&two, 4u << 20);
	conf_print(c, &one);
	conf_budget(c, &two);
	buf_clear(&two);
	again = conf_parse(buf_str(&one), "again", &e);
	if (again == NULL && one.len <= CONF_FILE_MAX && e.kind != ERR_MEM)
		abort();
	if (again != NULL) {
		conf_print(again, &two);
		if (str_find(buf_str(&one), STR("...")) < 0 &&
		    !str_eq(buf_str(&one), buf_str(&two)))
			abort();
		conf_inherit(again, c);
		if (again->n_providers > 0 && str_eq(again->ca_file,
		    c->ca_file) && str_find(buf_str(&one), STR("...")) < 0 &&
		    !conf_has_pool_key(again, c->providers[0].pool_key))
			abort();
	}
	conf_unref(again);
	conf_unref(c);
	buf_free(&one);
	buf_free(&two);
	return 0;
}
