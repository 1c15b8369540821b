/*
 * Plays the other side of the TLS module's hooks for certificates, challenges and OCSP, and of its hooks for contexts
 * and connections. Each call leaves a line "MOCK ..." in the error log.
 *
 *   Mock VIA WHAT [ARGUMENT ...]        in the main server or a virtual host, for that server alone
 *
 * VIA: "core" for httpd's hooks, "optional" for those of mod_ssl.h and mod_ssl_openssl.h.
 *
 *   cert FILE [KEY]        add_cert_files appends these; without KEY nothing is appended to the other array
 *   fallback FILE [KEY]    the same for add_fallback_cert_files
 *   answer NUMBER          what both of them return
 *   challenge NAME FILE [KEY]   the answer for NAME; core gives the contents of the files, a key of "-" is NULL
 *   prime FILE             takes every certificate of the server; FILE is the response, "none" is nothing at all
 *   init NUMBER            init_server returns it; that hook is used only if MOCK_INIT is in the environment, because
 *                          servers do not share contexts then
 *   handshake NUMBER       pre_handshake returns it
 *   backend NUMBER         proxy_post_handshake returns it
 */
#include "mod_ssl_openssl.h"

#include "ap_config.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_ssl.h"
#include "apr_file_io.h"
#include "apr_strings.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

module AP_MODULE_DECLARE_DATA md_mock_module;
APLOG_USE_MODULE(md_mock);

#define PROTOCOL "acme-tls/1"

typedef struct {
    const char *via, *what;
    const char *argument[3];
    apr_size_t count;
} entry;

static const char *vias[] = {"core", "optional"};
enum { CORE, OPTIONAL };

static void *create_server(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return apr_array_make(p, 4, sizeof(entry));
}

/* Nothing is inherited. */
static void *merge_server(apr_pool_t *p, void *base, void *add)
{
    (void)p, (void)base;
    return add;
}

static const char *set_mock(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    apr_array_header_t *entries = ap_get_module_config(cmd->server->module_config, &md_mock_module);
    entry *new;
    int i;
    (void)dir;
    if (argc < 3 || argc > 5) return "Mock VIA WHAT ARGUMENT...";
    new = apr_array_push(entries);
    memset(new, 0, sizeof *new);
    new->via = argv[0];
    new->what = argv[1];
    for (i = 2; i < argc; i++) new->argument[new->count++] = argv[i];
    return NULL;
}

/* The next entry of that kind behind `after`. */
static const entry *next(server_rec *s, int via, const char *what, const entry *after)
{
    apr_array_header_t *entries = ap_get_module_config(s->module_config, &md_mock_module);
    const entry *first = (const entry *)entries->elts, *e;
    for (e = after ? after + 1 : first; e < first + entries->nelts; e++)
        if (!strcmp(e->via, vias[via]) && !strcmp(e->what, what)) return e;
    return NULL;
}

static int number(server_rec *s, int via, const char *what, int otherwise)
{
    const entry *e = next(s, via, what, NULL);
    return e ? atoi(e->argument[0]) : otherwise;
}

static const char *contents(apr_pool_t *p, const char *path, apr_size_t *length)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *text;
    if (apr_file_open(&file, path, APR_READ, APR_OS_DEFAULT, p) != APR_SUCCESS) return NULL;
    if (apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) return NULL;
    text = apr_pcalloc(p, (apr_size_t)info.size + 1);
    *length = (apr_size_t)info.size;
    if (apr_file_read_full(file, text, *length, NULL) != APR_SUCCESS) return NULL;
    apr_file_close(file);
    return text;
}

/* --- Certificates --------------------------------------------------------------------------------------------------- */

static int add(int via, const char *what, server_rec *s, apr_array_header_t *certs, apr_array_header_t *keys)
{
    int before = certs->nelts;
    const entry *e = NULL;
    while ((e = next(s, via, what, e))) {
        APR_ARRAY_PUSH(certs, const char *) = e->argument[0];
        if (e->count > 1) APR_ARRAY_PUSH(keys, const char *) = e->argument[1];
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "MOCK %s %s: %d, then %d for %s", vias[via], what, before, certs->nelts,
                 s->server_hostname);
    return number(s, via, "answer", certs->nelts > before ? OK : DECLINED);
}

static int core_cert(server_rec *s, apr_pool_t *p, apr_array_header_t *certs, apr_array_header_t *keys)
{
    (void)p;
    return add(CORE, "cert", s, certs, keys);
}

static int optional_cert(server_rec *s, apr_pool_t *p, apr_array_header_t *certs, apr_array_header_t *keys)
{
    (void)p;
    return add(OPTIONAL, "cert", s, certs, keys);
}

static int core_fallback(server_rec *s, apr_pool_t *p, apr_array_header_t *certs, apr_array_header_t *keys)
{
    (void)p;
    return add(CORE, "fallback", s, certs, keys);
}

static int optional_fallback(server_rec *s, apr_pool_t *p, apr_array_header_t *certs, apr_array_header_t *keys)
{
    (void)p;
    return add(OPTIONAL, "fallback", s, certs, keys);
}

/* --- Challenges ----------------------------------------------------------------------------------------------------- */

static int propose(conn_rec *c, request_rec *r, server_rec *s, const apr_array_header_t *offers, apr_array_header_t *proposals)
{
    (void)s;
    if (r || !offers || !ap_array_str_contains(offers, PROTOCOL) || !ap_ssl_conn_is_ssl(c)) return DECLINED;
    APR_ARRAY_PUSH(proposals, const char *) = PROTOCOL;
    return OK;
}

static int switch_to(conn_rec *c, request_rec *r, server_rec *s, const char *protocol)
{
    (void)r;
    if (strcmp(protocol, PROTOCOL)) return DECLINED;
    ap_log_cerror(APLOG_MARK, APLOG_NOTICE, 0, c, "MOCK switch to %s for %s", protocol, s->server_hostname);
    ap_set_module_config(c->conn_config, &md_mock_module, (void *)protocol);
    return OK;
}

static const char *protocol_get(const conn_rec *c)
{
    return ap_get_module_config(c->conn_config, &md_mock_module);
}

static const entry *challenge(conn_rec *c, int via, const char *name)
{
    const entry *e = NULL;
    const char *switched = ap_get_module_config(c->conn_config, &md_mock_module);
    ap_log_cerror(APLOG_MARK, APLOG_NOTICE, 0, c, "MOCK %s challenge for %s, protocol %s", vias[via], name ? name : "(null)",
                  ap_get_protocol(c));
    while (switched && name && (e = next(c->base_server, via, "challenge", e)))
        if (!strcmp(e->argument[0], name)) return e;
    return NULL;
}

static int core_challenge(conn_rec *c, const char *name, const char **cert, const char **key)
{
    const entry *e = challenge(c, CORE, name);
    apr_size_t length;
    if (!e) return DECLINED;
    *cert = contents(c->pool, e->argument[1], &length);
    *key = e->count < 3 || !strcmp(e->argument[2], "-") ? NULL : contents(c->pool, e->argument[2], &length);
    return OK;
}

static apr_status_t free_cert(void *cert)
{
    X509_free(cert);
    return APR_SUCCESS;
}

static apr_status_t free_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

static int optional_challenge(conn_rec *c, const char *name, X509 **cert, EVP_PKEY **key)
{
    const entry *e = challenge(c, OPTIONAL, name);
    BIO *bio;
    if (!e) return DECLINED;
    bio = BIO_new_file(e->argument[1], "r");
    *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_file(e->argument[2], "r");
    *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    apr_pool_cleanup_register(c->pool, *cert, free_cert, apr_pool_cleanup_null);
    apr_pool_cleanup_register(c->pool, *key, free_key, apr_pool_cleanup_null);
    return OK;
}

/* --- OCSP ----------------------------------------------------------------------------------------------------------- */

/* What was primed, as hexadecimal: of this configuration, since its pool owns it. */
static apr_table_t *primed;

static const char *hex(apr_pool_t *p, const char *id, apr_size_t length)
{
    char *text = apr_palloc(p, 2 * length + 1);
    apr_size_t i;
    for (i = 0; i < length; i++) apr_snprintf(text + 2 * i, 3, "%02x", (unsigned char)id[i]);
    text[2 * length] = '\0';
    return text;
}

static int core_prime(server_rec *s, apr_pool_t *p, const char *id, apr_size_t length, const char *pem)
{
    const char *at = pem;
    int count = 0, taken = next(s, CORE, "prime", NULL) != NULL;
    while ((at = strstr(at, "-----BEGIN CERTIFICATE-----"))) {
        count++;
        at++;
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "MOCK core prime %s: %s, certificates: %d, %s", s->server_hostname,
                 hex(p, id, length), count, taken ? "taken" : "declined");
    if (!taken) return DECLINED;
    if (!primed) primed = apr_table_make(p, 4);
    apr_table_set(primed, hex(p, id, length), "yes");
    return OK;
}

static int core_response(server_rec *s, conn_rec *c, const char *id, apr_size_t length, ap_ssl_ocsp_copy_resp *copy, void *data)
{
    const entry *e = next(s, CORE, "prime", NULL);
    const char *der = NULL;
    apr_size_t size = 0;
    if (!e || !primed || !apr_table_get(primed, hex(c->pool, id, length))) {
        ap_log_cerror(APLOG_MARK, APLOG_NOTICE, 0, c, "MOCK core response: unknown");
        return DECLINED;
    }
    if (strcmp(e->argument[0], "none")) der = contents(c->pool, e->argument[0], &size);
    ap_log_cerror(APLOG_MARK, APLOG_NOTICE, 0, c, "MOCK core response for %s: %" APR_SIZE_T_FMT " bytes", s->server_hostname,
                  size);
    copy((const unsigned char *)der, size, data);
    return OK;
}

static int optional_prime(server_rec *s, apr_pool_t *p, X509 *cert, X509 *issuer)
{
    int taken = next(s, OPTIONAL, "prime", NULL) != NULL;
    (void)p;
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "MOCK optional prime %s: issuer %s, %s", s->server_hostname,
                 issuer && X509_check_issued(issuer, cert) == X509_V_OK ? "fits" : "does not fit",
                 taken ? "taken" : "declined");
    return taken ? OK : DECLINED;
}

static int optional_response(unsigned char **der, int *length, conn_rec *c, server_rec *s, X509 *cert)
{
    const entry *e = next(s, OPTIONAL, "prime", NULL);
    const char *text;
    apr_size_t size;
    ap_log_cerror(APLOG_MARK, APLOG_NOTICE, 0, c, "MOCK optional response for %s, certificate %s", s->server_hostname,
                  cert ? "known" : "missing");
    if (!e || !strcmp(e->argument[0], "none")) return DECLINED;
    text = contents(c->pool, e->argument[0], &size);
    *der = OPENSSL_malloc(size);
    memcpy(*der, text, size);
    *length = (int)size;
    return OK;
}

/* --- Contexts and connections --------------------------------------------------------------------------------------- */

/* The contexts of this pass. */
static apr_array_header_t *shown;

static int init_server(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx)
{
    int i, before = 0;
    if (!shown) shown = apr_array_make(p, 4, sizeof(SSL_CTX *));
    for (i = 0; i < shown->nelts; i++) before += APR_ARRAY_IDX(shown, i, SSL_CTX *) == ctx;
    APR_ARRAY_PUSH(shown, SSL_CTX *) = ctx;
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "MOCK init_server %s, proxy %d, certificate %s%s", s->server_hostname, is_proxy,
                 SSL_CTX_get0_certificate(ctx) ? "there" : "missing", before ? ", seen before" : "");
    return number(s, OPTIONAL, "init", DECLINED);
}

static int pre_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    ap_log_cerror(APLOG_MARK, APLOG_NOTICE, 0, c, "MOCK pre_handshake, proxy %d, %s%s", is_proxy,
                  SSL_in_before(ssl) ? "not begun" : "begun", SSL_get_app_data(ssl) == c ? ", connection known" : "");
    return number(c->base_server, OPTIONAL, "handshake", OK);
}

/* What is known of the backend then; on a connection to one its certificate is the client's. */
static int proxy_post_handshake(conn_rec *c, SSL *ssl)
{
    static const char *const names[] = {"HTTPS", "SSL_PROTOCOL", "SSL_CLIENT_S_DN_CN", "SSL_CLIENT_VERIFY", "SSL_SERVER_S_DN_CN", "SSL_TLS_SNI"};
    const char *said = "";
    apr_size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++)
        said = apr_pstrcat(c->pool, said, " ", names[i], "=",
                           ap_ssl_var_lookup(c->pool, c->base_server, c, NULL, names[i]), NULL);
    ap_log_cerror(APLOG_MARK, APLOG_NOTICE, 0, c, "MOCK proxy_post_handshake, %s%s",
                  SSL_is_init_finished(ssl) ? "finished" : "not finished", said);
    return number(c->base_server, OPTIONAL, "backend", OK);
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)p, (void)plog, (void)ptemp, (void)s;
    primed = NULL;
    shown = NULL;
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    int middle = APR_HOOK_MIDDLE;
    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_protocol_propose(propose, NULL, NULL, middle);
    ap_hook_protocol_switch(switch_to, NULL, NULL, middle);
    ap_hook_protocol_get(protocol_get, NULL, NULL, middle);
    ap_hook_ssl_add_cert_files(core_cert, NULL, NULL, middle);
    ap_hook_ssl_add_fallback_cert_files(core_fallback, NULL, NULL, middle);
    ap_hook_ssl_answer_challenge(core_challenge, NULL, NULL, middle);
    ap_hook_ssl_ocsp_prime_hook(core_prime, NULL, NULL, middle);
    ap_hook_ssl_ocsp_get_resp_hook(core_response, NULL, NULL, middle);
    APR_OPTIONAL_HOOK(ssl, add_cert_files, optional_cert, NULL, NULL, middle);
    APR_OPTIONAL_HOOK(ssl, add_fallback_cert_files, optional_fallback, NULL, NULL, middle);
    APR_OPTIONAL_HOOK(ssl, answer_challenge, optional_challenge, NULL, NULL, middle);
    APR_OPTIONAL_HOOK(ssl, init_stapling_status, optional_prime, NULL, NULL, middle);
    APR_OPTIONAL_HOOK(ssl, get_stapling_status, optional_response, NULL, NULL, middle);
    if (getenv("MOCK_INIT")) APR_OPTIONAL_HOOK(ssl, init_server, init_server, NULL, NULL, middle);
    APR_OPTIONAL_HOOK(ssl, pre_handshake, pre_handshake, NULL, NULL, middle);
    APR_OPTIONAL_HOOK(ssl, proxy_post_handshake, proxy_post_handshake, NULL, NULL, middle);
}

static const command_rec commands[] = {
    AP_INIT_TAKE_ARGV("Mock", set_mock, NULL, RSRC_CONF, "VIA WHAT ARGUMENT..."),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};

module AP_MODULE_DECLARE_DATA md_mock_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, create_server, merge_server, commands, register_hooks, AP_MODULE_FLAG_ALWAYS_MERGE,
};
