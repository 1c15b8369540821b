//! The ClientHello, as far as it decides which vhost is meant.

use std::ffi::{c_int, c_uchar, c_uint};
use std::ptr;

use openssl_sys as sys;

use crate::ossl::ffi;
use crate::ossl::lib::bytes_from;
use crate::ossl::session::SessionRef;
use crate::ossl::ssl::SslRef;

const EXTENSION_SERVER_NAME: u32 = 0;
const EXTENSION_ALPN: u32 = 16;
const EXTENSION_EXTENDED_MASTER_SECRET: u32 = 23;

/// The output of SHA-256, the smallest hash of a cipher of TLS 1.3; up to TLS 1.2 a secret has 48 bytes.
const SHORTEST_SECRET: usize = 32;

/// The ClientHello, while its callback runs.
pub struct ClientHello<'h> {
    ssl: &'h SslRef,
}

impl<'h> ClientHello<'h> {
    /// Only from the ClientHello callback until OpenSSL has chosen a session, a cipher and a certificate: it answers
    /// nothing at other times.
    pub(super) fn new(ssl: &'h SslRef) -> Self {
        ClientHello { ssl }
    }

    /// The contents of an extension.
    #[must_use]
    pub fn extension(&self, number: u32) -> Option<&[u8]> {
        let (mut data, mut length) = (ptr::null(), 0);
        let number = c_uint::from(number);
        // SAFETY: a borrowed connection is alive, and so is its ClientHello: see `new`. So for the calls
        // below.
        let found: c_int = unsafe {
            sys::SSL_client_hello_get0_ext(self.ssl.as_ptr(), number, &raw mut data, &raw mut length)
        };
        // SAFETY: the bytes are those of the message.
        (found == 1).then(|| unsafe { bytes_from(data, length) })
    }

    /// The host name the client asks for; `None` also when the extension is malformed, which OpenSSL
    /// complains about by itself where it must.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        parse_server_name(self.extension(EXTENSION_SERVER_NAME)?)
    }

    /// The protocols the client offers, each after a byte with its length; `None` also when the extension is
    /// malformed, which OpenSSL complains about by itself.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        parse_alpn(self.extension(EXTENSION_ALPN)?)
    }

    /// The version of the message's own field: 0x0303 for TLS 1.3, too.
    #[must_use]
    pub fn legacy_version(&self) -> u32 {
        // SAFETY: see extension.
        unsafe { sys::SSL_client_hello_get0_legacy_version(self.ssl.as_ptr()) }
    }

    /// The numbers of the extensions that OpenSSL knows, in their order.
    #[must_use]
    pub fn extensions(&self) -> Vec<u16> {
        let (mut numbers, mut count) = (ptr::null_mut::<c_int>(), 0);
        // SAFETY: see extension; both are outputs.
        let found = unsafe {
            ffi::SSL_client_hello_get1_extensions_present(self.ssl.as_ptr(), &raw mut numbers, &raw mut count)
        };
        if found != 1 || numbers.is_null() {
            return Vec::new();
        }
        // SAFETY: OpenSSL has allocated so many numbers.
        let slice = unsafe { std::slice::from_raw_parts(numbers, count) };
        let list = slice.iter().filter_map(|number| u16::try_from(*number).ok()).collect();
        // SAFETY: allocated by OpenSSL for the caller, and not used any more.
        unsafe { sys::OPENSSL_free(numbers.cast()) };
        list
    }

    /// The session id, which TLS 1.3 clients make up.
    #[must_use]
    pub fn session_id(&self) -> &[u8] {
        self.part(sys::SSL_client_hello_get0_session_id)
    }

    /// Whether the client could have made this session, which was found for the id it has sent: OpenSSL believes a
    /// cache that the id is right, and ends the handshake if version, cipher or the extended master secret is not.
    #[must_use]
    pub fn could_resume(&self, session: &SessionRef, id: &[u8], extended_master_secret: bool) -> bool {
        let tls13 = self.ssl.is_tls13();
        let offered =
            |number: u16| self.raw_ciphers().chunks_exact(2).any(|pair| pair == number.to_be_bytes());
        session.id() == id
            && session.protocol_version() == self.ssl.version()
            && (tls13 || session.cipher_number().is_some_and(offered))
            && session.secret_length() >= SHORTEST_SECRET
            && (tls13
                || !extended_master_secret
                || self.extension(EXTENSION_EXTENDED_MASTER_SECRET).is_some())
    }

    /// As [`ciphers`](Self::ciphers), when OpenSSL has read them already.
    fn raw_ciphers(&self) -> &[u8] {
        let mut data: *const c_uchar = ptr::null();
        let (command, place) = (ffi::SSL_CTRL_GET_RAW_CIPHERLIST, (&raw mut data).cast());
        // SAFETY: see extension; this command writes a pointer to the connection's copy of the list.
        let length = unsafe { sys::SSL_ctrl(self.ssl.as_ptr(), command, 0, place) };
        // SAFETY: as above; the copy is as long as that.
        unsafe { bytes_from(data, usize::try_from(length).unwrap_or(0)) }
    }

    /// The cipher suites, two bytes each.
    #[must_use]
    pub fn ciphers(&self) -> &[u8] {
        self.part(sys::SSL_client_hello_get0_ciphers)
    }

    /// The client's random bytes.
    #[must_use]
    pub fn random(&self) -> &[u8] {
        self.part(sys::SSL_client_hello_get0_random)
    }

    fn part(&self, get: unsafe extern "C" fn(*mut sys::SSL, *mut *const c_uchar) -> usize) -> &[u8] {
        let mut data = ptr::null();
        // SAFETY: see extension.
        let length = unsafe { get(self.ssl.as_ptr(), &raw mut data) };
        // SAFETY: the bytes are those of the message.
        unsafe { bytes_from(data, length) }
    }
}

/// The first name in a server_name extension, if it is a host name (RFC 6066, section 3). `None` for
/// anything malformed.
#[must_use]
pub fn parse_server_name(extension: &[u8]) -> Option<&str> {
    const HOST_NAME: u8 = 0;
    let [high, low, list @ ..] = extension else {
        return None;
    };
    if list.len() != usize::from(u16::from_be_bytes([*high, *low])) {
        return None;
    }
    let [HOST_NAME, high, low, rest @ ..] = list else {
        return None;
    };
    let name = rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?;
    // A name cannot be longer (TLSEXT_MAXLEN_host_name), and goes on as a C string.
    if name.is_empty() || name.len() > 255 || name.contains(&0) {
        return None;
    }
    std::str::from_utf8(name).ok()
}

/// The list in an ALPN extension (RFC 7301, section 3.1), which may itself be malformed.
#[must_use]
pub fn parse_alpn(extension: &[u8]) -> Option<&[u8]> {
    let [high, low, list @ ..] = extension else {
        return None;
    };
    (list.len() == usize::from(u16::from_be_bytes([*high, *low]))).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entry<'e> = (u8, &'e [u8]);

    /// An extension with these entries (type, name).
    fn extension(entries: &[Entry<'_>]) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, name) in entries {
            list.push(*kind);
            list.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
            list.extend_from_slice(name);
        }
        let mut bytes = u16::try_from(list.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(list);
        bytes
    }

    #[test]
    fn the_first_host_name_counts() {
        let long = [b'a'; 255];
        let table: [(&[Entry<'_>], Option<&str>); 11] = [
            (&[(0, b"example.test")], Some("example.test")),
            (&[(0, b"ExAmple.TEST.")], Some("ExAmple.TEST.")),
            (&[(0, b"a"), (0, b"b")], Some("a")),
            (&[(0, b"a"), (1, b"b")], Some("a")),
            (&[(1, b"a"), (0, b"b")], None),
            (&[(0, &long)], std::str::from_utf8(&long).ok()),
            (&[(0, &[b'a'; 256])], None),
            (&[(0, b"")], None),
            (&[(0, b"a\0b")], None),
            (&[(0, b"\xff\xfe")], None),
            (&[], None),
        ];
        for (entries, name) in table {
            assert_eq!(parse_server_name(&extension(entries)), name, "{entries:?}");
        }
    }

    #[test]
    fn the_list_of_protocols_is_all_there_is() {
        for (bytes, list) in [
            (&b"\0\x03\x02h2"[..], Some(&b"\x02h2"[..])),
            (b"\0\0", Some(b"")),
            (b"\0\x02\x02h2", None),
            (b"\0\x04\x02h2", None),
            (b"\0", None),
            (b"", None),
        ] {
            assert_eq!(parse_alpn(bytes), list, "{bytes:?}");
        }
    }

    #[test]
    fn lengths_must_agree() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\0",
            b"\0\x01\0",
            b"\0\x03\0\0\0",
            b"\0\x04\0\0\x02a",
            b"\0\x05\0\0\x01a",
            b"\0\x03\0\0\x01a",
            b"\0\x04\0\xff\xffa",
            b"\xff\xff\0\0\x01a",
        ] {
            assert_eq!(parse_server_name(bytes), None, "{bytes:?}");
        }
    }

    /// A name that is found lies in the extension, where the bytes before it say it is.
    fn check(bytes: &[u8]) -> bool {
        let Some(name) = parse_server_name(bytes) else {
            return false;
        };
        let list = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        assert_eq!(list + 2, bytes.len());
        assert_eq!(bytes[2], 0);
        let length = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        assert_eq!(name.as_bytes(), &bytes[5..5 + length]);
        assert!(!name.is_empty() && name.len() <= 255 && !name.contains('\0'));
        true
    }

    #[test]
    fn every_name_comes_back() {
        for length in 1..=300 {
            let name = vec![b'x'; length];
            let bytes = extension(&[(0, &name)]);
            assert_eq!(check(&bytes), length <= 255, "{length}");
        }
    }

    #[test]
    fn no_input_makes_it_look_outside() {
        let good = extension(&[(0, b"a.b"), (0, b"c")]);
        for length in 0..=good.len() {
            check(&good[..length]);
        }
        for at in 0..good.len() {
            for value in 0..=255 {
                let mut bytes = good.clone();
                bytes[at] = value;
                check(&bytes);
            }
        }
        // Random bytes, with lengths that are often right (xorshift, so that a failure comes again).
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut found = 0;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..12 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                bytes.push((state >> 32) as u8 & 0x7f);
            }
            let length = (state % 12) as usize;
            bytes.truncate(length);
            if let [a, b, c, d, e, ..] = &mut bytes[..] {
                (*a, *b, *c, *d, *e) = (0, (length - 2) as u8, *c & 1, 0, *e % 8);
            }
            found += usize::from(check(&bytes));
        }
        assert!(found > 100, "{found}");
    }
}
