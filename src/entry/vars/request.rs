//! Variables about a request: names that expressions of mod_ssl have always
//! known.

use crate::apr::pool::c_string;
use crate::httpd::Request;
use crate::httpd::request::{Computed, TextField};
use crate::vars::name::RequestVariable;
use std::ffi::CStr;

/// The value; `None` when the request has nothing of the kind.
pub fn of(request: Request<'_>, variable: RequestVariable<'_>) -> Option<Vec<u8>> {
    use RequestVariable as V;
    let text: Option<&CStr> = match variable {
        V::Header(name) => request.headers_in().and_then(|headers| headers.get(&c_string(name))),
        V::Method => request.text(TextField::Method),
        V::Scheme => request.computed(Computed::Scheme),
        V::Uri => request.text(TextField::Uri),
        V::Filename => request.text(TextField::Filename),
        V::RemoteAddr => request.text(TextField::ClientAddress),
        V::RemoteHost => request.computed(Computed::RemoteHost),
        V::RemoteIdent => request.computed(Computed::RemoteIdent),
        V::RemoteUser => request.text(TextField::User),
        V::ServerAdmin => request.computed(Computed::ServerAdmin),
        V::ServerName => request.computed(Computed::ServerName),
        V::ServerPort => return Some(request.server_port().to_string().into_bytes()),
        V::ServerProtocol => request.text(TextField::Protocol),
        V::PathInfo => request.text(TextField::PathInfo),
        V::QueryString => request.text(TextField::Arguments),
        V::IsSubrequest => return Some(request.is_subrequest().to_string().into_bytes()),
        V::DocumentRoot => request.computed(Computed::DocumentRoot),
        V::AuthType => request.text(TextField::AuthType),
        V::RequestLine => request.text(TextField::RequestLine),
    };
    text.map(|text| text.to_bytes().to_vec())
}

/// `ENV:name`: a note of the request, then its environment.
pub fn environment(request: Request<'_>, name: &[u8]) -> Option<Vec<u8>> {
    let name = c_string(name);
    let note = request.notes().and_then(|notes| notes.get(&name));
    let value = note.or_else(|| request.environment().and_then(|environment| environment.get(&name)));
    value.map(|value| value.to_bytes().to_vec())
}
