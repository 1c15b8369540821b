/* What OpenSSL alone takes for a handshake that waits for the client's second flight: the floor for a server that holds
 * many of them.
 *
 *   cc -O2 -o handshake-memory bench/handshake-memory.c -lssl -lcrypto
 *   ./handshake-memory 600 1.3 localhost-ecdsa.pem localhost-ecdsa.key
 */
#include <malloc.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Handshakes before those that are counted: what is made once is there then. */
#define WARM 200

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "handshake-memory: %s\n", what);
        exit(1);
    }
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Empty memory BIOs; those of before go. */
static void set_bios(SSL *ssl)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    require(in && out, "BIO_new");
    SSL_set_bio(ssl, in, out);
}

static int client_hello(int version, unsigned char *into, int size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, version);
    SSL *ssl = SSL_new(context);
    set_bios(ssl);
    SSL_set_tlsext_host_name(ssl, "localhost");
    SSL_connect(ssl);
    int len = BIO_read(SSL_get_wbio(ssl), into, size);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return len;
}

int main(int argc, char **argv)
{
    require(argc == 5, "usage: handshake-memory COUNT 1.2|1.3 CERTIFICATE KEY");
    int count = atoi(argv[1]);
    int version = strcmp(argv[2], "1.3") ? TLS1_2_VERSION : TLS1_3_VERSION;
    unsigned char hello[8192];
    int len = client_hello(version, hello, sizeof hello);
    require(count > 0 && len > 0, "no ClientHello");

    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    require(SSL_CTX_use_certificate_chain_file(context, argv[3]) == 1, "the certificate cannot be used");
    require(SSL_CTX_use_PrivateKey_file(context, argv[4], SSL_FILETYPE_PEM) == 1, "the key cannot be used");

    size_t before = 0;
    for (int i = 0; i < WARM + count; i++) {
        if (i == WARM)
            before = allocated();
        SSL *ssl = SSL_new(context); /* lives to the end */
        set_bios(ssl);
        BIO_write(SSL_get_rbio(ssl), hello, len);
        require(SSL_get_error(ssl, SSL_accept(ssl)) == SSL_ERROR_WANT_READ, "the handshake failed");
        set_bios(ssl); /* the flight is sent */
    }
    printf("%.1f KiB each\n", (allocated() - before) / 1024.0 / count);
    return 0;
}
