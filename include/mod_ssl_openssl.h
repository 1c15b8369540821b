/*
 * What other modules can do with the OpenSSL objects of this TLS module: optional hooks (see mod_ssl.h).
 *
 * A module that uses this must be linked with the libssl that the TLS module uses. Functions must not call back into
 * httpd's filters, and must leave OpenSSL's error queue empty.
 */
#ifndef __MOD_SSL_OPENSSL_H__
#define __MOD_SSL_OPENSSL_H__

#include "mod_ssl.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/*
 * At the end of start-up, for the finished context of every server with SSLEngine on; is_proxy says that it is the one for
 * connections to other servers. OK or DECLINED; anything else stops the start. The pool is that of the configuration.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, init_server, (server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx))

/*
 * For every connection, before its handshake; SSL_get_app_data(ssl) is c. OK or DECLINED; anything else ends the
 * connection. The virtual host is not known yet: its context may replace that of the SSL object. is_proxy says that the
 * connection goes to another server.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, pre_handshake, (conn_rec *c, SSL *ssl, int is_proxy))

/*
 * For every connection to another server, when its handshake is finished and the server was found to be the right one, by
 * all that is configured. OK or DECLINED; with anything else no data is sent and the connection ends.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, proxy_post_handshake, (conn_rec *c, SSL *ssl))

/*
 * The certificate and key for a client that offers the protocol "acme-tls/1" (RFC 8737) and asks for this name. The first
 * answer that is not DECLINED counts. Both objects stay the property of the function's module and must live until the
 * handshake goes on; the TLS module counts references of its own. Called when httpd's own hook ssl_answer_challenge has no
 * answer.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, answer_challenge,
                          (conn_rec *c, const char *server_name, X509 **pcert, EVP_PKEY **pkey))

/*
 * During start-up, for each certificate of a server whose issuer is known: OK says that get_stapling_status will have
 * OCSP responses for it. DECLINED otherwise; the first other answer counts. Called for what httpd's own hook
 * ssl_ocsp_prime_hook has not taken.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, init_stapling_status,
                          (server_rec *s, apr_pool_t *p, X509 *cert, X509 *issuer))

/*
 * The OCSP response (DER) for a certificate that is about to be sent: OK with a buffer from OPENSSL_malloc, which the
 * caller frees. DECLINED if there is none now; the first other answer counts. The server is the one that SNI named.
 */
APR_DECLARE_EXTERNAL_HOOK(ssl, SSL, int, get_stapling_status,
                          (unsigned char **pder, int *pderlen, conn_rec *c, server_rec *s, X509 *cert))

#endif
