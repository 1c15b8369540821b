/*
 * A network that does what networks may do: an input filter below the TLS filter that hands out a byte at a time, has
 * nothing when there is something, or fails.
 *
 *   Faulty WHAT [N]         in a virtual host
 *
 *   short                   a byte at a time
 *   again                   as short; every other read that must not wait finds nothing, by EAGAIN
 *   empty                   as again, by an empty brigade
 *   reset N, timeup N, eof N, error N   the N-th read ends in ECONNRESET, TIMEUP, EOF, EGENERAL
 *
 * It takes the name of mod_remoteip's filter, which the TLS module knows: below filters it does not know it would not
 * read without waiting. A read finds nothing only while nothing is held here or in core, else no event of the socket
 * would ever lead to the rest; core is therefore read as far as it goes. After a read that must not wait and one that
 * may the log says so once, "FAULTY waits" and "FAULTY does not wait".
 */
#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_log.h"
#include "util_filter.h"
#include "apr_strings.h"

#include <string.h>

module AP_MODULE_DECLARE_DATA faulty_module;
APLOG_USE_MODULE(faulty);

typedef struct {
    const char *what;
    int number;
} setting;

typedef struct {
    const setting *setting;
    apr_bucket_brigade *held;
    int reads, turn, said[2];
} state;

static void *create_server(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return apr_pcalloc(p, sizeof(setting));
}

static const char *set_faulty(cmd_parms *cmd, void *dir, const char *what, const char *number)
{
    setting *set = ap_get_module_config(cmd->server->module_config, &faulty_module);
    (void)dir;
    set->what = what;
    set->number = number ? atoi(number) : 0;
    return NULL;
}

static int is(const state *s, const char *what)
{
    return strcmp(s->setting->what, what) == 0;
}

/* All that core has, which waits for the first byte if it may. */
static apr_status_t fill(ap_filter_t *f, state *s, apr_read_type_e block)
{
    apr_status_t rv = ap_get_brigade(f->next, s->held, AP_MODE_READBYTES, block, 65536);
    return rv;
}

static apr_status_t faulty_in(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
                              apr_off_t wanted)
{
    state *s = f->ctx;
    apr_bucket *bucket;
    apr_status_t rv;
    int waits = block == APR_BLOCK_READ;

    if (mode != AP_MODE_READBYTES)
        return ap_get_brigade(f->next, bb, mode, block, wanted);
    if (!s->said[waits]++)
        ap_log_cerror(APLOG_MARK, APLOG_INFO, 0, f->c, "FAULTY %s", waits ? "waits" : "does not wait");
    if (++s->reads == s->setting->number) {
        if (is(s, "reset"))
            return APR_ECONNRESET;
        if (is(s, "timeup"))
            return APR_TIMEUP;
        if (is(s, "eof"))
            return APR_EOF;
        if (is(s, "error"))
            return APR_EGENERAL;
    }
    if (APR_BRIGADE_EMPTY(s->held)) {
        if (!waits && (is(s, "again") || is(s, "empty")) && s->turn++ % 2 == 0)
            return is(s, "again") ? APR_EAGAIN : APR_SUCCESS;
        if ((rv = fill(f, s, block)) != APR_SUCCESS)
            return rv;
        if (APR_BRIGADE_EMPTY(s->held))
            return APR_SUCCESS;
    }
    bucket = APR_BRIGADE_FIRST(s->held);
    if (!APR_BUCKET_IS_METADATA(bucket) && bucket->length > 1)
        apr_bucket_split(bucket, 1);
    APR_BUCKET_REMOVE(bucket);
    APR_BRIGADE_INSERT_TAIL(bb, bucket);
    return APR_SUCCESS;
}

static int pre_connection(conn_rec *c, void *csd)
{
    setting *set = ap_get_module_config(c->base_server->module_config, &faulty_module);
    state *s;
    (void)csd;
    if (c->master || !set->what)
        return DECLINED;
    s = apr_pcalloc(c->pool, sizeof *s);
    s->setting = set;
    s->held = apr_brigade_create(c->pool, c->bucket_alloc);
    ap_add_input_filter("REMOTEIP_INPUT", s, NULL, c);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_register_input_filter("REMOTEIP_INPUT", faulty_in, NULL, AP_FTYPE_CONNECTION + 7);
    ap_hook_pre_connection(pre_connection, NULL, NULL, APR_HOOK_LAST);
}

static const command_rec commands[] = {
    AP_INIT_TAKE12("Faulty", set_faulty, NULL, RSRC_CONF, "what goes wrong"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}
};

module AP_MODULE_DECLARE_DATA faulty_module = {STANDARD20_MODULE_STUFF, NULL, NULL, create_server, NULL, commands, register_hooks,
                                               AP_MODULE_FLAG_NONE};
