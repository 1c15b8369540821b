//! Access control: who may see what, by what is known of the TLS connection.

mod fake_basic_auth;
mod providers;

pub use fake_basic_auth::check_authn;
pub use providers::register as register_providers;

use super::closed;
use super::config::DirConf;
use super::shared::{Shared, Stage};
use super::vhost::Vhost;
use super::{renegotiate, vars};
use crate::apr::Pool;
use crate::config::options::OptionSet;
use crate::httpd::Request;
use crate::httpd::expr::Expression;
use crate::httpd::hook::answer;
use crate::httpd::log::log;
use crate::httpd::request::TextField;
use crate::metrics::{self, Counter};
use crate::sys;
use crate::vars::name;
use std::borrow::Cow;
use std::ffi::{CStr, c_int};

/// The note of a request that was refused for want of what this module
/// requires: `Satisfy any` does not override it with `StrictRequire`.
const FORBIDDEN_NOTE: &CStr = c"ssl-access-forbidden";

/// One expression of `SSLRequire`.
#[derive(Clone, Copy)]
pub struct Requirement<'p> {
    expression: Expression<'p>,
    /// As in the configuration, for messages.
    text: &'p CStr,
}

/// What lines of a section say that does not fit into plain values.
#[derive(Clone, Copy, Default)]
pub struct Rules<'p> {
    /// `SSLRequire`, outer sections first. All must hold.
    requirements: &'p [Requirement<'p>],
    /// `SSLUserName`: the name of a variable.
    user_name: Option<&'p CStr>,
    /// `SSLCipherSuite`, up to TLS 1.2.
    pub cipher_suite: Option<&'p CStr>,
}

impl<'p> Rules<'p> {
    /// One expression more.
    #[must_use]
    pub fn with(self, pool: Pool<'p>, expression: Expression<'p>, text: &'p CStr) -> Self {
        let more = [self.requirements, &[Requirement { expression, text }]].concat();
        Self { requirements: pool.slice(&more), ..self }
    }

    /// Another variable for the name of the user.
    #[must_use]
    pub fn with_user_name(self, variable: &'p CStr) -> Self {
        Self { user_name: Some(variable), ..self }
    }

    /// Another list of ciphers.
    #[must_use]
    pub fn with_cipher_suite(self, list: &'p CStr) -> Self {
        Self { cipher_suite: Some(list), ..self }
    }

    /// The inner section inside the outer.
    #[must_use]
    pub fn merge(pool: Pool<'p>, outer: Self, inner: Self) -> Self {
        let requirements = match (outer.requirements, inner.requirements) {
            ([], only) | (only, []) => only,
            (outer, inner) => pool.slice(&[outer, inner].concat()),
        };
        Self {
            requirements,
            user_name: inner.user_name.or(outer.user_name),
            cipher_suite: inner.cipher_suite.or(outer.cipher_suite),
        }
    }
}

entry_point! {
    /// Hook `access_checker`.
    pub fn check_access(request: *mut sys::request_rec) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: core passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::SERVER_ERROR };
        let shared = match Shared::stage(request.conn()) {
            Stage::Established(shared) => shared,
            Stage::Begun | Stage::Over => return answer::FORBIDDEN,
            Stage::Without if DirConf::of(request).require_ssl => {
                return forbid(request, "SSL connection required");
            }
            Stage::Without => return answer::DECLINED,
        };
        let Some(tls) = Vhost::of(request.server()).and_then(|vhost| vhost.tls.as_ref()) else {
            return answer::DECLINED;
        };
        let (dir, rules) = DirConf::with_rules(request);
        if let Err(status) = renegotiate::adapt(request, shared, tls, &dir, rules.cipher_suite) {
            return status;
        }
        if let Some(variable) = rules.user_name {
            name_user(request, shared, variable);
        }
        rules.requirements.iter().find_map(|rule| rule.refuse(request)).unwrap_or(answer::DECLINED)
    }
}

entry_point! {
    /// Hook `auth_checker`: whoever has logged in is refused nevertheless.
    pub fn check_authz(request: *mut sys::request_rec) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: core passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::SERVER_ERROR };
        if is_forbidden_strictly(request) { answer::FORBIDDEN } else { answer::DECLINED }
    }
}

impl Requirement<'_> {
    /// The answer to a request that does not satisfy it.
    fn refuse(&self, request: Request<'_>) -> Option<c_int> {
        let verdict = self.expression.evaluate(request);
        if verdict != Ok(true) {
            metrics::count(Counter::Requirement);
        }
        match verdict {
            Ok(true) => None,
            Ok(false) => {
                let client = text(request, TextField::ClientAddress);
                let filename = text(request, TextField::Filename);
                log!(
                    request,
                    Info,
                    "AH02266: Access to {filename} denied for {client} (requirement expression not fulfilled)"
                );
                log!(request, Info, "AH02228: Failed expression: {}", self.text.to_string_lossy());
                Some(fail(request, "AH02229", "SSL requirement expression not fulfilled"))
            }
            Err(reason) => {
                let reason = format!("Failed to execute SSL requirement expression: {reason}");
                Some(fail(request, "AH02265", &reason))
            }
        }
    }
}

/// Refuses for want of TLS.
fn forbid(request: Request<'_>, reason: &str) -> c_int {
    metrics::count(Counter::TlsRequired);
    fail(request, "AH02219", reason)
}

fn fail(request: Request<'_>, number: &str, reason: &str) -> c_int {
    log!(
        request,
        Error,
        "{number}: access to {} failed, reason: {reason}",
        text(request, TextField::Filename)
    );
    if let Some(notes) = request.notes() {
        notes.set_kept(FORBIDDEN_NOTE, c"1");
    }
    answer::FORBIDDEN
}

fn text(request: Request<'_>, field: TextField) -> Cow<'_, str> {
    request.text(field).unwrap_or_default().to_string_lossy()
}

/// Whether `access_checker` has refused the request, and nothing may override that.
fn is_forbidden_strictly(request: Request<'_>) -> bool {
    let strict = DirConf::of(request).options.in_force().contains(OptionSet::STRICT_REQUIRE);
    strict && request.notes().is_some_and(|notes| notes.get(FORBIDDEN_NOTE).is_some())
}

/// `SSLUserName`. `FakeBasicAuth` has users of its own. A certificate that was not verified names nobody: anybody
/// can make one with any name.
fn name_user(request: Request<'_>, shared: &Shared, variable: &CStr) {
    if DirConf::of(request).options.in_force().contains(OptionSet::FAKE_BASIC_AUTH) {
        return;
    }
    let unset = "AH02227: Failed to set r->user to";
    let is_said = name::parse(variable.to_bytes()).is_some_and(|name| name.is_said_by_client_certificate());
    match vars::of_request(request, variable).filter(|user| !user.is_empty()) {
        Some(_) if is_said && shared.verified().is_none() => {
            let why = "the client's certificate was not verified";
            log!(request, Warn, "{unset} '{}': {why}", variable.to_string_lossy());
        }
        Some(user) => request.set_user(request.pool().text(&user), c"ClientCert"),
        None => log!(request, Warn, "{unset} '{}'", variable.to_string_lossy()),
    }
}
