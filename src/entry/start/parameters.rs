//! DH and curve parameters in the first certificate file of a server.

use super::context::Site;
use crate::config::server::ServerConfig;
use crate::config::token;
use crate::entry::identities::{Certificates, Loader};
use crate::httpd::log::log;
use crate::ossl::ctx::SslCtx;
use std::path::Path;
use std::sync::Arc;

/// The first certificate file of a server, if it has parameters.
pub struct Source<'d> {
    file: &'d Path,
    certificates: Arc<Certificates>,
}

/// Looks for parameters. Whether the file can be read shows elsewhere.
pub fn find<'d>(loader: &mut Loader, declared: &'d ServerConfig) -> Option<Source<'d>> {
    let file = declared.certificate_files.first().filter(|file| token::identifier(file).is_none())?;
    let certificates = loader.certificates(file).ok()?;
    (!certificates.parameters.key.is_empty()).then_some(Source { file, certificates })
}

impl Source<'_> {
    /// Equal for equal parameters.
    pub fn key(&self) -> &[u8] {
        &self.certificates.parameters.key
    }
}

/// What a context took of the parameters.
#[derive(Default)]
pub struct Taken {
    dh_bits: Option<u32>,
    curve: Option<&'static str>,
}

/// Applies them; without DH parameters the library chooses some that are as strong as the rest.
pub fn apply(ctx: &SslCtx, source: Option<&Source<'_>>) -> Taken {
    let found = source.map(|source| &source.certificates.parameters);
    // Those too weak for the library's security level are passed over.
    let dh = found.and_then(|found| found.dh.as_ref()).filter(|dh| ctx.set_dh(dh).is_ok());
    if dh.is_none() {
        ctx.set_automatic_dh();
    }
    let curve = found.and_then(|found| found.curve).filter(|curve| ctx.set_groups(&[*curve]).is_ok());
    Taken { dh_bits: dh.map(|dh| dh.bits()), curve: curve.and_then(|curve| curve.short_name().ok()) }
}

impl Taken {
    /// Says so for a server.
    pub fn log(&self, site: &Site<'_>, source: Option<&Source<'_>>) {
        let Some(file) = source.map(|source| source.file.display()) else { return };
        if let Some(bits) = self.dh_bits {
            log!(
                site.server,
                Debug,
                "AH02540: Custom DH parameters ({bits} bits) for {} loaded from {file}",
                site.id
            );
        }
        if let Some(curve) = self.curve {
            log!(site.server, Debug, "AH02541: ECDH curve {curve} for {} specified in {file}", site.id);
        }
    }
}
