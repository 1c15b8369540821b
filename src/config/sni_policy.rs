//! `SSLVHostSNIPolicy`: how much two vhosts must share to serve each other's
//! requests.

use thiserror::Error;

/// The policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SniPolicy {
    /// A vhost serves its own requests alone.
    Strict,
    /// Certificates, ciphers and client authentication must be the same.
    #[default]
    Secure,
    /// Client authentication must be the same.
    AuthOnly,
    /// Nothing is compared.
    Insecure,
}

/// Not a policy. The name is misspelt as in the C module.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("Invalid SSLVhostSNIPolicy argument '{0}'")]
pub struct UnknownPolicy(pub String);

impl SniPolicy {
    const ALL: [Self; 4] = [Self::Strict, Self::Secure, Self::AuthOnly, Self::Insecure];

    /// Reads the argument.
    ///
    /// # Errors
    /// A word that is no policy.
    pub fn parse(word: &str) -> Result<Self, UnknownPolicy> {
        let found = Self::ALL.into_iter().find(|policy| word.eq_ignore_ascii_case(policy.name()));
        found.ok_or_else(|| UnknownPolicy(word.to_owned()))
    }

    /// The word of the directive.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Secure => "secure",
            Self::AuthOnly => "authonly",
            Self::Insecure => "insecure",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, policy) in [
            ("strict", SniPolicy::Strict),
            ("Secure", SniPolicy::Secure),
            ("AUTHONLY", SniPolicy::AuthOnly),
            ("insecure", SniPolicy::Insecure),
        ] {
            assert_eq!(SniPolicy::parse(word), Ok(policy));
        }
        for word in ["", "off", "secure "] {
            let complaint = SniPolicy::parse(word).unwrap_err().to_string();
            assert_eq!(complaint, format!("Invalid SSLVhostSNIPolicy argument '{word}'"));
        }
    }
}
