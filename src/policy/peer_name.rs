//! Whether a backend's certificate is for the name that a request goes to.

use super::identity::matches;
use crate::config::proxy::NameCheck;
use std::net::IpAddr;

/// What a certificate says about who it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerNames {
    /// Alternative names of hosts, then common names.
    pub hosts: Vec<String>,
    /// The first common name.
    pub first_cn: Option<String>,
    /// Alternative names that are addresses.
    pub addresses: Vec<IpAddr>,
}

/// Reads an address as URLs and configurations write it, also in brackets.
#[must_use]
pub fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Whether the certificate is for `host`, as far as `check` asks.
#[must_use]
pub fn is_for(names: &PeerNames, host: &str, check: NameCheck) -> bool {
    match check {
        NameCheck::None => true,
        NameCheck::Any => {
            names.hosts.iter().any(|id| matches(id, host))
                || address(host).is_some_and(|address| names.addresses.contains(&address))
        }
        NameCheck::FirstCn => names.first_cn.as_deref().is_some_and(|id| matches(id, host)),
    }
}

/// An alternative name that is an address: 4 bytes, or 16.
#[must_use]
pub fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    match *bytes {
        [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str], first_cn: Option<&str>, addresses: &[&str]) -> PeerNames {
        PeerNames {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            first_cn: first_cn.map(str::to_owned),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn names_and_addresses() {
        let of = names(
            &["*.local.test", "Back.test", "127.0.0.9", "f*.wild.test", "*.xn--bcher-kva.test"],
            None,
            &["127.0.0.1", "::1"],
        );
        for (host, is) in [
            ("foo.local.test", true),
            ("FOO.LOCAL.test", true),
            ("local.test", false),
            ("a.b.local.test", false),
            (".local.test", false),
            ("back.test", true),
            ("back.test.", false),
            ("foo.wild.test", false),
            ("f*.wild.test", true),
            ("a.xn--bcher-kva.test", true),
            ("xn--bcher-kva.test", false),
            ("bücher.test", false),
            ("127.0.0.1", true),
            ("127.0.0.9", true),
            ("127.0.0.2", false),
            ("::1", true),
            ("[::1]", true),
            ("0:0:0:0:0:0:0:1", true),
            ("::2", false),
            ("", false),
        ] {
            assert_eq!(is_for(&of, host, NameCheck::Any), is, "{host}");
            assert!(is_for(&of, host, NameCheck::None));
            assert!(!is_for(&of, host, NameCheck::FirstCn));
        }
        assert!(!is_for(&PeerNames::default(), "", NameCheck::Any));
    }

    #[test]
    fn a_name_cannot_hide_behind_a_nul() {
        let of = names(&["back.test\0.evil.test", "*\0.test", "\0"], Some("back.test\0.evil.test"), &[]);
        for host in ["back.test", "a.test", ""] {
            assert!(!is_for(&of, host, NameCheck::Any), "{host}");
            assert!(!is_for(&of, host, NameCheck::FirstCn), "{host}");
        }
    }

    #[test]
    fn the_old_check_looks_at_one_name_alone() {
        let of = names(&["alt.test"], Some("*.cn.test"), &["127.0.0.1"]);
        for (host, is) in [("alt.test", false), ("a.cn.test", true), ("cn.test", false), ("127.0.0.1", false)]
        {
            assert_eq!(is_for(&of, host, NameCheck::FirstCn), is, "{host}");
        }
    }

    #[test]
    fn addresses_of_certificates() {
        for (bytes, address) in [
            (&[127, 0, 0, 1][..], Some("127.0.0.1")),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], Some("::1")),
            (&[], None),
            (&[1, 2, 3], None),
            (&[0; 17], None),
        ] {
            assert_eq!(address_of(bytes).map(|address| address.to_string()).as_deref(), address);
        }
    }
}
