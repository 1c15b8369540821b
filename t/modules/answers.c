/*
 * A third-party module whose answers are made of what others leave out: buckets of a type of its own that cannot be set
 * aside, a file before the request's body is read, much memory, mapped files, files of a pool that goes early.
 *
 *   SetHandler answers
 *   GET /any/path?WHAT [FILE is the file behind that path]
 *
 *   odd      FILE, bytes that cannot be set aside, FILE
 *   early    FILE, then the body of the request is read, then its length
 *   mapped   FILE, mapped
 *   subpool  FILE, opened in a pool that is gone when the handler returns
 *   block    FILE in one block of memory
 *
 *   Clogging on|off        in the main server: all connections are served by one thread each, from the first request to
 *                          the last, as a module asks for that knows of no other way
 */
#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_filter.h"
#include "apr_buckets.h"
#include "apr_mmap.h"
#include "apr_strings.h"

module AP_MODULE_DECLARE_DATA answers_module;

static const char odd_text[] = "[bytes that cannot be set aside]";

static apr_status_t odd_read(apr_bucket *e, const char **text, apr_size_t *len, apr_read_type_e block)
{
    (void)block;
    *text = (const char *)e->data + e->start;
    *len = e->length;
    return APR_SUCCESS;
}

static const apr_bucket_type_t odd_type = {
    "ODD", 5, APR_BUCKET_DATA, apr_bucket_destroy_noop, odd_read,
    apr_bucket_setaside_notimpl, apr_bucket_simple_split, apr_bucket_simple_copy
};

static apr_bucket *odd_create(apr_bucket_alloc_t *list)
{
    apr_bucket *e = apr_bucket_alloc(sizeof *e, list);
    APR_BUCKET_INIT(e);
    e->free = apr_bucket_free;
    e->list = list;
    e->type = &odd_type;
    e->start = 0;
    e->length = sizeof odd_text - 1;
    e->data = (void *)odd_text;
    return e;
}

static apr_status_t add_file(request_rec *r, apr_bucket_brigade *bb, apr_pool_t *p)
{
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, r->filename, APR_READ | APR_BINARY, 0, p);
    if (rv == APR_SUCCESS) apr_brigade_insert_file(bb, file, 0, r->finfo.size, p);
    return rv;
}

static apr_status_t add_mapped(request_rec *r, apr_bucket_brigade *bb)
{
    apr_file_t *file;
    apr_mmap_t *map;
    apr_status_t rv = apr_file_open(&file, r->filename, APR_READ | APR_BINARY, 0, r->pool);
    if (rv == APR_SUCCESS) rv = apr_mmap_create(&map, file, 0, (apr_size_t)r->finfo.size, APR_MMAP_READ, r->pool);
    if (rv == APR_SUCCESS)
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_mmap_create(map, 0, (apr_size_t)r->finfo.size, bb->bucket_alloc));
    return rv;
}

static apr_status_t add_block(request_rec *r, apr_bucket_brigade *bb)
{
    apr_file_t *file;
    char *block = malloc((size_t)r->finfo.size);
    apr_status_t rv = apr_file_open(&file, r->filename, APR_READ | APR_BINARY, 0, r->pool);
    if (rv == APR_SUCCESS) rv = apr_file_read_full(file, block, (apr_size_t)r->finfo.size, NULL);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_heap_create(block, (apr_size_t)r->finfo.size, free, bb->bucket_alloc));
    return rv;
}

static apr_status_t early(request_rec *r, apr_bucket_brigade *bb)
{
    apr_off_t length = 0;
    char buffer[8192];
    long got;
    apr_status_t rv = add_file(r, bb, r->pool);
    if (rv == APR_SUCCESS) rv = ap_pass_brigade(r->output_filters, bb);
    if (rv != APR_SUCCESS || ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK) != OK) return rv;
    if (ap_should_client_block(r))
        while ((got = ap_get_client_block(r, buffer, sizeof buffer)) > 0) length += got;
    apr_brigade_printf(bb, NULL, NULL, "[%" APR_OFF_T_FMT " bytes]", length);
    return rv;
}

static int handler(request_rec *r)
{
    const char *what = r->args ? r->args : "";
    apr_pool_t *early_pool = NULL;
    apr_bucket_brigade *bb;
    apr_status_t rv = APR_SUCCESS;

    if (!r->handler || strcmp(r->handler, "answers")) return DECLINED;
    if (r->finfo.filetype != APR_REG) return HTTP_NOT_FOUND;
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    ap_set_content_type(r, "application/octet-stream");
    if (!strcmp(what, "odd")) {
        rv = add_file(r, bb, r->pool);
        APR_BRIGADE_INSERT_TAIL(bb, odd_create(bb->bucket_alloc));
        if (rv == APR_SUCCESS) rv = add_file(r, bb, r->pool);
    }
    else if (!strcmp(what, "early")) rv = early(r, bb);
    else if (!strcmp(what, "mapped")) rv = add_mapped(r, bb);
    else if (!strcmp(what, "block")) rv = add_block(r, bb);
    else if (!strcmp(what, "subpool")) {
        apr_pool_create(&early_pool, r->pool);
        rv = add_file(r, bb, early_pool);
    }
    else return HTTP_NOT_FOUND;
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    if (rv == APR_SUCCESS) rv = ap_pass_brigade(r->output_filters, bb);
    if (early_pool) apr_pool_destroy(early_pool);
    return rv == APR_SUCCESS ? OK : AP_FILTER_ERROR;
}

static int is_clogging;

static const char *set_clogging(cmd_parms *cmd, void *dir, int on)
{
    (void)cmd, (void)dir;
    is_clogging = on;
    return NULL;
}

static int pre_connection(conn_rec *c, void *socket)
{
    (void)socket;
    c->clogging_input_filters = is_clogging;
    return OK;
}

static const command_rec commands[] = {
    AP_INIT_FLAG("Clogging", set_clogging, NULL, RSRC_CONF, "whether connections have a thread of their own"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}
};

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_connection(pre_connection, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA answers_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands, register_hooks, 0
};
