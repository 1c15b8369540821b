/*
 * What other modules can ask this TLS module for, and can give it, without knowing OpenSSL.
 *
 * All of it is optional: a module that uses it loads and runs in an httpd without TLS, too. Modules that want OpenSSL's
 * objects include mod_ssl_openssl.h.
 */
/* The same guard as in other implementations' header of this name: whoever finds both takes the first. */
#ifndef __MOD_SSL_H__
#define __MOD_SSL_H__

#include "httpd.h"
#include "http_config.h"
#include "apr_hooks.h"
#include "apr_optional.h"
#include "apr_optional_hooks.h"
#include "apr_tables.h"

/* The macros of APR's hooks ask for it. Nothing is exported by name: everything goes through APR's registries. */
#ifndef SSL_DECLARE
#define SSL_DECLARE(type) type
#endif

/* The hooks for certificate files are there. */
#define SSL_CERT_HOOKS

/* --- Optional functions: APR_RETRIEVE_OPTIONAL_FN(name), in post_config or later ------------------------------------ */

/*
 * Not 0 if the connection, or the one that carries it (an HTTP/2 stream's), is a TLS connection. httpd itself offers it,
 * and asks this module.
 */
APR_DECLARE_OPTIONAL_FN(int, ssl_is_https, (conn_rec *c));

/*
 * The value of a variable such as SSL_PROTOCOL or HTTPS, allocated from the pool. Server, connection and request may be
 * NULL; then variables that need them are empty. Never NULL: a variable without a value, or that does not exist, is "".
 */
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup, (apr_pool_t *p, server_rec *s, conn_rec *c, request_rec *r, char *name));

/*
 * The values (const char *) of all extensions of one type, named or numbered as OpenSSL knows it, in the certificate of
 * the peer (peer not 0) or of this side. NULL if there is none, or no certificate.
 */
APR_DECLARE_OPTIONAL_FN(apr_array_header_t *, ssl_ext_list, (apr_pool_t *p, conn_rec *c, int peer, const char *extension));

/* --- Optional hooks: APR_OPTIONAL_HOOK(ssl, name, function, NULL, NULL, APR_HOOK_MIDDLE), in register_hooks --------- */

/*
 * Adds certificates to a server with SSLEngine on, in every configuration pass. Both arrays hold paths (const char *)
 * and belong together by position. They hold what the configuration names already; what is added must live as long as
 * the pool. A certificate file holds the leaf and its chain. A certificate without an entry in the other array has its
 * key in its own file. With two certificates of one key type the later one is used. All functions are called; what they
 * answer (OK, DECLINED) does not matter. Called after the functions of httpd's own hook ssl_add_cert_files.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, add_cert_files,
                          (server_rec *s, apr_pool_t *p, apr_array_header_t *cert_files, apr_array_header_t *key_files))

/*
 * The same for a server that has no certificate otherwise. While it uses what is added here it answers every request
 * with 503. Called after the functions of httpd's own hook ssl_add_fallback_cert_files.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, add_fallback_cert_files,
                          (server_rec *s, apr_pool_t *p, apr_array_header_t *cert_files, apr_array_header_t *key_files))

#endif
