/*
 * A client that asks for an OCSP response with a nonce in its question (RFC 6066, section 8), for stapling-nonce.t:
 *
 *   status PORT VERSION NAME NONCE
 *
 * The nonce is 16 letters. Prints "none" if nothing is stapled, else "its nonce", "no nonce" or "another nonce".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NONCE 16

static void die(const char *what)
{
    fprintf(stderr, "status: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* The extensions of the question: the nonce, which is an OCTET STRING in one. */
static STACK_OF(X509_EXTENSION) *question(const char *nonce)
{
    ASN1_OCTET_STRING *inner = ASN1_OCTET_STRING_new(), *outer = ASN1_OCTET_STRING_new();
    unsigned char *der = NULL;
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *extension;
    int length;

    if (inner == NULL || outer == NULL || extensions == NULL || !ASN1_OCTET_STRING_set(inner, (const unsigned char *)nonce, NONCE))
        die("no memory");
    length = i2d_ASN1_OCTET_STRING(inner, &der);
    ASN1_OCTET_STRING_set(outer, der, length);
    extension = X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_Nonce, 0, outer);
    if (extension == NULL || !sk_X509_EXTENSION_push(extensions, extension))
        die("no extension");
    OPENSSL_free(der);
    ASN1_OCTET_STRING_free(inner);
    ASN1_OCTET_STRING_free(outer);
    return extensions;
}

static const char *nonce_in(const unsigned char *der, long length, const char *nonce)
{
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, length);
    OCSP_BASICRESP *basic = response != NULL ? OCSP_response_get1_basic(response) : NULL;
    const ASN1_OCTET_STRING *value;
    int at;

    if (basic == NULL)
        die("no response with a status");
    if ((at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1)) < 0)
        return "no nonce";
    value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic, at));
    return memmem(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), nonce, NONCE) != NULL ? "its nonce" : "another nonce";
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const unsigned char *der;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    long length;
    int fd, version;

    if (argc != 5 || strlen(argv[4]) != NONCE || ctx == NULL)
        die("usage: status PORT VERSION NAME NONCE");
    version = strcmp(argv[2], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("no connection");
    if ((ssl = SSL_new(ctx)) == NULL || SSL_set_fd(ssl, fd) != 1)
        die("no SSL");
    SSL_set_tlsext_host_name(ssl, argv[3]);
    SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    SSL_set_tlsext_status_exts(ssl, question(argv[4]));
    if (SSL_connect(ssl) != 1)
        die("the handshake failed");
    length = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
    puts(length <= 0 ? "none" : nonce_in(der, length, argv[4]));
    return 0;
}
