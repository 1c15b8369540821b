/*
 * A provider of caches that tests can look into and change: each object is a file of a folder.
 *
 *   SSLOCSPCache file:/FOLDER
 *
 * The name of a file is its id in hexadecimal. A file "refuse" in the folder makes it refuse to store, "down" makes
 * everything fail. It asks for a mutex. Times are not looked at: that is up to the user of the cache.
 */
#include "httpd.h"
#include "http_config.h"
#include "ap_provider.h"
#include "ap_socache.h"
#include "apr_file_io.h"
#include "apr_strings.h"

struct ap_socache_instance_t {
    const char *folder;
};

static const char *create(ap_socache_instance_t **instance, const char *arg, apr_pool_t *tmp, apr_pool_t *p)
{
    (void)tmp;
    if (!arg || *arg != '/') {
        return "a folder is needed";
    }
    *instance = apr_pcalloc(p, sizeof(**instance));
    (*instance)->folder = apr_pstrdup(p, arg);
    return NULL;
}

static int exists(ap_socache_instance_t *instance, const char *name, apr_pool_t *p)
{
    apr_finfo_t info;
    return apr_stat(&info, apr_pstrcat(p, instance->folder, "/", name, NULL), APR_FINFO_TYPE, p) == APR_SUCCESS;
}

static apr_status_t init(ap_socache_instance_t *instance, const char *name, const struct ap_socache_hints *hints,
                         server_rec *s, apr_pool_t *p)
{
    (void)name, (void)hints, (void)s;
    return exists(instance, ".", p) ? APR_SUCCESS : APR_ENOENT;
}

static void destroy(ap_socache_instance_t *instance, server_rec *s)
{
    (void)instance, (void)s;
}

static const char *path(ap_socache_instance_t *instance, const unsigned char *id, unsigned int len, apr_pool_t *p)
{
    char *hex = apr_palloc(p, 2 * (apr_size_t)len + 1);
    unsigned int i;
    hex[0] = 0;
    for (i = 0; i < len; i++) {
        apr_snprintf(hex + 2 * i, 3, "%02x", id[i]);
    }
    return apr_pstrcat(p, instance->folder, "/", hex, NULL);
}

static apr_status_t store(ap_socache_instance_t *instance, server_rec *s, const unsigned char *id, unsigned int idlen,
                          apr_time_t expiry, unsigned char *data, unsigned int len, apr_pool_t *p)
{
    const char *name = path(instance, id, idlen, p), *new = apr_pstrcat(p, name, ".new", NULL);
    apr_file_t *file;
    apr_status_t status;
    (void)s, (void)expiry;
    if (exists(instance, "refuse", p) || exists(instance, "down", p)) {
        return APR_ENOSPC;
    }
    status = apr_file_open(&file, new, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE, APR_FPROT_OS_DEFAULT, p);
    if (status != APR_SUCCESS) {
        return status;
    }
    status = apr_file_write_full(file, data, len, NULL);
    apr_file_close(file);
    return status == APR_SUCCESS ? apr_file_rename(new, name, p) : status;
}

static apr_status_t retrieve(ap_socache_instance_t *instance, server_rec *s, const unsigned char *id, unsigned int idlen,
                             unsigned char *data, unsigned int *len, apr_pool_t *p)
{
    apr_file_t *file;
    apr_size_t size = *len;
    (void)s;
    if (exists(instance, "down", p)) {
        return APR_EGENERAL;
    }
    if (apr_file_open(&file, path(instance, id, idlen, p), APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p) != APR_SUCCESS) {
        return APR_NOTFOUND;
    }
    if (apr_file_read_full(file, data, size, &size) == APR_SUCCESS) {
        return APR_ENOSPC;
    }
    apr_file_close(file);
    *len = (unsigned int)size;
    return APR_SUCCESS;
}

static apr_status_t erase(ap_socache_instance_t *instance, server_rec *s, const unsigned char *id, unsigned int idlen,
                          apr_pool_t *p)
{
    (void)s;
    return apr_file_remove(path(instance, id, idlen, p), p);
}

static void status(ap_socache_instance_t *instance, request_rec *r, int flags)
{
    (void)instance, (void)r, (void)flags;
}

static apr_status_t iterate(ap_socache_instance_t *instance, server_rec *s, void *context, ap_socache_iterator_t *iterator,
                            apr_pool_t *p)
{
    (void)instance, (void)s, (void)context, (void)iterator, (void)p;
    return APR_ENOTIMPL;
}

static const ap_socache_provider_t provider = {"file", AP_SOCACHE_FLAG_NOTMPSAFE, create, init, destroy, store, retrieve, erase,
                                               status, iterate};

static void register_hooks(apr_pool_t *p)
{
    ap_register_provider(p, AP_SOCACHE_PROVIDER_GROUP, "file", AP_SOCACHE_PROVIDER_VERSION, &provider);
}

AP_DECLARE_MODULE(socache_file) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0};
