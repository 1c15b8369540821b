/*
 * Static inline forms of the macros of httpd and APR, so that bindgen can see
 * them. One macro a function; no logic of our own.
 */
#ifndef MOD_SSL_SHIM_H
#define MOD_SSL_SHIM_H

/* Status codes that are sums of macros. */
enum {
    SHIM_APR_EOF = APR_EOF,
    SHIM_APR_EGENERAL = APR_EGENERAL,
    SHIM_APR_ENOTIMPL = APR_ENOTIMPL,
    SHIM_APR_TIMEUP = APR_TIMEUP,
    SHIM_APR_INCOMPLETE = APR_INCOMPLETE,
    SHIM_APR_NOTFOUND = APR_NOTFOUND,
    SHIM_APR_INCHILD = APR_INCHILD,
    SHIM_APR_INPARENT = APR_INPARENT,
    SHIM_GLOBAL_ONLY = GLOBAL_ONLY,
    SHIM_NOT_IN_DIRECTORY = NOT_IN_DIR_LOC_FILE | NOT_IN_LIMIT | NOT_IN_HTACCESS
};

/* Expressions in .htaccess files: without what reads files, where httpd knows of that. */
enum {
#ifdef AP_EXPR_FLAG_RESTRICTED_FILE_FUNC
    SHIM_EXPR_IN_HTACCESS = AP_EXPR_FLAG_RESTRICTED_FILE_FUNC
#else
    SHIM_EXPR_IN_HTACCESS = AP_EXPR_FLAG_RESTRICTED
#endif
};

/* A text that is joined from several macros. */
static inline const char *shim_base_revision(void) { return AP_SERVER_BASEREVISION; }

/* Status comparisons that cover several native codes. */
static inline int shim_status_is_eagain(apr_status_t s) { return APR_STATUS_IS_EAGAIN(s); }
static inline int shim_status_is_eintr(apr_status_t s) { return APR_STATUS_IS_EINTR(s); }
static inline int shim_status_is_timeup(apr_status_t s) { return APR_STATUS_IS_TIMEUP(s); }
static inline int shim_status_is_eof(apr_status_t s) { return APR_STATUS_IS_EOF(s); }

/* Brigades: rings with a sentinel computed from the address of the head. */
static inline apr_bucket *shim_brigade_first(apr_bucket_brigade *b) { return APR_BRIGADE_FIRST(b); }
static inline apr_bucket *shim_brigade_sentinel(apr_bucket_brigade *b) { return APR_BRIGADE_SENTINEL(b); }
static inline int shim_brigade_empty(apr_bucket_brigade *b) { return APR_BRIGADE_EMPTY(b); }
static inline void shim_brigade_insert_tail(apr_bucket_brigade *b, apr_bucket *e) { APR_BRIGADE_INSERT_TAIL(b, e); }
static inline void shim_brigade_insert_head(apr_bucket_brigade *b, apr_bucket *e) { APR_BRIGADE_INSERT_HEAD(b, e); }
static inline void shim_brigade_concat(apr_bucket_brigade *a, apr_bucket_brigade *b) { APR_BRIGADE_CONCAT(a, b); }
static inline apr_bucket *shim_bucket_next(apr_bucket *e) { return APR_BUCKET_NEXT(e); }
static inline void shim_bucket_remove(apr_bucket *e) { APR_BUCKET_REMOVE(e); APR_BUCKET_INIT(e); }
static inline void shim_bucket_insert_before(apr_bucket *a, apr_bucket *b) { APR_BUCKET_INSERT_BEFORE(a, b); }
static inline void shim_bucket_delete(apr_bucket *e) { apr_bucket_delete(e); }
static inline void shim_bucket_destroy(apr_bucket *e) { apr_bucket_destroy(e); }
static inline apr_status_t shim_bucket_split(apr_bucket *e, apr_size_t at) { return apr_bucket_split(e, at); }
static inline apr_status_t shim_bucket_copy(apr_bucket *e, apr_bucket **out) { return apr_bucket_copy(e, out); }
static inline apr_status_t shim_bucket_setaside(apr_bucket *e, apr_pool_t *p) { return apr_bucket_setaside(e, p); }
static inline apr_status_t shim_bucket_read(apr_bucket *e, const char **data, apr_size_t *len, apr_read_type_e block)
{ return apr_bucket_read(e, data, len, block); }

/* Bucket types. */
static inline int shim_bucket_is_metadata(const apr_bucket *e) { return APR_BUCKET_IS_METADATA(e); }
static inline int shim_bucket_is_flush(const apr_bucket *e) { return APR_BUCKET_IS_FLUSH(e); }
static inline int shim_bucket_is_eos(const apr_bucket *e) { return APR_BUCKET_IS_EOS(e); }
static inline int shim_bucket_is_file(const apr_bucket *e) { return APR_BUCKET_IS_FILE(e); }
static inline int shim_bucket_is_eor(const apr_bucket *e) { return AP_BUCKET_IS_EOR(e); }
static inline int shim_bucket_is_eoc(const apr_bucket *e) { return AP_BUCKET_IS_EOC(e); }

/* Log levels of one module; at build time APLOG_MAX_LOGLEVEL is the highest. */
static inline int shim_server_logs(const server_rec *s, int module_index, int level)
{ return APLOG_MODULE_IS_LEVEL(s, module_index, level); }
static inline int shim_connection_logs(const conn_rec *c, int module_index, int level)
{ return APLOG_C_MODULE_IS_LEVEL(c, module_index, level); }
static inline int shim_request_logs(const request_rec *r, int module_index, int level)
{ return APLOG_R_MODULE_IS_LEVEL(r, module_index, level); }

static inline const char *shim_array_string(const apr_array_header_t *a, int i) { return APR_ARRAY_IDX(a, i, const char *); }
static inline void shim_array_push_string(apr_array_header_t *a, const char *s) { APR_ARRAY_PUSH(a, const char *) = s; }

/* The pool calls that are macros around the _ex and _debug forms. */
static inline apr_pool_t *shim_pool_create(apr_pool_t *parent)
{ apr_pool_t *p = NULL; return apr_pool_create(&p, parent) == APR_SUCCESS ? p : NULL; }
static inline void shim_pool_destroy(apr_pool_t *p) { apr_pool_destroy(p); }

#endif
