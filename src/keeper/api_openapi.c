/* api_openapi.c: docs/openapi.yaml, as it was when this program was built. */
#include "keeper/api.h"
#include "keeper/openapi_gen.h"

#include <string.h>

void api_openapi(struct keeper *k, const struct api_call *c, struct api_reply *r)
{
	(void)k;
	(void)c;
	r->text = strdup(openapi_yaml);
	r->status = r->text ? 200 : 500;
	r->type = "application/yaml";
}
