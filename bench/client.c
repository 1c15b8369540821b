/*
 * The benchmark's client: one program that produces one kind of load and says
 * what it did on one line of JSON.
 *
 *   client handshake [options]   connect, TLS handshake, close_notify, close
 *   client get       [options]   keep-alive GET requests
 *   client post      [options]   keep-alive POST requests with a body
 *   client idle      [options]   open connections on command and hold them
 *
 *   -p PORT     port on 127.0.0.1
 *   -n COUNT    units in all: handshakes or requests (not for idle)
 *   -c COUNT    connections kept busy at once, one thread each (default 1)
 *   -u PATH     request target (default /)
 *   -b BYTES    body size: expected of a response, sent by post
 *   -v 1.2|1.3  protocol version
 *   -g LIST     signature algorithms, to choose the server's certificate
 *   -r KIND     resume: none (default), id, ticket
 *   -s          spin while waiting for a response instead of sleeping
 *   -t SECONDS  give up after this time (default 60)
 *
 * A wrong status, a body of a wrong length, a handshake that resumed when it
 * should not have or did not when it should have: any of these ends the run
 * with an error, because the figure would not be what its name says.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST_NAME "bench.example"
#define BUFFER_SIZE (256 * 1024)

enum resumption { RESUME_NONE, RESUME_ID, RESUME_TICKET };

static struct {
    const char *mode;
    int port;
    long count;
    int connections;
    const char *path;
    long body;
    int version;
    const char *sigalgs;
    enum resumption resume;
    bool spin;
    int seconds;
} opt = {.count = 1, .connections = 1, .path = "/", .version = TLS1_3_VERSION, .seconds = 60};

static SSL_CTX *ctx;
static SSL_SESSION *saved_session; /* written before the threads start */
static bool keep_session;          /* the new-session callback stores */
static atomic_long remaining;
static atomic_long resumed;
static atomic_long body_bytes;
static unsigned char upload_block[BUFFER_SIZE];

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "client: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    ERR_print_errors_fp(stderr);
    va_end(args);
    exit(1);
}

static double seconds_now(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One TLS connection and the buffer its responses are read into. */
struct connection {
    int fd;
    SSL *ssl;
    char *buffer;
};

static int store_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    if (!keep_session)
        return 0;
    SSL_SESSION_free(saved_session);
    saved_session = session;
    return 1;
}

static void make_context(void)
{
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        die("no SSL_CTX");
    SSL_CTX_set_min_proto_version(ctx, opt.version);
    SSL_CTX_set_max_proto_version(ctx, opt.version);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, store_session);
    SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
    /* Few, large reads: the client must not be what limits a download. */
    SSL_CTX_set_read_ahead(ctx, 1);
    if (strcmp(opt.mode, "handshake") != 0 && strcmp(opt.mode, "idle") != 0)
        SSL_CTX_set_default_read_buffer_len(ctx, BUFFER_SIZE);
    if (opt.resume == RESUME_ID)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (opt.sigalgs != NULL && SSL_CTX_set1_sigalgs_list(ctx, opt.sigalgs) != 1)
        die("signature algorithms %s", opt.sigalgs);
}

static int tcp_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect to port %d: %s", opt.port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/*
 * The session is offered as a copy: the library marks one that was resumed
 * with TLS 1.3 as used up, and threads must not share one that changes.
 */
static SSL *tls_connect(int fd, const SSL_SESSION *session)
{
    SSL *ssl = SSL_new(ctx);
    SSL_SESSION *copy = session != NULL ? SSL_SESSION_dup(session) : NULL;

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        die("no SSL");
    SSL_set_tlsext_host_name(ssl, HOST_NAME);
    if (session != NULL && (copy == NULL || SSL_set_session(ssl, copy) != 1))
        die("the session cannot be offered");
    SSL_SESSION_free(copy);
    ERR_clear_error();
    if (SSL_connect(ssl) != 1)
        die("handshake failed");
    return ssl;
}

static void open_connection(struct connection *conn)
{
    conn->fd = tcp_connect();
    conn->ssl = tls_connect(conn->fd, NULL);
    if (opt.spin && fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0)
        die("O_NONBLOCK: %s", strerror(errno));
}

/*
 * close_notify and FIN first, then wait for the server's FIN: what the server
 * does for this connection, storing the session included, has happened when
 * the next one starts.
 */
static void close_connection(int fd, SSL *ssl)
{
    char discard[4096];

    SSL_shutdown(ssl);
    shutdown(fd, SHUT_WR);
    while (read(fd, discard, sizeof(discard)) > 0)
        ;
    SSL_free(ssl);
    close(fd);
}

/* Whether a would-block result is to be retried: only a spinning client has one. */
static bool would_block(struct connection *conn, int result)
{
    int error = SSL_get_error(conn->ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static int read_some(struct connection *conn, char *to, int size)
{
    for (;;) {
        int got = SSL_read(conn->ssl, to, size);
        if (got > 0)
            return got;
        if (!would_block(conn, got))
            die("the server closed the connection in a response");
    }
}

static void write_all(struct connection *conn, const void *data, int size)
{
    int sent;

    while ((sent = SSL_write(conn->ssl, data, size)) != size) {
        if (sent > 0 || !would_block(conn, sent))
            die("the server closed the connection in a request");
    }
}

static void read_response(struct connection *conn)
{
    int have = 0;
    long length, status;
    char *end, *field;

    do {
        if (have == BUFFER_SIZE - 1)
            die("response header too long");
        have += read_some(conn, conn->buffer + have, BUFFER_SIZE - 1 - have);
        conn->buffer[have] = '\0';
    } while ((end = strstr(conn->buffer, "\r\n\r\n")) == NULL);

    status = strtol(conn->buffer + strlen("HTTP/1.1 "), NULL, 10);
    if (status != 200)
        die("status %ld", status);
    field = strcasestr(conn->buffer, "\r\nContent-Length:");
    if (field == NULL || field > end)
        die("response without Content-Length");
    length = strtol(field + strlen("\r\nContent-Length:"), NULL, 10);
    if (strcmp(opt.mode, "get") == 0 && length != opt.body)
        die("a body of %ld bytes instead of %ld", length, opt.body);
    atomic_fetch_add(&body_bytes, length);

    length -= conn->buffer + have - (end + 4);
    while (length > 0)
        length -= read_some(conn, conn->buffer, length < BUFFER_SIZE ? (int)length : BUFFER_SIZE);
    if (length != 0)
        die("more bytes than the response has");
}

static void do_request(struct connection *conn)
{
    char head[512];
    bool post = strcmp(opt.mode, "post") == 0;
    int size = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: " HOST_NAME "\r\nUser-Agent: bench\r\n",
                        post ? "POST" : "GET", opt.path);

    if (post)
        size += snprintf(head + size, sizeof(head) - (size_t)size, "Content-Length: %ld\r\n", opt.body);
    size += snprintf(head + size, sizeof(head) - (size_t)size, "\r\n");
    write_all(conn, head, size);
    for (long left = post ? opt.body : 0; left > 0;) {
        int piece = left < BUFFER_SIZE ? (int)left : BUFFER_SIZE;
        write_all(conn, upload_block, piece);
        atomic_fetch_add(&body_bytes, piece);
        left -= piece;
    }
    read_response(conn);
}

static char *new_buffer(void)
{
    char *buffer = malloc(BUFFER_SIZE);
    if (buffer == NULL)
        die("no memory");
    return buffer;
}

static void *request_thread(void *unused)
{
    struct connection conn = {.buffer = new_buffer()};

    open_connection(&conn);
    while (atomic_fetch_sub(&remaining, 1) > 0)
        do_request(&conn);
    SSL_shutdown(conn.ssl);
    SSL_free(conn.ssl);
    close(conn.fd);
    free(conn.buffer);
    return unused;
}

static void *handshake_thread(void *unused)
{
    while (atomic_fetch_sub(&remaining, 1) > 0) {
        int fd = tcp_connect();
        SSL *ssl = tls_connect(fd, saved_session);
        if (SSL_session_reused(ssl) != (opt.resume != RESUME_NONE))
            die(opt.resume == RESUME_NONE ? "the handshake resumed a session" : "the session was not resumed");
        if (SSL_session_reused(ssl))
            atomic_fetch_add(&resumed, 1);
        close_connection(fd, ssl);
    }
    return unused;
}

static int compare_times(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Handshakes one after the other, each with the wish for an OCSP response: how long they take. */
static void measure_latency(void)
{
    double *times = calloc((size_t)opt.count, sizeof(*times));

    if (times == NULL || opt.count < 1)
        die("no memory");
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
    for (long i = 0; i < opt.count; i++) {
        int fd = tcp_connect();
        double start = seconds_now(CLOCK_MONOTONIC);
        SSL *ssl = tls_connect(fd, NULL);
        times[i] = seconds_now(CLOCK_MONOTONIC) - start;
        close_connection(fd, ssl);
    }
    qsort(times, (size_t)opt.count, sizeof(*times), compare_times);
    printf("{\"p50\": %.9f, \"p99\": %.9f}\n", times[opt.count / 2], times[opt.count * 99 / 100]);
    free(times);
}

/* The session that all resumptions of this run offer: one full handshake and one request. */
static void obtain_session(void)
{
    struct connection conn = {.buffer = new_buffer()};

    keep_session = true;
    open_connection(&conn);
    do_request(&conn); /* TLS 1.3 sends its tickets after the handshake */
    keep_session = false;
    close_connection(conn.fd, conn.ssl);
    free(conn.buffer);
    if (saved_session == NULL)
        die("the server gave no session");
    if (SSL_SESSION_has_ticket(saved_session) != (opt.resume == RESUME_TICKET))
        die("the session is not of the kind asked for");
}

/*
 * "open N" on standard input opens N more connections, makes one request on
 * each and answers "open TOTAL". They are held until the input ends.
 */
static void hold_idle_connections(void)
{
    struct connection conn = {.buffer = new_buffer()};
    char line[64];
    long wanted, total = 0;

    while (fgets(line, sizeof(line), stdin) != NULL && sscanf(line, "open %ld", &wanted) == 1) {
        for (long i = 0; i < wanted; i++) {
            open_connection(&conn); /* never closed: the process ends first */
            do_request(&conn);
        }
        total += wanted;
        printf("open %ld\n", total);
        fflush(stdout);
    }
}

static void run_threads(void *(*body)(void *))
{
    pthread_t threads[256];

    if (opt.connections < 1 || opt.connections > 256)
        die("-c takes 1 to 256");
    for (int i = 0; i < opt.connections; i++) {
        if (pthread_create(&threads[i], NULL, body, NULL) != 0)
            die("pthread_create");
    }
    for (int i = 0; i < opt.connections; i++)
        pthread_join(threads[i], NULL);
}

static void parse_options(int argc, char **argv)
{
    int letter;

    if (argc < 2)
        die("the mode is missing");
    opt.mode = argv[1];
    optind = 2;
    while ((letter = getopt(argc, argv, "p:n:c:u:b:v:g:r:st:")) != -1) {
        switch (letter) {
        case 'p': opt.port = atoi(optarg); break;
        case 'n': opt.count = atol(optarg); break;
        case 'c': opt.connections = atoi(optarg); break;
        case 'u': opt.path = optarg; break;
        case 'b': opt.body = atol(optarg); break;
        case 'v': opt.version = strcmp(optarg, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION; break;
        case 'g': opt.sigalgs = optarg; break;
        case 'r':
            opt.resume = strcmp(optarg, "id") == 0       ? RESUME_ID
                         : strcmp(optarg, "ticket") == 0 ? RESUME_TICKET
                                                         : RESUME_NONE;
            break;
        case 's': opt.spin = true; break;
        case 't': opt.seconds = atoi(optarg); break;
        default: die("unknown option");
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    double start;

    parse_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    alarm((unsigned)opt.seconds); /* the default action ends the process */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    make_context();
    if (opt.resume != RESUME_NONE)
        obtain_session();
    atomic_store(&remaining, opt.count);
    atomic_store(&body_bytes, 0);

    start = seconds_now(CLOCK_MONOTONIC);
    if (strcmp(opt.mode, "handshake") == 0)
        run_threads(handshake_thread);
    else if (strcmp(opt.mode, "get") == 0 || strcmp(opt.mode, "post") == 0)
        run_threads(request_thread);
    else if (strcmp(opt.mode, "idle") == 0)
        hold_idle_connections();
    else if (strcmp(opt.mode, "latency") == 0)
        measure_latency();
    else
        die("unknown mode %s", opt.mode);

    if (strcmp(opt.mode, "idle") != 0 && strcmp(opt.mode, "latency") != 0)
        printf("{\"units\": %ld, \"bytes\": %ld, \"resumed\": %ld, \"wall\": %.6f, \"cpu\": %.6f}\n", opt.count,
               atomic_load(&body_bytes), atomic_load(&resumed), seconds_now(CLOCK_MONOTONIC) - start,
               seconds_now(CLOCK_PROCESS_CPUTIME_ID));
    return 0;
}
