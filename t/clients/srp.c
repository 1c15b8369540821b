/*
 * Logs in by TLS-SRP with TLS 1.2, then connects again with the session of the first connection and another user.
 *
 *   srp PORT HOST USER PASSWORD OTHER-USER OTHER-PASSWORD tickets|ids
 *
 * For each connection it prints whether the handshake succeeded and resumed, and the lines of the answer to
 * GET /cgi/env that begin with SSL_SRP. Neither curl nor s_client can change the user of a session.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *host;
static int port, with_tickets;

static SSL_SESSION *visit(char *user, char *password, SSL_SESSION *earlier)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "SRP");
    SSL_CTX_set_srp_username(context, user);
    SSL_CTX_set_srp_password(context, password);
    if (!with_tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int descriptor;
    for (int attempt = 0;; attempt++) {
        descriptor = socket(AF_INET, SOCK_STREAM, 0);
        if (!connect(descriptor, (void *)&address, sizeof address)) break;
        close(descriptor);
        if (attempt == 100) {
            perror("connect");
            exit(2);
        }
        usleep(50 * 1000); /* a busy machine */
    }
    SSL *connection = SSL_new(context);
    SSL_set_fd(connection, descriptor);
    SSL_set_tlsext_host_name(connection, host);
    if (earlier) SSL_set_session(connection, earlier);
    if (SSL_connect(connection) != 1) {
        printf("%s refused\n", user);
        return NULL;
    }
    printf("%s %s\n", user, SSL_session_reused(connection) ? "resumed" : "new");

    char text[65536];
    int length = snprintf(text, sizeof text, "GET /cgi/env HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
    SSL_write(connection, text, length);
    int size = 0, count;
    while ((count = SSL_read(connection, text + size, (int)sizeof text - 1 - size)) > 0) size += count;
    text[size] = 0;
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n"))
        if (!strncmp(line, "SSL_SRP", 7)) puts(line);
    SSL_SESSION *session = SSL_get1_session(connection);
    SSL_shutdown(connection);
    close(descriptor);
    return session;
}

int main(int count, char **words)
{
    if (count != 8) return 2;
    alarm(60);
    port = atoi(words[1]);
    host = words[2];
    with_tickets = !strcmp(words[7], "tickets");
    SSL_SESSION *session = visit(words[3], words[4], NULL);
    if (!session) return 1;
    visit(words[5], words[6], session);
    return 0;
}
