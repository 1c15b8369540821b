//! `SSLOptions FakeBasicAuth`: the subject of a verified client certificate as
//! the user of HTTP Basic authentication.

use super::is_forbidden_strictly;
use crate::apr::pool::c_string;
use crate::config::options::OptionSet;
use crate::entry::closed;
use crate::entry::config::DirConf;
use crate::entry::shared::Shared;
use crate::httpd::Request;
use crate::httpd::hook::answer;
use crate::httpd::log::log;
use crate::httpd::request::TextField;
use crate::metrics::{self, Counter};
use crate::ossl::x509;
use crate::policy::credentials::{self, NoUser};
use crate::sys;
use std::ffi::c_int;

entry_point! {
    /// Hook `check_user_id`, before the modules that look at passwords.
    pub fn check_authn(request: *mut sys::request_rec) -> c_int, closed: closed::REFUSE;
    {
        // SAFETY: core passes a live request that belongs to this thread.
        let Some(request) = (unsafe { Request::from_raw(request) }) else { return answer::SERVER_ERROR };
        if is_forbidden_strictly(request) {
            return answer::FORBIDDEN;
        }
        let subject = verified_subject(request);
        if let Some(user) = spoofed(request, subject.as_ref()) {
            metrics::count(Counter::Spoof);
            log!(request, Error, "AH02035: Encountered FakeBasicAuth spoof: {user}");
            return answer::FORBIDDEN;
        }
        let wanted = DirConf::of(request).options.in_force().contains(OptionSet::FAKE_BASIC_AUTH);
        match subject {
            Some(subject) if wanted && request.is_initial() && request.text(TextField::User).is_none() => {
                fake(request, &subject)
            }
            _ => answer::DECLINED,
        }
    }
}

/// The subject of a client certificate.
struct Subject {
    /// As `/C=DE/CN=x`.
    text: Vec<u8>,
    /// Another subject may have this text, too.
    ambiguous: bool,
}

/// `None` also for a certificate that was not verified: anybody can make one
/// with any subject.
fn verified_subject(request: Request<'_>) -> Option<Subject> {
    let shared = Shared::of_request(request)?;
    shared.verified()?;
    let certificate = shared.established()?.client_certificate.as_ref()?;
    let name = certificate.subject_name();
    Some(Subject { text: x509::name_oneline(name), ambiguous: x509::is_oneline_ambiguous(name) })
}

/// The user that a client claims to be with the password that everybody knows.
///
/// In what a request leads to, such as an error page, the header may be the one
/// that this module has written: it names the client's own certificate.
fn spoofed(request: Request<'_>, own: Option<&Subject>) -> Option<String> {
    let (user, password) = request.basic_credentials()?;
    let (user, password) = (user.to_bytes(), password.to_bytes());
    let faked = !request.is_initial()
        && password == credentials::PASSWORD
        && own.is_some_and(|own| own.text == user && !own.ambiguous);
    (credentials::is_spoof(user, password) && !faked).then(|| String::from_utf8_lossy(user).into_owned())
}

/// Replaces the client's header.
fn fake(request: Request<'_>, subject: &Subject) -> c_int {
    match credentials::credentials(&subject.text, subject.ambiguous) {
        Ok(credentials) => {
            let header = format!("Basic {}", openssl::base64::encode_block(&credentials));
            let Some(headers) = request.headers_in() else { return answer::SERVER_ERROR };
            headers.set(c"Authorization", &c_string(&header));
            log!(request, Info, "AH02036: Faking HTTP Basic Auth header: \"Authorization: {header}\"");
            answer::DECLINED
        }
        // Such a certificate is nobody, but its owner may have a password.
        Err(NoUser::Empty) => answer::DECLINED,
        Err(reason) => {
            let subject = String::from_utf8_lossy(&subject.text);
            log!(request, Error, "{reason}: {subject}");
            answer::FORBIDDEN
        }
    }
}
