/*
 * What httpd loads: the module record, and nothing else.
 *
 * The implementation, libmod_ssl_rs.so, stays in the process once it is there
 * (-z nodelete), since OpenSSL keeps pointers into it. This object does not:
 * httpd loads modules into the global scope of the dynamic linker, and a
 * record named ssl_module that stayed there would take the place of the
 * record of another mod_ssl that is loaded after this one.
 */
#include "httpd.h"
#include "http_config.h"

extern const module mod_ssl_rs_record;
extern void mod_ssl_rs_attach(module *record);

module AP_MODULE_DECLARE_DATA ssl_module;

__attribute__((constructor)) static void attach(void)
{
    ssl_module = mod_ssl_rs_record;
    mod_ssl_rs_attach(&ssl_module);
}
