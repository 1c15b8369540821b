/*
 * Many clients that come back, for resumption-rates.t. Each line of the standard input is an order, each answer a line:
 *
 *   make SET COUNT VERSION PORT NAME   COUNT clients come for the first time; what they are given is the set SET
 *   come SET INTO PORT NAME            each of SET comes back, to PORT and NAME; what it has then is the set INTO,
 *                                      or as before if INTO is 0
 *
 *   RESUMED of COUNT                   how many were known again
 *
 * VERSION is 1.2 or 1.3, SET 1 to 9. Several connections are open at once. Each client asks for a page and reads it to the
 * end. Anything but a good answer ends the program with an error.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETS 10
#define MOST 10000
#define THREADS 12

static struct {
    int count;
    int version;
    SSL_SESSION *sessions[MOST];
} sets[SETS];

/* The order that is being carried out. */
static struct {
    int from, into; /* 0: none */
    int port;
    char name[256];
} order;

static SSL_CTX *ctx;
static atomic_int next, known;

static void die(const char *what)
{
    fprintf(stderr, "resume: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* The latest session of the connection, which owns it. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **place = SSL_get_app_data(ssl);

    SSL_SESSION_free(*place);
    *place = session;
    return 1;
}

static int tcp_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)order.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("no connection");
    return fd;
}

static void get_page(SSL *ssl)
{
    char text[4096];
    int length = snprintf(text, sizeof(text), "GET /1.bin HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", order.name);
    int have = 0, got;

    if (SSL_write(ssl, text, length) != length)
        die("the request cannot be sent");
    while ((got = SSL_read(ssl, text + have, (int)sizeof(text) - have)) > 0)
        have += got;
    if (SSL_get_error(ssl, got) != SSL_ERROR_ZERO_RETURN)
        die("the answer ends early");
    if (have < 12 || memcmp(text, "HTTP/1.1 200", 12) != 0)
        die("the request is refused");
}

/* One client; gives what it has afterwards. */
static SSL_SESSION *come(SSL_SESSION *session, int version)
{
    SSL_SESSION *latest = NULL, *copy;
    SSL *ssl = SSL_new(ctx);
    int fd = tcp_connect();

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, order.name) != 1)
        die("no connection can be made");
    SSL_set_min_proto_version(ssl, version);
    SSL_set_max_proto_version(ssl, version);
    SSL_set_app_data(ssl, &latest);
    if (session != NULL) {
        /* OpenSSL offers a session for which a newer ticket has come no more, but it will offer a copy. */
        if ((copy = SSL_SESSION_dup(session)) == NULL || SSL_set_session(ssl, copy) != 1)
            die("the session cannot be offered");
        SSL_SESSION_free(copy);
    }
    ERR_clear_error();
    if (SSL_connect(ssl) != 1)
        die("the handshake failed");
    if (SSL_session_reused(ssl))
        atomic_fetch_add(&known, 1);
    get_page(ssl);
    if (latest == NULL)
        latest = SSL_get1_session(ssl);
    /* Without this mark OpenSSL would throw the session away with the connection. */
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
    close(fd);
    return latest;
}

static void *work(void *unused)
{
    int count = sets[order.from ? order.from : order.into].count;
    int version = sets[order.from ? order.from : order.into].version;
    int i;

    while ((i = atomic_fetch_add(&next, 1)) < count) {
        SSL_SESSION *latest = come(order.from ? sets[order.from].sessions[i] : NULL, version);
        if (order.into) {
            SSL_SESSION_free(sets[order.into].sessions[i]);
            sets[order.into].sessions[i] = latest;
        } else
            SSL_SESSION_free(latest);
    }
    return unused;
}

static void carry_out(void)
{
    pthread_t threads[THREADS];

    atomic_store(&next, 0);
    atomic_store(&known, 0);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            die("no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d of %d\n", atomic_load(&known), sets[order.from ? order.from : order.into].count);
    fflush(stdout);
}

static int is_set(int number)
{
    return number > 0 && number < SETS;
}

int main(void)
{
    char line[512], version[4];
    int set, into, count;

    if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL)
        die("no SSL_CTX");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (sscanf(line, "make %d %d %3s %d %255s", &set, &count, version, &order.port, order.name) == 5) {
            if (!is_set(set) || count < 1 || count > MOST)
                die("no such set");
            order.from = 0;
            order.into = set;
            sets[set].count = count;
            sets[set].version = strcmp(version, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
        } else if (sscanf(line, "come %d %d %d %255s", &set, &into, &order.port, order.name) == 4) {
            if (!is_set(set) || (into != 0 && !is_set(into)))
                die("no such set");
            order.from = set;
            order.into = into;
            if (into != 0) {
                sets[into].count = sets[set].count;
                sets[into].version = sets[set].version;
            }
        } else
            die("an order that nobody understands");
        carry_out();
    }
    return 0;
}
