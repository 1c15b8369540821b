//! A closer look at a certificate, for `-t -DSSL_CHECK`.

use super::{CommonChain, Load};
use crate::config::token;
use crate::entry::identities::Certificates;
use crate::entry::start::context::Site;
use crate::httpd::log::log;
use crate::ossl::examine;
use crate::policy::check::{self, Facts, HostName, KeyKind};
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::x509::{X509, X509Ref};

/// Logs what there is to mend, and says how much it is.
pub(super) fn certificate(
    site: &Site<'_>,
    load: &Load<'_>,
    certificates: &Certificates,
    common: Option<&CommonChain>,
) -> usize {
    let (key_id, file) = (load.key_id, token::shown(&load.pair.certificate));
    let followers: Vec<&X509> = match common {
        Some((chain, skipped)) => chain.all().skip(*skipped).collect(),
        None if load.with_chain => certificates.chain.iter().collect(),
        None => Vec::new(),
    };
    let issued = issued(&certificates.leaf, &followers);
    let certified = certificates.names();
    let facts = facts(&certificates.leaf, &certified, &issued);
    let names = host_names(site);
    let names: Vec<HostName<'_>> = names
        .iter()
        .enumerate()
        .map(|(index, name)| if index == 0 { HostName::Name(name) } else { HostName::Alias(name) })
        .collect();
    let findings = check::findings(&facts, &names);
    for finding in &findings {
        log!(site.server, Error, "SSL_CHECK: the certificate of {key_id} ({file}) {finding}");
    }
    for note in check::notes(&facts) {
        log!(site.server, Warn, "SSL_CHECK: the certificate of {key_id} ({file}) {note}");
    }
    findings.len()
}

/// `ServerName`, then each `ServerAlias`.
fn host_names(site: &Site<'_>) -> Vec<String> {
    let server = site.server;
    let mut names = vec![server.hostname().to_string_lossy().into_owned()];
    for aliases in [server.aliases(), server.wild_aliases()].into_iter().flatten() {
        names.extend(aliases.iter().map(|name| name.to_string_lossy().into_owned()));
    }
    names
}

/// For each certificate that follows, whether it has issued the one before.
fn issued(leaf: &X509, followers: &[&X509]) -> Vec<bool> {
    let before = std::iter::once(leaf).chain(followers.iter().copied());
    followers.iter().zip(before).map(|(issuer, issued)| examine::has_issued(issuer, issued)).collect()
}

/// What can be said of a certificate with these names and followers.
pub fn facts<'f>(leaf: &X509Ref, certified: &'f [String], issued: &'f [bool]) -> Facts<'f> {
    let (begins_in, ends_in) = examine::validity(leaf).unwrap_or((0, -1));
    let (kind, key_bits) = examine::key(leaf).unwrap_or((Id::from_raw(0), 0));
    let key = match kind {
        Id::RSA | Id::RSA_PSS | Id::DSA => Some(KeyKind::Modulus),
        Id::EC => Some(KeyKind::Curve),
        _ => None,
    };
    Facts {
        begins_in,
        ends_in,
        names: certified,
        key,
        key_bits,
        weak_digest: matches!(examine::signature_digest(leaf), Some(Nid::MD5 | Nid::SHA1)),
        self_signed: examine::is_self_signed(leaf),
        issued_the_one_before: issued,
    }
}
