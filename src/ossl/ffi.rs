//! Functions and constants of OpenSSL that `openssl-sys` does not declare; prototypes of 3.0, unchanged up
//! to 3.6.

use super::x509::Asn1Type;
use libc::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void, size_t};
use openssl_sys::{
    self as o, ASN1_OBJECT, BIO, EVP_PKEY, SSL, SSL_CTX, SSL_SESSION, X509, pem_password_cb, stack_st_X509,
};

/// Opaque: SSL_CONF_CTX.
pub enum SslConfCtx {}

/// Opaque: UI.
pub enum Ui {}
/// Opaque: UI_METHOD.
pub enum UiMethod {}
/// Opaque: UI_STRING.
pub enum UiString {}
/// Opaque: OSSL_STORE_CTX.
pub enum StoreCtx {}
/// Opaque: OSSL_STORE_INFO.
pub enum StoreInfo {}

pub type UiCallback = unsafe extern "C" fn(*mut Ui, *mut UiString) -> c_int;
pub type TicketSeal = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub type TicketOpen =
    unsafe extern "C" fn(*mut SSL, *mut SSL_SESSION, *const c_uchar, size_t, c_int, *mut c_void) -> c_int;
pub type CertificateCallback = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub type TicketKey = unsafe extern "C" fn(
    *mut SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut o::EVP_CIPHER_CTX,
    *mut o::EVP_MAC_CTX,
    c_int,
) -> c_int;
pub type VerifyCallback = extern "C" fn(c_int, *mut o::X509_STORE_CTX) -> c_int;
pub type VerifyEndCallback = unsafe extern "C" fn(*mut o::X509_STORE_CTX, *mut c_void) -> c_int;
pub type InfoCallback = unsafe extern "C" fn(*const SSL, c_int, c_int);

pub const SSL_CTRL_SET_VERIFY_CERT_STORE: c_int = 106;
pub const SSL_CTRL_SET_TLSEXT_SERVERNAME_CB: c_int = 53;
pub const SSL_CTRL_GET_RAW_CIPHERLIST: c_int = 110;
pub const SSL_CTRL_MODE: c_int = 33;
pub const SSL_CTRL_CLEAR_MODE: c_int = 78;
pub const SSL_CTRL_SET_SESS_CACHE_MODE: c_int = 44;
pub const SSL_CTRL_GET_RI_SUPPORT: c_int = 76;
pub const SSL_CTRL_SET_CURRENT_CERT: c_int = 117;
pub const SSL_CTRL_EXTRA_CHAIN_CERT: c_int = 14;
pub const SSL_CTRL_SET_DH_AUTO: c_int = 118;
pub const SSL_CTRL_SET_GROUPS: c_int = 91;
pub const SSL_CTRL_CHAIN: c_int = 88;
pub const SSL_CTRL_GET_CHAIN_CERTS: c_int = 115;
pub const SSL_CERT_SET_FIRST: c_long = 1;
pub const SSL_CERT_SET_NEXT: c_long = 2;
pub const SSL_SESS_CACHE_OFF: c_long = 0;
pub const SSL_SESS_CACHE_CLIENT: c_long = 1;
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
#[cfg(openssl_srp)]
pub const SSL_ERROR_NONE: c_int = 0;
#[cfg(openssl_srp)]
pub const SSL3_AL_FATAL: c_int = 2;
pub const SSL_TICKET_NO_DECRYPT: c_int = 4;
pub const SSL_TICKET_SUCCESS: c_int = 5;
pub const SSL_TICKET_SUCCESS_RENEW: c_int = 6;
pub const SSL_TICKET_RETURN_IGNORE: c_int = 1;
pub const SSL_TICKET_RETURN_IGNORE_RENEW: c_int = 2;
pub const SSL_TICKET_RETURN_USE: c_int = 3;
pub const SSL_TICKET_RETURN_USE_RENEW: c_int = 4;
pub const TICKET_KEY_FAILED: c_int = -1;
pub const TICKET_KEY_UNKNOWN: c_int = 0;
pub const TICKET_KEY_USED: c_int = 1;
pub const TICKET_KEY_USED_RENEW: c_int = 2;
pub const SSL_CONF_FLAG_FILE: c_uint = 2;
pub const SSL_CONF_FLAG_SERVER: c_uint = 8;
pub const SSL_CONF_FLAG_SHOW_ERRORS: c_uint = 0x10;
pub const SSL_CONF_FLAG_CERTIFICATE: c_uint = 0x20;
pub const SSL_CONF_TYPE_FILE: c_int = 2;
pub const SSL_CONF_TYPE_DIR: c_int = 3;
pub const SSL_CONF_TYPE_UNKNOWN: c_int = 0;
pub const SSL_TICKET_RETURN_ABORT: c_int = 0;
pub const SSL_CLIENT_HELLO_SUCCESS: c_int = 1;
pub const SSL_CLIENT_HELLO_ERROR: c_int = 0;
pub const SSL_TLSEXT_ERR_OK: c_int = 0;
pub const SSL_TLSEXT_ERR_ALERT_FATAL: c_int = 2;
pub const SSL_TLSEXT_ERR_NOACK: c_int = 3;
pub const SSL_CTRL_SET_TLSEXT_HOSTNAME: c_int = 55;
pub const SSL_CTRL_GET_NEGOTIATED_GROUP: c_int = 134;
pub const SSL_CTRL_GET_SIGNATURE_NID: c_int = 132;
pub const SSL_CTRL_GET_PEER_SIGNATURE_NID: c_int = 108;
pub const SSL_R_UNEXPECTED_EOF_WHILE_READING: c_int = 294;
pub const BIO_TYPE_SOURCE_SINK: c_int = 0x400;
pub const X509_V_ERR_UNSPECIFIED: c_int = 1;
pub const CRYPTO_EX_INDEX_SSL: c_int = 0;
pub const CRYPTO_EX_INDEX_SSL_CTX: c_int = 1;
pub const EVP_PKEY_DH: c_int = 28;
pub const EVP_PKEY_DHX: c_int = 920;
pub const UIT_PROMPT: c_int = 1;
pub const UIT_VERIFY: c_int = 2;
pub const OSSL_STORE_INFO_PKEY: c_int = 4;
pub const OSSL_STORE_INFO_CERT: c_int = 5;
pub const OPENSSL_INIT_ENGINE_ALL_BUILTIN: u64 = 0x400 | 0x200 | 0x2000 | 0x4000 | 0x8000;

unsafe extern "C" {
    pub fn SSL_CTX_set_cert_cb(ctx: *mut SSL_CTX, callback: Option<CertificateCallback>, arg: *mut c_void);
    pub fn SSL_CTX_get_verify_callback(ctx: *const SSL_CTX) -> Option<VerifyCallback>;
    pub fn SSL_CTX_get_verify_depth(ctx: *const SSL_CTX) -> c_int;
    pub fn SSL_set_verify_depth(ssl: *mut SSL, depth: c_int);
    pub fn X509_VERIFY_PARAM_set1(to: *mut o::X509_VERIFY_PARAM, from: *const o::X509_VERIFY_PARAM) -> c_int;
    pub fn X509_STORE_load_file(store: *mut o::X509_STORE, file: *const c_char) -> c_int;
    pub fn X509_STORE_load_path(store: *mut o::X509_STORE, path: *const c_char) -> c_int;
    pub fn X509_STORE_add_crl(store: *mut o::X509_STORE, crl: *mut o::X509_CRL) -> c_int;
    pub fn SSL_add_file_cert_subjects_to_stack(
        names: *mut o::stack_st_X509_NAME,
        file: *const c_char,
    ) -> c_int;
    pub fn SSL_CTX_set_cert_verify_callback(
        ctx: *mut SSL_CTX,
        callback: Option<VerifyEndCallback>,
        arg: *mut c_void,
    );
    pub fn SSL_client_hello_get1_extensions_present(
        ssl: *mut SSL,
        numbers: *mut *mut c_int,
        count: *mut size_t,
    ) -> c_int;
    pub fn SSL_get0_peer_CA_list(ssl: *const SSL) -> *const o::stack_st_X509_NAME;
    pub fn SSL_get_sigalgs(
        ssl: *mut SSL,
        index: c_int,
        sign: *mut c_int,
        hash: *mut c_int,
        both: *mut c_int,
        raw_sign: *mut c_uchar,
        raw_hash: *mut c_uchar,
    ) -> c_int;
    pub fn SSL_up_ref(ssl: *mut SSL) -> c_int;
    pub fn X509_STORE_CTX_get1_issuer(
        issuer: *mut *mut X509,
        ctx: *mut o::X509_STORE_CTX,
        x509: *mut X509,
    ) -> c_int;
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
    pub fn SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx: *mut SSL_CTX, callback: Option<TicketKey>) -> c_int;
    pub fn OSSL_PARAM_construct_utf8_string(
        key: *const c_char,
        buffer: *mut c_char,
        size: size_t,
    ) -> o::OSSL_PARAM;
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
    pub fn SSL_SESSION_set_timeout(session: *mut SSL_SESSION, seconds: c_long) -> c_long;
    pub fn SSL_SESSION_get0_cipher(session: *const SSL_SESSION) -> *const o::SSL_CIPHER;
    pub fn SSL_SESSION_get_compress_id(session: *const SSL_SESSION) -> c_uint;
    pub fn SSL_CTX_get_ciphers(ctx: *const SSL_CTX) -> *mut c_void;
    pub fn SSL_get_ciphers(ssl: *const SSL) -> *mut c_void;
    pub fn SSL_set_cipher_list(ssl: *mut SSL, list: *const c_char) -> c_int;
    pub fn SSL_renegotiate_pending(ssl: *const SSL) -> c_int;
    pub fn SSL_get_peer_finished(ssl: *const SSL, into: *mut c_void, count: usize) -> usize;
    pub fn SSL_get_client_ciphers(ssl: *const SSL) -> *mut c_void;
    pub fn SSL_CIPHER_get_protocol_id(cipher: *const o::SSL_CIPHER) -> u16;
    pub fn SSL_group_to_name(ssl: *mut SSL, id: c_int) -> *const c_char;
    pub fn SSL_get_signature_type_nid(ssl: *const SSL, nid: *mut c_int) -> c_int;
    pub fn SSL_get_peer_signature_type_nid(ssl: *const SSL, nid: *mut c_int) -> c_int;
    #[cfg(openssl_320)]
    pub fn SSL_get_handshake_rtt(ssl: *const SSL, microseconds: *mut u64) -> c_int;
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
    pub fn BIO_get_new_index() -> c_int;
    pub fn BIO_method_type(bio: *const BIO) -> c_int;
    pub fn BIO_next(bio: *mut BIO) -> *mut BIO;
    pub fn BIO_free(bio: *mut BIO) -> c_int;
    pub fn ERR_peek_error() -> c_ulong;
    pub fn d2i_KeyParams(
        kind: c_int,
        out: *mut *mut EVP_PKEY,
        at: *mut *const c_uchar,
        len: c_long,
    ) -> *mut EVP_PKEY;
    pub fn d2i_ASN1_OBJECT(
        out: *mut *mut ASN1_OBJECT,
        at: *mut *const c_uchar,
        len: c_long,
    ) -> *mut ASN1_OBJECT;
    pub fn PEM_read_bio(
        bio: *mut BIO,
        name: *mut *mut c_char,
        header: *mut *mut c_char,
        data: *mut *mut c_uchar,
        len: *mut c_long,
    ) -> c_int;
    pub fn PEM_read_bio_X509_AUX(
        bio: *mut BIO,
        out: *mut *mut X509,
        callback: pem_password_cb,
        arg: *mut c_void,
    ) -> *mut X509;
    pub fn X509_check_private_key(x509: *const X509, key: *const EVP_PKEY) -> c_int;
    pub fn SSL_CTX_get_timeout(ctx: *const SSL_CTX) -> c_long;
    pub fn SSL_use_cert_and_key(
        ssl: *mut SSL,
        x509: *mut X509,
        key: *mut EVP_PKEY,
        chain: *mut stack_st_X509,
        replace: c_int,
    ) -> c_int;
    pub fn SSL_CTX_use_cert_and_key(
        ctx: *mut SSL_CTX,
        x509: *mut X509,
        key: *mut EVP_PKEY,
        chain: *mut stack_st_X509,
        replace: c_int,
    ) -> c_int;
    pub fn SSL_certs_clear(ssl: *mut SSL);
    pub fn SSL_clear_options(ssl: *mut SSL, options: u64) -> u64;
    pub fn SSL_in_before(ssl: *const SSL) -> c_int;
    pub fn SSL_has_pending(ssl: *const SSL) -> c_int;
    pub fn SSL_set_verify_result(ssl: *mut SSL, result: c_long);
    pub fn SSL_set_quiet_shutdown(ssl: *mut SSL, mode: c_int);
    pub fn SSL_set_read_ahead(ssl: *mut SSL, on: c_int);
    pub fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
    pub fn SSL_get1_session(ssl: *mut SSL) -> *mut SSL_SESSION;
    pub fn SSL_renegotiate(ssl: *mut SSL) -> c_int;
    pub fn SSL_verify_client_post_handshake(ssl: *mut SSL) -> c_int;
    pub fn SSL_set_post_handshake_auth(ssl: *mut SSL, on: c_int);
    pub fn SSL_SESSION_is_resumable(session: *const SSL_SESSION) -> c_int;
    pub fn SSL_SESSION_has_ticket(session: *const SSL_SESSION) -> c_int;
    pub fn SSL_SESSION_get_ticket_lifetime_hint(session: *const SSL_SESSION) -> c_ulong;
    pub fn SSL_SESSION_get0_id_context(session: *const SSL_SESSION, len: *mut c_uint) -> *const c_uchar;
    pub fn SSL_SESSION_set1_id_context(session: *mut SSL_SESSION, id: *const c_uchar, len: c_uint) -> c_int;
    pub fn SSL_SESSION_get0_peer(session: *mut SSL_SESSION) -> *mut X509;
    pub fn OCSP_request_add1_nonce(request: *mut o::OCSP_REQUEST, value: *mut c_uchar, len: c_int) -> c_int;
    pub fn OCSP_check_nonce(request: *mut o::OCSP_REQUEST, response: *mut o::OCSP_BASICRESP) -> c_int;
    pub fn X509_STORE_CTX_get0_store(ctx: *const o::X509_STORE_CTX) -> *mut o::X509_STORE;
    pub fn UI_create_method(name: *const c_char) -> *mut UiMethod;
    pub fn UI_method_set_reader(method: *mut UiMethod, reader: Option<UiCallback>) -> c_int;
    pub fn UI_method_set_writer(method: *mut UiMethod, writer: Option<UiCallback>) -> c_int;
    pub fn UI_get_string_type(string: *mut UiString) -> c_int;
    pub fn UI_get0_output_string(string: *mut UiString) -> *const c_char;
    pub fn UI_set_result_ex(ui: *mut Ui, string: *mut UiString, text: *const c_char, len: c_int) -> c_int;
    pub fn OSSL_STORE_open(
        uri: *const c_char,
        method: *const UiMethod,
        data: *mut c_void,
        process: Option<unsafe extern "C" fn(*mut StoreInfo, *mut c_void) -> *mut StoreInfo>,
        process_data: *mut c_void,
    ) -> *mut StoreCtx;
    pub fn OSSL_STORE_expect(store: *mut StoreCtx, kind: c_int) -> c_int;
    pub fn OSSL_STORE_load(store: *mut StoreCtx) -> *mut StoreInfo;
    pub fn OSSL_STORE_eof(store: *mut StoreCtx) -> c_int;
    pub fn OSSL_STORE_close(store: *mut StoreCtx) -> c_int;
    pub fn OSSL_STORE_INFO_get_type(info: *const StoreInfo) -> c_int;
    pub fn OSSL_STORE_INFO_get1_PKEY(info: *const StoreInfo) -> *mut EVP_PKEY;
    pub fn OSSL_STORE_INFO_get1_CERT(info: *const StoreInfo) -> *mut X509;
    pub fn OSSL_STORE_INFO_free(info: *mut StoreInfo);
}

#[cfg(openssl_engine)]
pub use engine::*;

/// What a library without ENGINE does not have.
#[cfg(openssl_engine)]
mod engine {
    use super::{EVP_PKEY, UiMethod, X509, c_char, c_int, c_long, c_void};

    /// Opaque: ENGINE.
    pub enum Engine {}

    /// What libp11's command LOAD_CERT_CTRL takes.
    #[repr(C)]
    pub struct EngineCertificate {
        pub identifier: *const c_char,
        pub certificate: *mut X509,
    }

    pub const ENGINE_CTRL_SET_USER_INTERFACE: c_int = 4;

    unsafe extern "C" {
        pub fn ENGINE_by_id(id: *const c_char) -> *mut Engine;
        pub fn ENGINE_init(engine: *mut Engine) -> c_int;
        pub fn ENGINE_free(engine: *mut Engine) -> c_int;
        pub fn ENGINE_finish(engine: *mut Engine) -> c_int;
        pub fn ENGINE_ctrl(
            engine: *mut Engine,
            command: c_int,
            number: c_long,
            argument: *mut c_void,
            function: Option<unsafe extern "C" fn()>,
        ) -> c_int;
        pub fn ENGINE_ctrl_cmd(
            engine: *mut Engine,
            name: *const c_char,
            number: c_long,
            argument: *mut c_void,
            function: Option<unsafe extern "C" fn()>,
            optional: c_int,
        ) -> c_int;
        pub fn ENGINE_ctrl_cmd_string(
            engine: *mut Engine,
            name: *const c_char,
            argument: *const c_char,
            optional: c_int,
        ) -> c_int;
        pub fn ENGINE_load_private_key(
            engine: *mut Engine,
            identifier: *const c_char,
            method: *mut UiMethod,
            data: *mut c_void,
        ) -> *mut EVP_PKEY;
    }
}
