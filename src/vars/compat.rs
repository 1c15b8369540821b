//! Names that variables had in products before mod_ssl 2.0, for
//! `SSLOptions CompatEnvVars`.

/// Old and new name, where both stand alone.
const RENAMED: [(&str, &str); 10] = [
    ("SSL_PROTOCOL_VERSION", "SSL_PROTOCOL"),
    ("SSLEAY_VERSION", "SSL_VERSION_LIBRARY"),
    ("SSL_SSLEAY_VERSION", "SSL_VERSION_LIBRARY"),
    ("HTTPS_CIPHER", "SSL_CIPHER"),
    ("HTTPS_EXPORT", "SSL_CIPHER_EXPORT"),
    ("HTTPS_KEYSIZE", "SSL_CIPHER_ALGKEYSIZE"),
    ("HTTPS_SECRETKEYSIZE", "SSL_CIPHER_USEKEYSIZE"),
    ("SSL_EXPORT", "SSL_CIPHER_EXPORT"),
    ("SSL_KEYSIZE", "SSL_CIPHER_ALGKEYSIZE"),
    ("SSL_SECRETKEYSIZE", "SSL_CIPHER_USEKEYSIZE"),
];

/// As above, after `SSL_SERVER_` and `SSL_CLIENT_`.
const OF_CERTIFICATES: [(&str, &str); 5] = [
    ("CERTIFICATE", "CERT"),
    ("CERT_START", "V_START"),
    ("CERT_END", "V_END"),
    ("CERT_SERIAL", "M_SERIAL"),
    ("SIGNATURE_ALGORITHM", "A_SIG"),
];

/// Parts of names; the old name of the issuer's has an `I` in front.
const OF_NAMES: [(&str, &str); 8] = [
    ("DN", "DN"),
    ("CN", "DN_CN"),
    ("EMAIL", "DN_Email"),
    ("O", "DN_O"),
    ("OU", "DN_OU"),
    ("C", "DN_C"),
    ("SP", "DN_SP"),
    ("L", "DN_L"),
];

/// Names that never had a value.
pub const WITHOUT_VALUE: [&str; 12] = [
    "SSL_STRONG_CRYPTO",
    "SSL_SERVER_KEY_EXP",
    "SSL_SERVER_KEY_SIZE",
    "SSL_SERVER_KEY_ALGORITHM",
    "SSL_SERVER_SESSIONDIR",
    "SSL_SERVER_CERTIFICATELOGDIR",
    "SSL_SERVER_CERTFILE",
    "SSL_SERVER_KEYFILE",
    "SSL_SERVER_KEYFILETYPE",
    "SSL_CLIENT_KEY_EXP",
    "SSL_CLIENT_KEY_SIZE",
    "SSL_CLIENT_KEY_ALGORITHM",
];

/// What they are set to.
pub const NO_VALUE: &str = "Not supported by mod_ssl";

/// All old names with the new one of each.
pub fn aliases() -> impl Iterator<Item = (String, String)> {
    let alone = RENAMED.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
    let of_sides = ["SSL_SERVER_", "SSL_CLIENT_"].into_iter().flat_map(|side| {
        let certificate =
            OF_CERTIFICATES.iter().map(move |(old, new)| (format!("{side}{old}"), format!("{side}{new}")));
        let names = [("", "S"), ("I", "I")].into_iter().flat_map(move |(mark, party)| {
            OF_NAMES
                .iter()
                .map(move |(old, new)| (format!("{side}{mark}{old}"), format!("{side}{party}_{new}")))
        });
        certificate.chain(names)
    });
    alone.chain(of_sides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vars::name::parse;
    use std::collections::HashSet;

    #[test]
    fn every_alias_names_a_variable_and_is_none() {
        let mut seen = HashSet::new();
        for (old, new) in aliases() {
            assert!(parse(new.as_bytes()).is_some(), "{old} {new}");
            assert!(seen.insert(old.clone()), "{old} twice");
        }
        assert_eq!(seen.len(), 10 + 2 * (5 + 16));
        for (old, new) in [
            ("SSL_SERVER_CERT_START", "SSL_SERVER_V_START"),
            ("SSL_CLIENT_IEMAIL", "SSL_CLIENT_I_DN_Email"),
            ("SSL_SERVER_IDN", "SSL_SERVER_I_DN"),
            ("SSL_SERVER_OU", "SSL_SERVER_S_DN_OU"),
        ] {
            assert!(aliases().any(|alias| alias == (old.to_owned(), new.to_owned())), "{old}");
        }
        assert!(WITHOUT_VALUE.iter().all(|name| !seen.contains(*name)));
    }
}
