//! The panic boundary: no unwinding ever crosses into C.
//!
//! Every function that C can call runs its body through [`catch`], by way of
//! [`entry_point!`]. A panic is reported once and turned into the *closed*
//! answer of that kind of function: a connection that ends, a request that is
//! refused, a lookup that finds nothing. Never an answer that lets somebody in.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// Receives the name of the entry point and the text of the panic.
pub type Reporter = fn(&'static str, &str);

static REPORTER: OnceLock<Reporter> = OnceLock::new();

/// Says where panics are reported; the first call wins, and lasts as long as
/// the process. Without one they go to standard error.
pub fn report_to(reporter: Reporter) {
    let _ = REPORTER.set(reporter);
}

/// Runs `body`; on a panic reports it and returns what `closed` gives.
pub fn catch_with<T>(name: &'static str, closed: impl FnOnce() -> T, body: impl FnOnce() -> T) -> T {
    // Unwind safety: after a panic the connection or request is given up, so
    // no half-changed state is looked at again.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(panic) => {
            report(name, panic.as_ref());
            // Dropping what was thrown could panic again.
            std::mem::forget(panic);
            closed()
        }
    }
}

/// [`catch_with`] for an answer that needs no work.
pub fn catch<T>(name: &'static str, closed: T, body: impl FnOnce() -> T) -> T {
    catch_with(name, move || closed, body)
}

fn report(name: &'static str, panic: &(dyn Any + Send)) {
    let text = panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    // The reporter itself must not unwind into C either.
    let _ = catch_unwind(|| match REPORTER.get() {
        Some(reporter) => reporter(name, text),
        None => eprintln!("mod_ssl: panic in {name}: {text}"),
    });
}

/// Defines a function that C calls, and the closed answer it gives after a panic.
///
/// ```text
/// entry_point! {
///     /// Hook `default_port`.
///     fn default_port(r: *const request_rec) -> apr_port_t, closed: 0; { ... }
/// }
/// ```
macro_rules! entry_point {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $ret:ty, closed: $closed:expr;
        $body:block
    ) => {
        $(#[$meta])*
        ///
        /// # Safety
        /// Called by C alone, with the arguments that its interface promises.
        $vis unsafe extern "C" fn $name($($arg: $type),*) -> $ret {
            $crate::guard::catch_with(stringify!($name), || $closed, || $body)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_passes_through() {
        assert_eq!(catch("quiet", 1, || 2), 2);
    }

    #[test]
    fn a_panic_becomes_the_closed_answer() {
        assert_eq!(catch("loud", 1, || panic!("deliberate")), 1);
        assert_eq!(catch("formatted", 1, || panic!("deliberate {}", 2)), 1);
        assert_eq!(catch("odd", 1, || std::panic::panic_any(7_u8)), 1);
    }
}
