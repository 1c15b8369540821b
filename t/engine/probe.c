/*
 * An OpenSSL engine for crypto-device.t: writes to the file MARK when it is put to use and when that ends. RESULT 0 makes it
 * refuse. Its RSA is the library's own.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/engine.h>
#include <openssl/rsa.h>
#include <stdio.h>

static int note(const char *what)
{
    FILE *file = fopen(MARK, "a");
    if (file) {
        fprintf(file, NAME " %s\n", what);
        fclose(file);
    }
    return 1;
}

static int init(ENGINE *engine) { (void)engine; note("init"); return RESULT; }
static int finish(ENGINE *engine) { (void)engine; return note("finish"); }

static int bind(ENGINE *engine, const char *id)
{
    (void)id;
    return ENGINE_set_id(engine, NAME) && ENGINE_set_name(engine, "An engine for tests") && ENGINE_set_init_function(engine, init)
        && ENGINE_set_finish_function(engine, finish) && ENGINE_set_RSA(engine, RSA_get_default_method());
}

IMPLEMENT_DYNAMIC_BIND_FN(bind)
IMPLEMENT_DYNAMIC_CHECK_FN()
