//! Logins by user name and password.

use std::ffi::{CStr, c_char, c_int};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::make::*;
use super::pipe::{Outcome, Pair};
use crate::ossl::callback::{ServerEvents, TicketStatus, TicketVerdict, Wanted};
use crate::ossl::ctx::SslCtx;
use crate::ossl::session::SessionRef;
use crate::ossl::srp::{self, OpenError, Verifiers};
use crate::ossl::ssl::SslRef;

/// Alice, whose password is "good password"; made by `openssl srp`.
const DATABASE: &str = "V\t2YcFdAW0eZl.nW8KXtujoX0LS17oLNhoUFldbMA5p.eewtAW3P3qusx7MEcLIjgnbP4LjB2OmWBgkHdCW2Jf2Sh4PVI0XREjieRsVAlGFnMOIMej00GEn012ACsgrovmC3pakioOgSQVLqbUuO6EJiHWme7GnTCUFsegDSMFwiLand0z9j8AYWPvj.P7In8FNp7WJuxsTm5bqI5ulU0NYyo0zjfKlZbnxgbXijLMqsOTjWOcUbpUyI0zCFCN52PJOJAPH7UTrmCc9fHaYet2t8krnon/CX.A8lJk32odJG0rz732eLMLJf1.vlailTUaAmQl9QccUP9ndyDQ2DadIm\t6yjijLDsuDwTG3kG6M6vslMTeig\talice\t2048\tAlice x\n";

unsafe extern "C" {
    fn SSL_CTX_set_srp_username(ctx: *mut openssl_sys::SSL_CTX, name: *mut c_char) -> c_int;
    fn SSL_CTX_set_srp_password(ctx: *mut openssl_sys::SSL_CTX, password: *mut c_char) -> c_int;
}

/// Knows users, or panics.
struct Users(Option<Arc<Verifiers>>, AtomicUsize);

impl ServerEvents for Users {
    plain_answers!();
    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
    fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
        TicketVerdict::Use
    }
    fn srp_verifiers(&self, _: &SslRef) -> Option<Arc<Verifiers>> {
        self.1.fetch_add(1, Relaxed);
        assert!(self.0.is_some(), "deliberate: srp_user");
        self.0.clone()
    }
}

fn open(content: &str, seed: Option<&CStr>) -> Result<Verifiers, OpenError> {
    let file = std::env::temp_dir().join(format!("mod-ssl-srp-{}-{:p}", std::process::id(), content));
    std::fs::write(&file, content).unwrap();
    let name = std::ffi::CString::new(file.to_str().unwrap()).unwrap();
    let opened = Verifiers::open(&name, seed);
    std::fs::remove_file(&file).unwrap();
    opened
}

fn client_of(user: &CStr, password: &CStr) -> SslCtx {
    let client = only(client(), TLS12);
    client.set_cipher_list(c"SRP").unwrap();
    // SAFETY: the context is alive; the name is copied.
    assert_eq!(unsafe { SSL_CTX_set_srp_username(client.as_ptr(), user.as_ptr().cast_mut()) }, 1);
    // SAFETY: the context is alive; the password is copied.
    assert_eq!(unsafe { SSL_CTX_set_srp_password(client.as_ptr(), password.as_ptr().cast_mut()) }, 1);
    client
}

fn login(users: Option<Verifiers>, user: &CStr, password: &CStr) -> (Outcome, Pair, usize) {
    let server = server(Kind::Rsa);
    server.set_cipher_list(c"SRP").unwrap();
    let users = answer(&server, Users(users.map(Arc::new), AtomicUsize::new(0)), Wanted::default());
    assert!(srp::answer_logins(&server));
    let pair = Pair::new(&client_of(user, password), &server);
    (pair.shake(), pair, users.1.load(Relaxed))
}

#[test]
fn users_log_in() {
    for (seed, user, password, good) in [
        (None, c"alice", c"good password", true),
        (Some(c"seed"), c"alice", c"good password", true),
        (None, c"alice", c"wrong password", false),
        (None, c"mallory", c"good password", false),
        (Some(c"seed"), c"mallory", c"good password", false),
    ] {
        let ((there, here), pair, asked) = login(Some(open(DATABASE, seed).unwrap()), user, password);
        assert_eq!((there.is_ok(), here.is_ok(), asked), (good, good, 1), "{user:?} {password:?} {here:?}");
        if good {
            assert_eq!(srp::user(&pair.server).as_deref(), Some(&b"alice"[..]));
            assert_eq!(srp::user_info(&pair.server).as_deref(), Some(&b"Alice x"[..]));
            pair.talk();
        }
    }
}

#[test]
fn a_panic_refuses() {
    let ((_, here), _, asked) = login(None, c"alice", c"good password");
    assert_eq!(asked, 1);
    assert!(here.is_err());
}

#[test]
fn files_that_cannot_be_used() {
    assert!(matches!(Verifiers::open(c"/nowhere/srp", None), Err(OpenError::File(_))));
    assert!(matches!(open("V\t!\t!\talice\t2048\t\n", None), Err(OpenError::File(_))));
    assert!(open("", None).is_ok());
}
