/*
 * Changes what a second handshake asks for, behind the back of the TLS module, as another module could:
 *
 *   Meddle none        clients need show no certificate
 *   Meddle anything    any certificate will do
 *   Meddle CIPHERS     these ciphers are allowed (TLS 1.2)
 */
#include "mod_ssl_openssl.h"

#include "ap_config.h"
#include "http_config.h"

#include <string.h>

module AP_MODULE_DECLARE_DATA meddle_module;

typedef struct {
    const char *what;
} settings;

static void *create_server(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return apr_pcalloc(p, sizeof(settings));
}

static const char *set_meddle(cmd_parms *cmd, void *dir, const char *what)
{
    settings *here = ap_get_module_config(cmd->server->module_config, &meddle_module);
    (void)dir;
    here->what = what;
    return NULL;
}

static int accept_anything(int ok, X509_STORE_CTX *context)
{
    (void)ok, (void)context;
    return 1;
}

/* A second ClientHello that comes, or a CertificateRequest of TLS 1.3 that leaves, is of a second handshake. */
static void message(int leaves, int version, int type, const void *text, size_t length, SSL *ssl, void *argument)
{
    const char *what = argument;
    int kind = type == SSL3_RT_HANDSHAKE && length ? *(const unsigned char *)text : -1;
    int old = SSL_version(ssl) < TLS1_3_VERSION;
    (void)version;
    if (old ? leaves || kind != SSL3_MT_CLIENT_HELLO || !SSL_get_finished(ssl, NULL, 0)
            : !leaves || kind != SSL3_MT_CERTIFICATE_REQUEST)
        return;
    if (!strcmp(what, "none"))
        SSL_set_verify(ssl, old ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    else if (!strcmp(what, "anything"))
        SSL_set_verify(ssl, SSL_VERIFY_PEER, accept_anything);
    else
        SSL_set_cipher_list(ssl, what);
}

static int pre_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    settings *here = ap_get_module_config(c->base_server->module_config, &meddle_module);
    if (!is_proxy && here->what) {
        SSL_set_msg_callback(ssl, message);
        SSL_set_msg_callback_arg(ssl, (void *)here->what);
    }
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    APR_OPTIONAL_HOOK(ssl, pre_handshake, pre_handshake, NULL, NULL, APR_HOOK_MIDDLE);
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("Meddle", set_meddle, NULL, RSRC_CONF, "none, anything, or a list of ciphers"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};

module AP_MODULE_DECLARE_DATA meddle_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, create_server, NULL, commands, register_hooks, 0,
};
