//! The value of a variable.

use super::certificate;
use super::process_environment;
use super::request;
use crate::config::options::OptionSet;
use crate::entry::config::DirConf;
use crate::entry::connection::ConnState;
use crate::entry::shared::{Established, Shared};
use crate::httpd::request::server_banner;
use crate::httpd::{Conn, Request, version};
use crate::ossl::{lib, x509};
use crate::policy::verify::Outcome;
use crate::vars::name::{
    ConnectionVariable, IndependentVariable, Side, TimeVariable, Variable, VersionVariable,
};
use openssl::x509::X509;

/// Who asks.
pub struct Context<'c> {
    /// The connection, when there is one.
    pub conn: Option<Conn<'c>>,
    /// The request, when there is one.
    pub request: Option<Request<'c>>,
}

impl<'c> Context<'c> {
    /// On behalf of a request.
    pub fn of(request: Request<'c>) -> Self {
        Self { conn: Some(request.conn()), request: Some(request) }
    }

    /// Whether names are wanted in their old form.
    fn legacy_names(&self) -> bool {
        self.request.is_some_and(|request| {
            DirConf::of(request).options.in_force().contains(OptionSet::LEGACY_DN_STRING_FORMAT)
        })
    }
}

/// The value; `None` when there is none.
pub fn of(context: &Context<'_>, variable: Variable<'_>) -> Option<Vec<u8>> {
    match variable {
        Variable::Request(variable) => request::of(context.request?, variable),
        Variable::Https => {
            let on = Shared::of(context.conn?).is_some();
            Some(if on { b"on".to_vec() } else { b"off".to_vec() })
        }
        Variable::Connection(variable) => of_connection(context, variable),
        Variable::Version(variable) => Some(of_version(variable).into_bytes()),
        Variable::Independent(variable) => independent(context, variable),
    }
}

/// The value of `SSL_VERSION_...`.
pub fn of_version(variable: VersionVariable) -> String {
    match variable {
        VersionVariable::Interface => version::module(),
        VersionVariable::Library => version::library(&lib::version_text()),
        VersionVariable::LibraryInterface => version::library(lib::BUILD_TEXT),
    }
}

fn of_connection(context: &Context<'_>, variable: ConnectionVariable) -> Option<Vec<u8>> {
    let conn = context.conn?;
    let shared = Shared::of(conn)?;
    match shared.established() {
        Some(established) => of_established(established, variable, context.legacy_names()),
        // While protocols are being negotiated, in the thread of the handshake.
        None => {
            let state = ConnState::of(conn)?;
            // Nobody has shown a certificate by then.
            let so_far = Established::of(&*state.ssl()?, &state.vhost(), Outcome::Absent);
            // Who that is has not been proven yet.
            let so_far = Established { srp_user: None, srp_user_info: None, ..so_far };
            of_established(&so_far, variable, false)
        }
    }
}

/// The value of a connection's variable after the handshake.
pub fn of_established(
    established: &Established,
    variable: ConnectionVariable,
    legacy: bool,
) -> Option<Vec<u8>> {
    use ConnectionVariable as V;
    let cipher = established.cipher.as_ref();
    let text = match variable {
        V::Sni => established.server_name.clone()?,
        V::Protocol => established.version.to_owned(),
        V::SessionId if established.session_id.is_empty() => return None,
        V::SessionId => crate::entry::cache::hex(&established.session_id),
        V::SessionResumed => if established.resumed { "Resumed" } else { "Initial" }.to_owned(),
        V::SecureRenegotiation => established.secure_renegotiation.to_string(),
        V::Cipher => cipher?.name.clone(),
        V::CipherExport => (cipher?.bits < 56).to_string(),
        V::CipherUsedBits => cipher?.bits.to_string(),
        V::CipherAlgorithmBits => cipher?.algorithm_bits.to_string(),
        V::CompressionMethod => match established.compression.unwrap_or(0) {
            0 => "NULL",
            1 => "DEFLATE",
            0x40 => "LZS",
            _ => "UNKNOWN",
        }
        .to_owned(),
        V::SharedCiphers => {
            let policy = established.policy.as_ref()?;
            policy.ctx.shared_ciphers(&established.offered_ciphers).join(":")
        }
        V::HandshakeRoundTrip => established.round_trip?.to_string(),
        V::KeyExchangeGroup => established.group.clone()?,
        V::SignatureScheme(side) => {
            let (signature, certificate) = match side {
                Side::Server => (established.signature?, &established.certificate),
                Side::Client => (established.peer_signature?, &established.client_certificate),
            };
            let is_pss = |certificate: &X509| x509::key_algorithm(certificate) == "rsassaPss";
            signature.name(certificate.as_ref().is_some_and(is_pss))?.into_owned()
        }
        V::ClientVerify => match &established.client {
            Outcome::Absent => "NONE".to_owned(),
            Outcome::Good(_) => "SUCCESS".to_owned(),
            Outcome::Generous => "GENEROUS".to_owned(),
            Outcome::Bad(error) => format!("FAILED:{}", x509::verify_error(i64::from(*error))),
        },
        V::Certificate(Side::Server, variable) => {
            return certificate::of(established.certificate.as_ref()?, variable, legacy);
        }
        V::ClientVerifyError => match &established.client {
            Outcome::Absent | Outcome::Good(_) | Outcome::Generous => return None,
            Outcome::Bad(error) => x509::verify_error(i64::from(*error)),
        },
        V::Certificate(Side::Client, variable) => {
            return certificate::of(established.client_certificate.as_ref()?, variable, legacy);
        }
        V::ClientChain(index) => return established.client_chain.get(index as usize)?.to_pem().ok(),
        V::ClientChainBase64(index) => {
            return certificate::base64(established.client_chain.get(index as usize)?);
        }
        V::ClientExactAssertion => return x509::exact_assertion(established.client_certificate.as_ref()?),
        V::ClientHello(part) => {
            established.hello.iter().find(|(other, _)| *other == part).map(|(_, text)| text.clone())?
        }
        V::SrpUser => return established.srp_user.clone(),
        V::SrpUserInfo => return established.srp_user_info.clone(),
    };
    Some(text.into_bytes())
}

fn independent(context: &Context<'_>, variable: IndependentVariable<'_>) -> Option<Vec<u8>> {
    match variable {
        IndependentVariable::ServerSoftware => Some(server_banner().to_bytes().to_vec()),
        IndependentVariable::ApiVersion => {
            Some(crate::sys::MODULE_MAGIC_NUMBER_MAJOR.to_string().into_bytes())
        }
        IndependentVariable::Time(field) => Some(time(field).into_bytes()),
        IndependentVariable::Environment(name) => context
            .request
            .and_then(|request| request::environment(request, name))
            .or_else(|| process_environment(name)),
    }
}

fn time(field: TimeVariable) -> String {
    let now = crate::apr::time::local();
    match field {
        TimeVariable::Year => format!("{:04}", now.year),
        TimeVariable::Month => format!("{:02}", now.month),
        TimeVariable::Day => format!("{:02}", now.day),
        TimeVariable::Hour => format!("{:02}", now.hour),
        TimeVariable::Minute => format!("{:02}", now.minute),
        TimeVariable::Second => format!("{:02}", now.second),
        TimeVariable::Weekday => now.weekday.to_string(),
        TimeVariable::Stamp => format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            now.year, now.month, now.day, now.hour, now.minute, now.second
        ),
    }
}
