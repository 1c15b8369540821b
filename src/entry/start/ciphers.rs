//! The ciphers of a context, for clients or for backends.

use super::Failed;
use super::context::Site;
use crate::apr::pool::c_string;
use crate::config::cipher::{LIBRARY_DEFAULT, restricted};
use crate::httpd::log::log;
use crate::ossl::ctx::SslCtx;

/// Sets `list`, up to TLS 1.2, or what the library has by itself, and `suites` of TLS 1.3. `peers` is for the log.
pub fn set(
    site: &Site<'_>,
    ctx: &SslCtx,
    list: Option<&str>,
    suites: Option<&str>,
    peers: &str,
) -> Result<(), Failed> {
    let list = list.map_or_else(|| restricted(LIBRARY_DEFAULT), str::to_owned);
    log!(site.server, Trace1, "Configuring permitted SSL ciphers{peers} [{list}]");
    if let Err(errors) = ctx.set_cipher_list(&c_string(&list)) {
        return site.fail("AH01898: Unable to configure permitted SSL ciphers", &errors);
    }
    if let Some(suites) = suites
        && let Err(errors) = ctx.set_ciphersuites(&c_string(suites))
    {
        return site.fail("AH10127: Unable to configure permitted TLSv1.3 ciphers", &errors);
    }
    Ok(())
}
