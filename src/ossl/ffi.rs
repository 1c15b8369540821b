//! Functions of OpenSSL 3 that `openssl-sys` does not declare.

use super::x509::Asn1Type;
use libc::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void, size_t};
use openssl_sys::{self as o, BIO, SSL, SSL_CTX, SSL_SESSION, X509};

/// Opaque: SSL_CONF_CTX.
pub enum SslConfCtx {}

pub type TicketSeal = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub type TicketOpen =
    unsafe extern "C" fn(*mut SSL, *mut SSL_SESSION, *const c_uchar, size_t, c_int, *mut c_void) -> c_int;
pub type InfoCallback = unsafe extern "C" fn(*const SSL, c_int, c_int);

pub const SSL_CTRL_SET_TLSEXT_SERVERNAME_CB: c_int = 53;
pub const SSL_CTRL_MODE: c_int = 33;
pub const SSL_CTRL_CLEAR_MODE: c_int = 78;
pub const SSL_CTRL_SET_SESS_CACHE_MODE: c_int = 44;
pub const SSL_CTRL_GET_RI_SUPPORT: c_int = 76;
pub const SSL_CTRL_EXTRA_CHAIN_CERT: c_int = 14;
pub const SSL_CTRL_SET_DH_AUTO: c_int = 118;
pub const SSL_CTRL_CHAIN: c_int = 88;
pub const SSL_MODE_AUTO_RETRY: c_long = 4;
pub const SSL_MODE_RELEASE_BUFFERS: c_long = 0x10;
pub const SSL_SESS_CACHE_OFF: c_long = 0;
pub const SSL_SESS_CACHE_SERVER: c_long = 2;
pub const SSL_SESS_CACHE_NO_INTERNAL: c_long = 0x300;
pub const SSL_CB_LOOP: c_int = 1;
pub const SSL_CB_HANDSHAKE_START: c_int = 0x10;
pub const SSL_CB_HANDSHAKE_DONE: c_int = 0x20;
pub const SSL_CB_READ: c_int = 4;
pub const SSL_CB_WRITE: c_int = 8;
pub const SSL_CB_EXIT: c_int = 2;
pub const SSL_CB_ALERT: c_int = 0x4000;
pub const ERR_LIB_SSL: c_int = 20;
pub const ERR_LIB_PEM: c_int = 9;
pub const PEM_R_NO_START_LINE: c_int = 108;
pub const SSL_R_HTTP_REQUEST: c_int = 156;
pub const SSL_TICKET_SUCCESS: c_int = 5;
pub const SSL_TICKET_SUCCESS_RENEW: c_int = 6;
pub const SSL_TICKET_RETURN_IGNORE: c_int = 1;
pub const SSL_TICKET_RETURN_IGNORE_RENEW: c_int = 2;
pub const SSL_TICKET_RETURN_USE: c_int = 3;
pub const SSL_TICKET_RETURN_USE_RENEW: c_int = 4;
pub const SSL_CONF_FLAG_FILE: c_uint = 2;
pub const SSL_CONF_FLAG_SERVER: c_uint = 8;
pub const SSL_CONF_FLAG_SHOW_ERRORS: c_uint = 0x10;
pub const SSL_CONF_FLAG_CERTIFICATE: c_uint = 0x20;
pub const SSL_CONF_TYPE_FILE: c_int = 2;
pub const SSL_CONF_TYPE_DIR: c_int = 3;
pub const SSL_CONF_TYPE_UNKNOWN: c_int = 0;
pub const OPENSSL_INIT_ENGINE_ALL_BUILTIN: u64 = 0x400 | 0x200 | 0x2000 | 0x4000 | 0x8000;

unsafe extern "C" {
    pub fn SSL_up_ref(ssl: *mut SSL) -> c_int;
    pub fn SSL_get_options(ssl: *const SSL) -> u64;
    pub fn SSL_set_options(ssl: *mut SSL, options: u64) -> u64;
    pub fn SSL_set_session_id_context(ssl: *mut SSL, id: *const c_uchar, len: c_uint) -> c_int;
    pub fn SSL_CTX_set_info_callback(ctx: *mut SSL_CTX, callback: Option<InfoCallback>);
    pub fn SSL_CTX_set_timeout(ctx: *mut SSL_CTX, seconds: c_long) -> c_long;
    pub fn SSL_CTX_set_session_ticket_cb(
        ctx: *mut SSL_CTX,
        seal: Option<TicketSeal>,
        open: Option<TicketOpen>,
        arg: *mut c_void,
    ) -> c_int;
    pub fn SSL_SESSION_set1_ticket_appdata(
        session: *mut SSL_SESSION,
        data: *const c_void,
        len: size_t,
    ) -> c_int;
    pub fn SSL_SESSION_get0_ticket_appdata(
        session: *mut SSL_SESSION,
        data: *mut *mut c_void,
        len: *mut size_t,
    ) -> c_int;
    pub fn SSL_SESSION_get_compress_id(session: *const SSL_SESSION) -> c_uint;
    pub fn SSL_COMP_get_compression_methods() -> *mut c_void;
    pub fn X509_NAME_print_ex(
        bio: *mut BIO,
        name: *const o::X509_NAME,
        indent: c_int,
        flags: c_ulong,
    ) -> c_int;
    pub fn X509_NAME_oneline(name: *const o::X509_NAME, buffer: *mut c_char, size: c_int) -> *mut c_char;
    pub fn ASN1_STRING_print_ex(bio: *mut BIO, string: *const o::ASN1_STRING, flags: c_ulong) -> c_int;
    pub fn GENERAL_NAME_get0_value(name: *const o::GENERAL_NAME, form: *mut c_int) -> *mut c_void;
    pub fn GENERAL_NAME_get0_otherName(
        name: *const o::GENERAL_NAME,
        object: *mut *mut o::ASN1_OBJECT,
        value: *mut *mut Asn1Type,
    ) -> c_int;
    pub fn OBJ_txt2nid(text: *const c_char) -> c_int;
    pub fn OBJ_create(oid: *const c_char, short: *const c_char, long: *const c_char) -> c_int;
    pub fn X509_get_X509_PUBKEY(x509: *const X509) -> *mut c_void;
    pub fn X509_PUBKEY_get0_param(
        object: *mut *mut o::ASN1_OBJECT,
        key: *mut *const c_uchar,
        len: *mut c_int,
        algorithm: *mut *mut c_void,
        public: *mut c_void,
    ) -> c_int;
    pub fn X509_get_extension_flags(x509: *mut X509) -> u32;
    pub fn X509_get_pathlen(x509: *mut X509) -> c_long;
    pub fn X509V3_EXT_print(
        bio: *mut BIO,
        extension: *mut o::X509_EXTENSION,
        flags: c_ulong,
        indent: c_int,
    ) -> c_int;
    pub fn d2i_ASN1_TYPE(out: *mut *mut Asn1Type, at: *mut *const c_uchar, len: c_long) -> *mut Asn1Type;
    pub fn ASN1_TYPE_free(value: *mut Asn1Type);
    pub fn SSL_CONF_CTX_new() -> *mut SslConfCtx;
    pub fn SSL_CONF_CTX_free(ctx: *mut SslConfCtx);
    pub fn SSL_CONF_CTX_set_flags(ctx: *mut SslConfCtx, flags: c_uint) -> c_uint;
    pub fn SSL_CONF_CTX_set_ssl_ctx(ctx: *mut SslConfCtx, ssl_ctx: *mut SSL_CTX);
    pub fn SSL_CONF_CTX_finish(ctx: *mut SslConfCtx) -> c_int;
    pub fn SSL_CONF_cmd(ctx: *mut SslConfCtx, cmd: *const c_char, value: *const c_char) -> c_int;
    pub fn SSL_CONF_cmd_value_type(ctx: *mut SslConfCtx, cmd: *const c_char) -> c_int;
    pub fn EVP_default_properties_enable_fips(ctx: *mut c_void, enable: c_int) -> c_int;
    pub fn EVP_default_properties_is_fips_enabled(ctx: *mut c_void) -> c_int;
    pub fn SSL_alert_type_string_long(value: c_int) -> *const c_char;
    pub fn ERR_error_string_n(error: c_ulong, text: *mut c_char, len: size_t);
}
