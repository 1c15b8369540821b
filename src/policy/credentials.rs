//! `SSLOptions FakeBasicAuth`: subjects of certificates as users with a
//! password that everybody knows. So nobody but this module may name them.

use thiserror::Error;

/// The password of all such users. Password files hold its hash.
pub const PASSWORD: &[u8] = b"password";

/// Why a subject cannot be a user.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoUser {
    /// HTTP Basic authentication ends the user at a colon: the rest would be
    /// taken for a password, and another user for this one.
    #[error("AH10096: Cannot use FakeBasicAuth for username containing a colon")]
    Colon,
    /// Another subject has the same text.
    #[error("Cannot use FakeBasicAuth for a subject that another one is written like")]
    Ambiguous,
    /// There is no subject.
    #[error("Cannot use FakeBasicAuth for an empty subject")]
    Empty,
}

/// The credentials of a subject, `user:password`. `ambiguous`: it holds what
/// its text cannot show for certain.
///
/// # Errors
/// It is no user.
pub fn credentials(subject: &[u8], ambiguous: bool) -> Result<Vec<u8>, NoUser> {
    if !subject.starts_with(b"/") {
        return Err(NoUser::Empty);
    }
    if subject.contains(&b':') {
        return Err(NoUser::Colon);
    }
    if ambiguous {
        return Err(NoUser::Ambiguous);
    }
    Ok([subject, b":", PASSWORD].concat())
}

/// Whether a client that sends these credentials claims to be such a user.
///
/// The hash of DES, which password files for this purpose hold, looks at
/// eight characters and at seven bits of each. So whatever begins with the
/// password in this sense is it.
#[must_use]
pub fn is_spoof(user: &[u8], password: &[u8]) -> bool {
    let Some(start) = password.get(..PASSWORD.len()) else { return false };
    user.starts_with(b"/") && start.iter().map(|byte| byte & 0x7f).eq(PASSWORD.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_become_users() {
        for (subject, ambiguous, expected) in [
            (&b"/C=DE/CN=a"[..], false, Ok(b"/C=DE/CN=a:password".to_vec())),
            (b"/CN=a:b", false, Err(NoUser::Colon)),
            (b"/CN=a:b", true, Err(NoUser::Colon)),
            (b"/CN=a\\/b", true, Err(NoUser::Ambiguous)),
            (b"", false, Err(NoUser::Empty)),
            (b"CN=a", false, Err(NoUser::Empty)),
        ] {
            assert_eq!(credentials(subject, ambiguous), expected, "{}", subject.escape_ascii());
        }
    }

    #[test]
    fn nobody_else_claims_to_be_one() {
        for (user, password, spoof) in [
            (&b"/CN=a"[..], &b"password"[..], true),
            (b"/", b"password", true),
            (b"/CN=a", b"password1", true),
            (b"/CN=a", b"p\xe1ssword", true),
            (b"/CN=a", b"passwor", false),
            (b"/CN=a", b"Password", false),
            (b"/CN=a", b"secret", false),
            (b"CN=a", b"password", false),
            (b"", b"password", false),
        ] {
            assert_eq!(is_spoof(user, password), spoof, "{}", password.escape_ascii());
        }
    }
}
