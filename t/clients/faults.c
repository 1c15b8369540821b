/* Loaded into httpd by LD_PRELOAD: what the kernel does to the calls on a connection is what a test has written into the
 * file named by FAULTS before the connection is accepted, as "CALL N WHAT BYTES":
 *
 *   read 3 eagain 0      the third read finds nothing, though something is there
 *   write * short 1000   no write takes more than 1,000 bytes
 *
 * With "*" every other call says EAGAIN, so that the connection comes to its end. Writes that others make, files and pipes,
 * are left alone: only sockets that accept4 has given count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 4096

enum call { READ, WRITE };

static struct connection {
    int is_here;
    enum call call;
    int number; /* 0 for all */
    int is_eagain;
    size_t most;
    int count[2];
    int was_refused;
} connections[MOST];

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void begin(int fd)
{
    struct connection *this = &connections[fd];
    memset(this, 0, sizeof *this);
    const char *path = getenv("FAULTS");
    FILE *file = path ? fopen(path, "re") : NULL;
    char call[8], number[8], what[8];
    if (file && fscanf(file, "%7s %7s %7s %zu", call, number, what, &this->most) == 4) {
        this->call = strcmp(call, "read") ? WRITE : READ;
        this->number = atoi(number);
        this->is_eagain = !strcmp(what, "eagain");
        this->is_here = 1;
    }
    if (file)
        fclose(file);
}

/* How many bytes this call may be about; 0 for EAGAIN. */
static size_t allowed(int fd, enum call call, size_t wanted)
{
    if (fd < 0 || fd >= MOST || !connections[fd].is_here || connections[fd].call != call)
        return wanted;
    struct connection *this = &connections[fd];
    int is_meant = this->number == 0 || ++this->count[call] == this->number;
    if (!is_meant || (this->is_eagain && this->was_refused)) {
        this->was_refused = 0;
        return wanted;
    }
    if (this->is_eagain) {
        this->was_refused = 1;
        errno = EAGAIN;
        return 0;
    }
    return wanted < this->most ? wanted : this->most;
}

int accept4(int listener, struct sockaddr *address, socklen_t *size, int flags)
{
    int (*next)(int, struct sockaddr *, socklen_t *, int) = real("accept4");
    int fd = next(listener, address, size, flags);
    if (fd >= 0 && fd < MOST)
        begin(fd);
    return fd;
}

int close(int fd)
{
    int (*next)(int) = real("close");
    if (fd >= 0 && fd < MOST)
        connections[fd].is_here = 0;
    return next(fd);
}

ssize_t read(int fd, void *into, size_t wanted)
{
    ssize_t (*next)(int, void *, size_t) = real("read");
    size_t most = wanted ? allowed(fd, READ, wanted) : 0;
    return most || !wanted ? next(fd, into, most) : -1;
}

ssize_t recvfrom(int fd, void *into, size_t wanted, int flags, struct sockaddr *from, socklen_t *size)
{
    ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *) = real("recvfrom");
    /* Who only looks takes nothing. */
    size_t most = wanted && !(flags & MSG_PEEK) ? allowed(fd, READ, wanted) : wanted;
    return most || !wanted ? next(fd, into, most, flags, from, size) : -1;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    ssize_t (*next)(int, const struct iovec *, int) = real("writev");
    size_t wanted = 0;
    for (int i = 0; i < count; i++)
        wanted += pieces[i].iov_len;
    size_t most = wanted ? allowed(fd, WRITE, wanted) : 0;
    if (most == wanted)
        return next(fd, pieces, count);
    if (!most)
        return -1;
    /* A short write ends within a piece, or with one. */
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len) {
            struct iovec first = pieces[i];
            if (first.iov_len > most)
                first.iov_len = most;
            return next(fd, &first, 1);
        }
    }
    return 0;
}
