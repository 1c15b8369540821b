/*
 * A provider of OpenSSL for tests, which serves URIs of the scheme "pkcs11" from files, as that of a token does from a token:
 *
 *   pkcs11:object=NAME              DIR/NAME.key.der (PKCS#8) and DIR/NAME.cert.der, or whichever is wanted
 *   pkcs11:object=NAME;pin=WORD     the key only if the PIN that is asked for is WORD
 *
 * DIR is the environment variable TEST_TOKEN. Nothing else of the URI is looked at.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CERTIFICATE = 5 }; /* OSSL_STORE_INFO_CERT */

struct object {
    char name[200], pin[50];
    int wanted, given;
};

static void *open_uri(void *provider, const char *uri)
{
    const char *name = strstr(uri, "object="), *pin = strstr(uri, "pin=");
    struct object *object = calloc(1, sizeof *object);
    (void)provider;
    if (!object || !name || strncmp(uri, "pkcs11:", 7)) {
        free(object);
        return NULL;
    }
    sscanf(name, "object=%199[a-z0-9-]", object->name);
    if (pin) sscanf(pin, "pin=%49[a-z0-9]", object->pin);
    return object;
}

static int set_parameters(void *object, const OSSL_PARAM params[])
{
    const OSSL_PARAM *wanted = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
    return !wanted || OSSL_PARAM_get_int(wanted, &((struct object *)object)->wanted);
}

static const OSSL_PARAM *settable(void *provider)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL), OSSL_PARAM_END};
    (void)provider;
    return known;
}

static int load(void *context, OSSL_CALLBACK *give, void *give_data, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_data)
{
    static unsigned char bytes[20000];
    struct object *object = context;
    int certificate = object->wanted ? object->wanted == CERTIFICATE : object->given;
    int type = certificate ? OSSL_OBJECT_CERT : OSSL_OBJECT_PKEY;
    char path[500], pin[50] = "";
    size_t length = 0;
    FILE *file;

    object->given++;
    if (!certificate && *object->pin) {
        OSSL_PARAM info[] = {OSSL_PARAM_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, "PIN", 0), OSSL_PARAM_END};
        if (!ask(pin, sizeof pin - 1, &length, info, ask_data)) return 0;
        pin[length] = '\0';
        if (strcmp(pin, object->pin)) return 0;
    }
    snprintf(path, sizeof path, "%s/%s.%s.der", getenv("TEST_TOKEN"), object->name, certificate ? "cert" : "key");
    file = fopen(path, "rb");
    if (!file) return 0;
    length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    OSSL_PARAM found[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, bytes, length),
        OSSL_PARAM_END,
    };
    return give(found, give_data);
}

static int is_at_end(void *context)
{
    struct object *object = context;
    return object->given == (object->wanted ? 1 : 2);
}

static int close_uri(void *object)
{
    free(object);
    return 1;
}

static const OSSL_DISPATCH store[] = {
    {OSSL_FUNC_STORE_OPEN, (void (*)(void))open_uri},
    {OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, (void (*)(void))settable},
    {OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))set_parameters},
    {OSSL_FUNC_STORE_LOAD, (void (*)(void))load},
    {OSSL_FUNC_STORE_EOF, (void (*)(void))is_at_end},
    {OSSL_FUNC_STORE_CLOSE, (void (*)(void))close_uri},
    {0, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM stores[] = {{"pkcs11", "provider=test", store, "files as a token"}, {NULL, NULL, NULL, NULL}};
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_STORE ? stores : NULL;
}

static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};

int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provider)
{
    (void)in;
    *provider = (void *)core;
    *out = functions;
    return 1;
}
