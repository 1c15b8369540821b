//! What `-t -DSSL_CHECK` says of TLS to other servers.

use super::{ProxyContexts, declared};
use crate::config::proxy::{NameCheck, ProxyConfig};
use crate::config::verify::VerifyClient;
use crate::entry::config::ServerConf;
use crate::entry::proxy::Pair;
use crate::entry::start::certificates::examine;
use crate::entry::start::context::Site;
use crate::httpd::log::log;
use crate::policy::check::{self, Note};
use std::collections::HashSet;

/// What was looked at. Whom the same settings apply to, they are told of once.
#[derive(Default)]
pub struct Backends {
    contexts: ProxyContexts,
    seen: HashSet<ProxyConfig>,
}

impl Backends {
    /// Looks at what a server would use, and each `<Proxy>` section there, and
    /// says how much there is to mend. What it is has been logged.
    pub fn check(&mut self, site: &Site<'_>, conf: &ServerConf) -> usize {
        let server = declared(conf);
        let mut found = self.look(site, site.id, &server);
        for section in conf.proxy_sections.borrow().iter() {
            let settings = ProxyConfig::merge(&server, &section.declared());
            found += self.look(site, &format!("{}, {}", site.id, section.title), &settings);
        }
        found
    }

    fn look(&mut self, site: &Site<'_>, whose: &str, settings: &ProxyConfig) -> usize {
        if !settings.is_enabled() || !self.seen.insert(settings.clone()) {
            return 0;
        }
        let server = site.server;
        if let Some(weakness) = weakness(settings) {
            log!(server, Warn, "SSL_CHECK: backends of {whose}: {weakness}");
        }
        let Ok(policy) = self.contexts.policy(site, settings) else {
            log!(server, Error, "SSL_CHECK: the settings for backends of {whose} cannot be used");
            return 1;
        };
        let mut found = policy.pairs.iter().map(|pair| certificate(site, whose, pair)).sum();
        if policy.trust.is_none() && needs_authorities(settings) {
            found += 1;
            log!(
                server,
                Error,
                "SSL_CHECK: backends of {whose}: none can be verified, because no CAs are known (SSLProxyCACertificateFile)"
            );
        }
        found
    }
}

/// Settings that let strangers in, which may be meant so.
fn weakness(settings: &ProxyConfig) -> Option<&'static str> {
    match (settings.verify.unwrap_or_default(), settings.name_check()) {
        (VerifyClient::None | VerifyClient::OptionalNoCa, _) => {
            Some("anybody can stand in for them (SSLProxyVerify)")
        }
        (_, NameCheck::None) => {
            Some("whoever has a certificate of the same CAs can stand in for them (SSLProxyCheckPeerName)")
        }
        _ => None,
    }
}

/// Whether somebody must vouch for backends.
const fn needs_authorities(settings: &ProxyConfig) -> bool {
    matches!(settings.verify, Some(VerifyClient::Require | VerifyClient::Optional))
}

/// A certificate that backends get to see.
fn certificate(site: &Site<'_>, whose: &str, pair: &Pair) -> usize {
    let what = format!("the certificate for backends of {whose} ({})", pair.file.display());
    // Names are nothing that backends look at, and chains were looked for already.
    let facts = examine::facts(pair.identity.certificate(), &[], &[]);
    let findings = check::findings(&facts, &[]);
    for finding in &findings {
        log!(site.server, Error, "SSL_CHECK: {what} {finding}");
    }
    for note in check::notes(&facts).iter().filter(|note| matches!(note, Note::EndsSoon(_))) {
        log!(site.server, Warn, "SSL_CHECK: {what} {note}");
    }
    findings.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_let_strangers_in() {
        let (none, require) = (None, Some(VerifyClient::Require));
        for (verify, name, stranger) in [
            (none, None, Some("SSLProxyVerify")),
            (Some(VerifyClient::OptionalNoCa), None, Some("SSLProxyVerify")),
            (none, Some(false), Some("SSLProxyVerify")),
            (require, None, None),
            (require, Some(true), None),
            (require, Some(false), Some("SSLProxyCheckPeerName")),
            (Some(VerifyClient::Optional), None, None),
        ] {
            let settings = ProxyConfig { verify, check_peer_name: name, ..ProxyConfig::default() };
            let said = weakness(&settings);
            assert_eq!(said.is_some(), stranger.is_some(), "{settings:?}");
            assert!(said.is_none_or(|said| stranger.is_some_and(|name| said.contains(name))), "{said:?}");
        }
    }
}
