//! OpenSSL's own configuration commands (`SSL_CONF_cmd`).

use super::ctx::SslCtxRef;
use super::error::{self, LibraryError};
use super::ffi;
use std::ffi::CStr;
use std::ptr::NonNull;

/// What the value of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Text, or nothing.
    Text,
    /// The name of a file.
    File,
    /// The name of a directory.
    Dir,
}

/// Why commands were not carried out.
#[derive(Debug)]
pub enum ApplyError {
    /// The one at this place failed.
    Command(usize, Vec<LibraryError>),
    /// The end failed (`SSL_CONF_CTX_finish`).
    Finish(Vec<LibraryError>),
}

struct Context(NonNull<ffi::SslConfCtx>);

impl Context {
    fn new() -> Option<Self> {
        // SAFETY: no precondition.
        let context = Self(NonNull::new(unsafe { ffi::SSL_CONF_CTX_new() })?);
        let flags = ffi::SSL_CONF_FLAG_FILE
            | ffi::SSL_CONF_FLAG_SERVER
            | ffi::SSL_CONF_FLAG_SHOW_ERRORS
            | ffi::SSL_CONF_FLAG_CERTIFICATE;
        // SAFETY: just made.
        unsafe { ffi::SSL_CONF_CTX_set_flags(context.0.as_ptr(), flags) };
        Some(context)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: owned by this value.
        unsafe { ffi::SSL_CONF_CTX_free(self.0.as_ptr()) }
    }
}

/// What `command` takes; `None` when a configuration file knows no such
/// command.
#[must_use]
pub fn value_kind(command: &CStr) -> Option<ValueKind> {
    let context = Context::new()?;
    // SAFETY: context and command are alive.
    let kind = match unsafe { ffi::SSL_CONF_cmd_value_type(context.0.as_ptr(), command.as_ptr()) } {
        ffi::SSL_CONF_TYPE_UNKNOWN => None,
        ffi::SSL_CONF_TYPE_FILE => Some(ValueKind::File),
        ffi::SSL_CONF_TYPE_DIR => Some(ValueKind::Dir),
        _ => Some(ValueKind::Text),
    };
    error::clear();
    kind
}

/// Carries out commands on a context, in order; `done` hears of each success.
///
/// # Errors
/// See [`ApplyError`].
pub fn apply<'c>(
    ctx: &SslCtxRef,
    commands: impl Iterator<Item = (&'c CStr, &'c CStr)>,
    mut done: impl FnMut(usize),
) -> Result<(), ApplyError> {
    error::clear();
    let Some(context) = Context::new() else {
        return Err(ApplyError::Finish(error::drain()));
    };
    // SAFETY: both are alive.
    unsafe { ffi::SSL_CONF_CTX_set_ssl_ctx(context.0.as_ptr(), ctx.as_ptr()) };
    for (index, (command, value)) in commands.enumerate() {
        // SAFETY: all three are alive.
        let result = unsafe { ffi::SSL_CONF_cmd(context.0.as_ptr(), command.as_ptr(), value.as_ptr()) };
        if result <= 0 {
            return Err(ApplyError::Command(index, error::drain()));
        }
        done(index);
    }
    // SAFETY: the context is alive.
    if unsafe { ffi::SSL_CONF_CTX_finish(context.0.as_ptr()) } == 1 {
        Ok(())
    } else {
        Err(ApplyError::Finish(error::drain()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ossl::ctx::SslCtx;

    #[test]
    fn only_commands_of_configuration_files() {
        for (command, kind) in [
            (c"Curves", Some(ValueKind::Text)),
            (c"curves", Some(ValueKind::Text)),
            (c"Certificate", Some(ValueKind::File)),
            (c"ChainCAPath", Some(ValueKind::Dir)),
            (c"-curves", None),
            (c"serverpref", None),
            (c"nonsense", None),
        ] {
            assert_eq!(value_kind(command), kind, "{command:?}");
        }
    }

    #[test]
    fn the_failing_command_is_named() {
        let ctx = SslCtx::server().unwrap();
        let mut seen = Vec::new();
        let commands = [(c"Curves", c"X25519"), (c"MinProtocol", c"nonsense")];
        let outcome = apply(&ctx, commands.into_iter(), |index| seen.push(index));
        assert!(matches!(outcome, Err(ApplyError::Command(1, errors)) if !errors.is_empty()));
        assert_eq!(seen, [0]);
    }
}
