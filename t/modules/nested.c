/*
 * A third-party module that works on a connection while one of its requests is being served, as some do: it runs the
 * hooks that process connections once more, reads from and writes to the connection's filters, and asks whether the
 * connection has TLS and what is known of it.
 *
 *   Nested WHERE ...      first (post_read_request, before all others), handler; each once for a connection
 *
 * Each place leaves a line "NESTED WHERE ..." in the error log.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "http_ssl.h"
#include "util_filter.h"
#include "apr_strings.h"

module AP_MODULE_DECLARE_DATA nested_module;
APLOG_USE_MODULE(nested);

static void *create_server(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return apr_array_make(p, 2, sizeof(const char *));
}

static void *merge_server(apr_pool_t *p, void *base, void *add)
{
    (void)p, (void)base;
    return add;
}

static const char *set_nested(cmd_parms *cmd, void *dir, const char *where)
{
    (void)dir;
    APR_ARRAY_PUSH((apr_array_header_t *)ap_get_module_config(cmd->server->module_config, &nested_module), const char *) = where;
    return NULL;
}

static int is_wanted(request_rec *r, const char *where)
{
    const apr_array_header_t *places = ap_get_module_config(r->connection->base_server->module_config, &nested_module);
    const char *done = apr_pstrcat(r->connection->pool, "nested-", where, NULL);
    int i;
    for (i = 0; i < places->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(places, i, const char *), where) || apr_table_get(r->connection->notes, done)) continue;
        apr_table_setn(r->connection->notes, done, "1");
        return 1;
    }
    return 0;
}

static apr_status_t read_some(conn_rec *c, ap_input_mode_t mode)
{
    apr_bucket_brigade *bb = apr_brigade_create(c->pool, c->bucket_alloc);
    apr_status_t rv = ap_get_brigade(c->input_filters, bb, mode, APR_NONBLOCK_READ, 100);
    apr_brigade_destroy(bb);
    return rv;
}

static apr_status_t flush(conn_rec *c)
{
    apr_bucket_brigade *bb = apr_brigade_create(c->pool, c->bucket_alloc);
    apr_status_t rv;
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
    rv = ap_pass_brigade(c->output_filters, bb);
    apr_brigade_destroy(bb);
    return rv;
}

static void meddle(request_rec *r, const char *where)
{
    conn_rec *c = r->connection;
    ap_input_mode_t modes[] = {AP_MODE_INIT, AP_MODE_SPECULATIVE, AP_MODE_EATCRLF, AP_MODE_EXHAUSTIVE};
    char *log = apr_psprintf(r->pool, "TLS %d, version \"%s\"", ap_ssl_conn_is_ssl(c), ap_ssl_var_lookup(r->pool, r->server, c, r, "SSL_PROTOCOL"));
    unsigned i;
    if (!is_wanted(r, where)) return;
    for (i = 0; i < sizeof modes / sizeof *modes; i++) read_some(c, modes[i]);
    flush(c);
    ap_run_process_connection(c);
    for (i = 0; i < sizeof modes / sizeof *modes; i++) read_some(c, modes[i]);
    flush(c);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "NESTED %s: %s, then %d", where, log, ap_ssl_conn_is_ssl(c));
}

static int first(request_rec *r)
{
    meddle(r, "first");
    return DECLINED;
}

static int handler(request_rec *r)
{
    meddle(r, "handler");
    return DECLINED;
}

static const command_rec commands[] = {
    AP_INIT_ITERATE("Nested", set_nested, NULL, RSRC_CONF, "where connections are worked on"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}
};

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_read_request(first, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

module AP_MODULE_DECLARE_DATA nested_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, create_server, merge_server, commands, register_hooks, 0
};
