//! HKDF (RFC 5869) with SHA-256.

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::Id;
use openssl::pkey_ctx::{HkdfMode, PkeyCtx};

/// Makes a uniform secret of 32 bytes from one of any form (HKDF-Extract). `false` if the library cannot.
#[must_use]
pub fn extract(salt: &[u8], secret: &[u8], into: &mut [u8; 32]) -> bool {
    done(run(HkdfMode::EXTRACT_ONLY, secret, Some(salt), None, into))
}

/// Makes bytes from a uniform secret, others for each label (HKDF-Expand). `false` if the library cannot.
#[must_use]
pub fn expand(secret: &[u8], label: &[u8], into: &mut [u8]) -> bool {
    done(run(HkdfMode::EXPAND_ONLY, secret, None, Some(label), into))
}

fn run(
    mode: HkdfMode,
    secret: &[u8],
    salt: Option<&[u8]>,
    label: Option<&[u8]>,
    into: &mut [u8],
) -> Result<bool, ErrorStack> {
    let mut ctx = PkeyCtx::new_id(Id::HKDF)?;
    ctx.derive_init()?;
    ctx.set_hkdf_mode(mode)?;
    ctx.set_hkdf_md(Md::sha256())?;
    if let Some(salt) = salt {
        ctx.set_hkdf_salt(salt)?;
    }
    ctx.set_hkdf_key(secret)?;
    if let Some(label) = label {
        ctx.add_hkdf_info(label)?;
    }
    let wanted = into.len();
    Ok(ctx.derive(Some(into))? == wanted)
}

/// The error queue is empty in either case: an [`ErrorStack`] has taken what was there.
fn done(outcome: Result<bool, ErrorStack>) -> bool {
    outcome.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_example_of_the_rfc() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let mut secret = [0; 32];
        assert!(extract(&hex("000102030405060708090a0b0c"), &[0x0b; 22], &mut secret));
        assert_eq!(secret[..], hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
        let mut bytes = [0; 42];
        assert!(expand(&secret, &hex("f0f1f2f3f4f5f6f7f8f9"), &mut bytes));
        let wanted = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(bytes[..], hex(wanted));
    }
}
