//! Questions of the library itself, such as for the PIN of a token (`UI_METHOD`).

use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::ffi::{self, Ui, UiMethod, UiString};
use crate::guard;

/// Somebody whom the library may ask for a secret.
pub trait Prompter {
    /// The answer to a question such as `Enter PKCS#11 token PIN for name:`; `None` if there is none.
    fn ask(&mut self, question: &str) -> Option<Zeroizing<Vec<u8>>>;
}

/// The method, made once: engines may keep a pointer to it as long as they live.
struct Method(NonNull<UiMethod>);

// SAFETY: OpenSSL only reads a method once it is made.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

thread_local! {
    /// A pointer to the `&mut dyn Prompter` of the call of `with` that this thread is in, or NULL. Nothing of
    /// it is handed to the library, which could keep it.
    static CURRENT: Cell<*mut ()> = const { Cell::new(ptr::null_mut()) };
}

/// Runs `body` with a method that asks `prompter`. Questions that come later, or from another thread, are
/// not answered.
pub(super) fn with<R>(prompter: &mut dyn Prompter, body: impl FnOnce(*mut UiMethod) -> R) -> R {
    struct Restore(*mut ());
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let mut prompter = prompter;
    let _restore = Restore(CURRENT.replace((&raw mut prompter).cast()));
    body(method())
}

/// The method; NULL, which means the library's own, if it cannot be made: then a question may come on the
/// terminal.
fn method() -> *mut UiMethod {
    static METHOD: OnceLock<Option<Method>> = OnceLock::new();
    METHOD.get_or_init(make).as_ref().map_or(ptr::null_mut(), |method| method.0.as_ptr())
}

fn make() -> Option<Method> {
    // SAFETY: a C string; the method is never freed.
    let method = NonNull::new(unsafe { ffi::UI_create_method(c"mod_ssl".as_ptr()) })?;
    // SAFETY: the method was made just before; the function has the signature of a reader.
    unsafe { ffi::UI_method_set_reader(method.as_ptr(), Some(read)) };
    // SAFETY: as above, of a writer.
    unsafe { ffi::UI_method_set_writer(method.as_ptr(), Some(write)) };
    Some(Method(method))
}

/// Gets the answer to one question.
unsafe extern "C" fn read(ui: *mut Ui, string: *mut UiString) -> c_int {
    guard::catch("the reader of a UI", 0, || {
        // SAFETY: OpenSSL passes a live string.
        match unsafe { ffi::UI_get_string_type(string) } {
            ffi::UIT_PROMPT | ffi::UIT_VERIFY => {}
            _ => return 1,
        }
        // SAFETY: as above; the text belongs to it.
        let question = unsafe { ffi::UI_get0_output_string(string) };
        let question = if question.is_null() {
            String::new()
        } else {
            // SAFETY: a C string that lives as long as `string`.
            unsafe { CStr::from_ptr(question) }.to_string_lossy().into_owned()
        };
        let Some(answer) = ask(&question) else { return 0 };
        let Ok(length) = c_int::try_from(answer.len()) else { return 0 };
        // SAFETY: both are alive; so many bytes are copied from the answer.
        let done = unsafe { ffi::UI_set_result_ex(ui, string, answer.as_ptr().cast(), length) };
        c_int::from(done == 0)
    })
}

/// Asks the prompter of the call in progress, which cannot be reached a second time meanwhile.
fn ask(question: &str) -> Option<Zeroizing<Vec<u8>>> {
    let current = CURRENT.replace(ptr::null_mut());
    // SAFETY: `with` put a pointer to its own `&mut dyn Prompter` there, and takes it away before it returns.
    // While it is borrowed here the place is empty.
    let prompter = unsafe { current.cast::<&mut dyn Prompter>().as_mut() }?;
    let answer = prompter.ask(question);
    CURRENT.set(current);
    answer
}

/// Nothing is shown before the answer is wanted.
unsafe extern "C" fn write(_: *mut Ui, _: *mut UiString) -> c_int {
    1
}
