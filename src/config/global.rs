//! What is configured once for the whole server.

use super::cache_spec::CacheSpec;
use super::pass_phrase::Dialog;
use super::random::RandomSeed;
use super::sni_policy::SniPolicy;
use std::path::PathBuf;

/// Values of the main server that hold for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalConfig {
    /// `SSLSessionCache`.
    pub session_cache: CacheSpec,
    /// `SSLOCSPCache`.
    pub ocsp_cache: CacheSpec,
    /// `SSLStaplingCache`.
    pub stapling_cache: CacheSpec,
    /// `SSLSessionTicketKeyLifetime`, in seconds.
    pub session_ticket_key_lifetime: Option<u64>,
    /// `SSLSessionTicketSecretFile`.
    pub session_ticket_secret_file: Option<PathBuf>,
    /// `SSLRandomSeed`, in order.
    pub random_seeds: Vec<RandomSeed>,
    /// `SSLPassPhraseDialog`.
    pub pass_phrase_dialog: Dialog,
    /// `SSLLegacyDirectives`.
    pub legacy: bool,
    /// `SSLVHostSNIPolicy`.
    pub sni_policy: SniPolicy,
    /// `SSLCryptoDevice`; `None` for the library's own algorithms.
    pub crypto_device: Option<String>,
    /// `SSLMaxHandshakes`, for each process; 0 for no limit.
    pub max_handshakes: u32,
    /// `SSLFIPS`.
    pub fips: Option<bool>,
}

/// Both values of `SSLFIPS` in one configuration.
pub const FIPS_CONFLICT: &str = "Conflicting SSLFIPS options, cannot be both On and Off";

impl GlobalConfig {
    /// Takes a line of `SSLFIPS`.
    ///
    /// # Errors
    /// The complaint about a line that says the opposite of an earlier one.
    pub fn set_fips(&mut self, on: bool) -> Result<(), &'static str> {
        match self.fips.replace(on) {
            Some(before) if before != on => Err(FIPS_CONFLICT),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fips_must_not_contradict_itself() {
        let mut global = GlobalConfig::default();
        assert_eq!(global.set_fips(true), Ok(()));
        assert_eq!(global.set_fips(true), Ok(()));
        assert_eq!(global.set_fips(false), Err(FIPS_CONFLICT));
    }
}
