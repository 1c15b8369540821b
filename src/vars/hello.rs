//! What a ClientHello says, for variables.

/// A part of the ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HelloPart {
    /// `VERSION`: the version field, 0x0303 for TLS 1.3 too.
    Version,
    /// `CIPHERS`: the cipher suites.
    Ciphers,
    /// `EXTENSIONS`: the numbers of the extensions, in their order.
    Extensions,
    /// `GROUPS`: extension 10.
    Groups,
    /// `EC_FORMATS`: extension 11.
    EcFormats,
    /// `SIG_ALGOS`: extension 13.
    SignatureAlgorithms,
    /// `ALPN`: extension 16.
    Alpn,
    /// `VERSIONS`: extension 43.
    Versions,
}

impl HelloPart {
    /// All of them with their names behind `SSL_CLIENTHELLO_`.
    pub const ALL: [(&'static str, Self); 8] = [
        ("VERSION", Self::Version),
        ("CIPHERS", Self::Ciphers),
        ("EXTENSIONS", Self::Extensions),
        ("GROUPS", Self::Groups),
        ("EC_FORMATS", Self::EcFormats),
        ("SIG_ALGOS", Self::SignatureAlgorithms),
        ("ALPN", Self::Alpn),
        ("VERSIONS", Self::Versions),
    ];

    /// The extension it is in, and how many bytes the length of the list takes there.
    #[must_use]
    pub const fn extension(self) -> Option<(u32, usize)> {
        match self {
            Self::Version | Self::Ciphers | Self::Extensions => None,
            Self::Groups => Some((10, 2)),
            Self::EcFormats => Some((11, 1)),
            Self::SignatureAlgorithms => Some((13, 2)),
            Self::Alpn => Some((16, 2)),
            Self::Versions => Some((43, 1)),
        }
    }
}

/// A list without the length in front of it, in hexadecimal.
#[must_use]
pub fn list(contents: &[u8], length_bytes: usize) -> String {
    hex(contents.get(length_bytes..).unwrap_or_default())
}

/// Bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_lose_their_length() {
        for (contents, length, text) in [
            (&b"\x00\x04\x00\x1d\x00\x17"[..], 2, "001d0017"),
            (b"\x01\x00", 1, "00"),
            (b"\x00", 2, ""),
            (b"", 1, ""),
        ] {
            assert_eq!(list(contents, length), text);
        }
    }
}
