/* SPDX-License-Identifier: MIT */
/*
 * models: GET /v1/models in the shape of OpenAI's API, and in Anthropic's for
 * clients that send anthropic-version. Only what is known is said: no context
 * length, no date is invented (`created` is 0, `created_at` the Unix epoch).
 */
#include "ops.h"

static void
put_model(struct json_out *o, bool anthropic, const struct model_entry *m)
{
	json_open(o, '{');
	if (anthropic) {
		json_key(o, "type");
		json_str(o, STR("model"));
	}
	json_key(o, "id");
	json_str(o, m->id);
	if (anthropic) {
		json_key(o, "display_name");
		json_str(o, m->id);
		json_key(o, "created_at");
		json_str(o, STR("1970-01-01T00:00:00Z"));
	} else {
		json_key(o, "object");
		json_str(o, STR("model"));
		json_key(o, "created");
		json_num(o, 0);
		json_key(o, "owned_by");
		json_str(o, m->owner);
	}
	json_close(o, '}');
}

void
models_list(bool anthropic, const struct model_entry *m, size_t n,
    struct buf *out)
{
	struct json_out o;
	size_t i;

	json_out_buf(&o, out);
	json_open(&o, '{');
	if (!anthropic) {
		json_key(&o, "object");
		json_str(&o, STR("list"));
	}
	json_key(&o, "data");
	json_open(&o, '[');
	for (i = 0; i < n; i++)
		put_model(&o, anthropic, &m[i]);
	json_close(&o, ']');
	if (anthropic) {
		json_key(&o, "has_more");
		json_bool(&o, false);
		json_key(&o, "first_id");
		if (n > 0)
			json_str(&o, m[0].id);
		else
			json_null(&o);
		json_key(&o, "last_id");
		if (n > 0)
			json_str(&o, m[n - 1].id);
		else
			json_null(&o);
	}
	json_close(&o, '}');
	json_out_flush(&o);
}

void
models_one(bool anthropic, const struct model_entry *m, struct buf *out)
{
	struct json_out o;

	json_out_buf(&o, out);
	put_model(&o, anthropic, m);
	json_out_flush(&o);
}
