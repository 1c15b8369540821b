//! Expressions of the configuration (ap_expr.h).

use super::command::Parms;
use super::log::module_index;
use super::request::Request;
use crate::apr::pool::text_from;
use crate::sys;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A parsed expression that lives at least as long as `'e`. Evaluations only
/// read it, so threads may share it.
#[derive(Clone, Copy)]
pub struct Expression<'e> {
    raw: NonNull<sys::ap_expr_info_t>,
    life: PhantomData<&'e ()>,
}

impl<'e> Expression<'e> {
    /// Parses a truth value in the language of `SSLRequire`, in which all
    /// comparisons are those of mod_ssl. In `.htaccess` files what reads files
    /// is not allowed.
    ///
    /// # Errors
    /// What the parser says.
    pub fn parse(parms: Parms<'e>, text: &CStr) -> Result<Self, String> {
        let restricted = if parms.is_htaccess() { sys::SHIM_EXPR_IN_HTACCESS } else { 0 };
        let flags = sys::AP_EXPR_FLAG_SSL_EXPR_COMPAT | restricted;
        let (parms, text, index) = (parms.as_ptr(), text.as_ptr(), module_index());
        let mut complaint = std::ptr::null();
        // SAFETY: parameters and text live during the call; without a function of ours httpd looks names up itself.
        let raw = unsafe { sys::ap_expr_parse_cmd_mi(parms, text, flags, &raw mut complaint, None, index) };
        // SAFETY: NULL, or a text in the configuration pool.
        if let Some(complaint) = unsafe { text_from(complaint) } {
            return Err(complaint.to_string_lossy().into_owned());
        }
        let raw = NonNull::new(raw).ok_or("cannot be parsed")?;
        Ok(Self { raw, life: PhantomData })
    }

    /// The value for a request. httpd logs with this module's level, and adds
    /// the header fields it looks at to `Vary`.
    ///
    /// # Errors
    /// What went wrong.
    pub fn evaluate(self, request: Request<'_>) -> Result<bool, String> {
        let mut complaint = std::ptr::null();
        // SAFETY: request and expression are alive.
        let value = unsafe { sys::ap_expr_exec(request.as_ptr(), self.raw.as_ptr(), &raw mut complaint) };
        // SAFETY: NULL, or a text in the request's pool.
        match unsafe { text_from(complaint) } {
            Some(complaint) => Err(complaint.to_string_lossy().into_owned()),
            None if value < 0 => Err("no reason given".to_owned()),
            None => Ok(value > 0),
        }
    }
}
