//! The library as a whole: versions, FIPS mode, randomness, digests.

pub mod mac;
mod md5;

use super::bio::{Io, Transport};
use super::ctx::SslCtx;
use super::error::{self, LibraryError};
use super::ffi;
use super::ssl::{Ssl, Stopped};
use openssl::hash::{MessageDigest, hash};
use openssl_sys as o;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::Once;

/// Prepares what needs preparing, and forgets what that left in the error
/// queue.
pub fn init() {
    // Asked again, the library would register all engines once more, also those that were done with.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        openssl_sys::init();
        // SAFETY: no settings are given.
        unsafe { o::OPENSSL_init_ssl(ffi::OPENSSL_INIT_ENGINE_ALL_BUILTIN, std::ptr::null()) };
    });
    error::clear();
}

/// The library at run time: `OpenSSL 3.0.22 25 Aug 2026`.
#[must_use]
pub fn version_text() -> String {
    // SAFETY: gives a string constant.
    let text = unsafe { o::OpenSSL_version(o::OPENSSL_VERSION) };
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The number of the library at run time.
#[must_use]
#[allow(clippy::useless_conversion, reason = "an unsigned long has 32 bits on some systems")]
pub fn version_number() -> u64 {
    // SAFETY: a number.
    u64::from(unsafe { o::OpenSSL_version_num() })
}

/// The number of the library this object was built with.
pub const BUILD_NUMBER: u64 = {
    let digits = env!("MOD_SSL_OPENSSL_NUMBER").as_bytes();
    let (mut number, mut at) = (0_u64, 0);
    while at < digits.len() {
        number = number * 10 + (digits[at] - b'0') as u64;
        at += 1;
    }
    number
};

/// The text of the library this object was built with.
pub const BUILD_TEXT: &str = env!("MOD_SSL_OPENSSL_TEXT");

/// Whether the library has SSL 3.0: whether it would begin a handshake with it.
#[must_use]
pub fn has_ssl3() -> bool {
    struct Nowhere;
    impl Transport for Nowhere {
        fn read(&self, _: &mut [MaybeUninit<u8>]) -> Io {
            Io::WouldBlock
        }
        fn write(&self, bytes: &[u8]) -> Io {
            Io::Done(bytes.len())
        }
        fn flush(&self) -> Io {
            Io::Done(1)
        }
    }
    let begin = || {
        let ctx = SslCtx::client().ok()?;
        ctx.set_cipher_list(c"ALL:@SECLEVEL=0").ok()?;
        ctx.set_protocol_range(o::SSL3_VERSION, o::SSL3_VERSION).ok()?;
        Ssl::new(&ctx, Box::new(Nowhere)).ok()?.connect().err()
    };
    matches!(begin(), Some(Stopped::WantRead))
}

/// Whether the library has TLS 1.3.
#[must_use]
pub fn has_tls13() -> bool {
    let Ok(ctx) = SslCtx::server() else {
        return false;
    };
    ctx.set_protocol_range(o::TLS1_3_VERSION, o::TLS1_3_VERSION).is_ok()
}

/// Whether the library has any method of compression inside TLS.
#[must_use]
pub fn has_compression() -> bool {
    // SAFETY: reads the library's table.
    let methods = unsafe { ffi::SSL_COMP_get_compression_methods() };
    // SAFETY: the table, or NULL, is a stack.
    !methods.is_null() && unsafe { o::OPENSSL_sk_num(methods.cast()) } > 0
}

/// Whether FIPS mode is on (`EVP_default_properties_is_fips_enabled`).
#[must_use]
pub fn is_fips() -> bool {
    // SAFETY: NULL is the default library context.
    unsafe { ffi::EVP_default_properties_is_fips_enabled(std::ptr::null_mut()) == 1 }
}

/// Turns FIPS mode on or off.
///
/// # Errors
/// OpenSSL's reasons.
pub fn set_fips(on: bool) -> Result<(), Vec<LibraryError>> {
    error::clear();
    // SAFETY: NULL is the default library context.
    if unsafe { ffi::EVP_default_properties_enable_fips(std::ptr::null_mut(), i32::from(on)) } == 1 {
        Ok(())
    } else {
        Err(error::drain())
    }
}

/// Mixes bytes into the random number generator.
pub fn add_entropy(bytes: &[u8]) {
    let Ok(len) = i32::try_from(bytes.len()) else {
        return;
    };
    // SAFETY: the bytes are described by their length.
    unsafe { o::RAND_add(bytes.as_ptr().cast(), len, f64::from(len)) };
}

/// Whether the random number generator is ready.
#[must_use]
pub fn is_seeded() -> bool {
    // SAFETY: reads a state.
    unsafe { o::RAND_status() == 1 }
}

/// MD5 in lower-case hexadecimal: the form of session id contexts. No secret depends on it, and it must
/// also work where the library refuses MD5 (FIPS mode).
#[must_use]
pub fn md5_hex(bytes: &[u8]) -> Option<[u8; 32]> {
    let mut hex = [0; 32];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(md5::digest(bytes)) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    Some(hex)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// SHA-256; `None` if the library has no such digest.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    let digest = hash(MessageDigest::sha256(), bytes);
    digest.ok()?.as_ref().try_into().ok()
}

/// Bytes from C, where (NULL, 0) stands for nothing.
///
/// # Safety
/// `data` is NULL, or `len` bytes from there are readable and unchanged during `'d`.
pub(super) unsafe fn bytes_from<'d>(data: *const u8, len: usize) -> &'d [u8] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(data, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        assert_eq!(
            &md5_hex(b"localhost:12200").unwrap(),
            hash(MessageDigest::md5(), b"localhost:12200")
                .unwrap()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .as_bytes()
        );
        assert_eq!(sha256(b"").unwrap()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }

    #[test]
    fn versions() {
        assert!(version_text().starts_with("OpenSSL 3."));
        assert!(version_number() >= 0x3000_0000);
    }
}
