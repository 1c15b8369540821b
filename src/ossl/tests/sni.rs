use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::make::*;
use super::pipe::Pair;
use crate::ossl::callback::{
    AlpnVerdict, ClientHello, HelloVerdict, ServerEvents, SniVerdict, TicketStatus, TicketVerdict, Wanted,
};
use crate::ossl::ctx::SslCtx;
use crate::ossl::session::SessionRef;
use crate::ossl::ssl::SslRef;

type Vhost = (&'static str, SslCtx, Option<(i32, i32)>);

/// Vhosts by name. Everything happens at the ClientHello, as it must to decide on the version.
struct Vhosts {
    named: Vec<Vhost>,
    hellos: AtomicUsize,
}

impl ServerEvents for Vhosts {
    fn client_hello(&self, ssl: &SslRef, hello: &ClientHello<'_>) -> HelloVerdict {
        self.hellos.fetch_add(1, Relaxed);
        assert_eq!(hello.legacy_version(), 0x0303);
        assert_eq!(hello.random().len(), 32);
        assert!(!hello.ciphers().is_empty() && hello.ciphers().len().is_multiple_of(2));
        // Signature algorithms are always there; what does not exist is not.
        assert!(hello.extension(13).is_some() && hello.extension(0xfafa).is_none());
        let Some(name) = hello.server_name() else {
            return HelloVerdict::Continue;
        };
        if name == "refused.test" {
            return HelloVerdict::Abort(112);
        }
        for (known, ctx, range) in &self.named {
            if name == *known {
                ssl.set_ctx(ctx);
                ssl.set_options(ctx.options());
                if let Some((min, max)) = range {
                    assert!(ssl.set_protocol_range(*min, *max));
                }
                assert!(ssl.set_session_id_context(known.as_bytes()));
            }
        }
        HelloVerdict::Continue
    }
    fn server_name(&self, ssl: &SslRef) -> SniVerdict {
        match ssl.server_name() {
            Some(name) if self.named.iter().any(|(known, ..)| *known == name) => SniVerdict::Ack,
            _ => SniVerdict::NoAck,
        }
    }
    fn alpn(&self, _: &SslRef, _: &[u8]) -> AlpnVerdict {
        AlpnVerdict::NoAck
    }
    fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
    fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
        TicketVerdict::Use
    }
}

fn vhosts() -> (SslCtx, &'static Vhosts) {
    let first = server(Kind::Ecdsa);
    let old = server_with(&identity_for("old.test", Kind::Rsa));
    old.set_cipher_list(c"ECDHE-RSA-AES256-GCM-SHA384").unwrap();
    let picky = server_with(&identity_for("picky.test", Kind::Ed25519));
    picky.set_ciphersuites(c"TLS_CHACHA20_POLY1305_SHA256").unwrap();
    let named = vec![
        ("old.test", old.clone(), Some((TLS12, TLS12))),
        ("picky.test", picky.clone(), None),
        ("default.test", first.clone(), None),
    ];
    let vhosts = answer(&first, Vhosts { named, hellos: AtomicUsize::new(0) }, Wanted::default());
    // Callbacks asked for later in the handshake are those of the context in force.
    for ctx in [old, picky] {
        crate::ossl::callback::install(&ctx, vhosts, Wanted::default());
    }
    (first, vhosts)
}

#[test]
fn the_name_decides_on_certificate_version_and_cipher() {
    let (first, vhosts) = vhosts();
    for (name, subject_wanted, version, cipher) in [
        (Some(c"old.test"), "old.test", TLS12, Some("ECDHE-RSA-AES256-GCM-SHA384")),
        (Some(c"picky.test"), "picky.test", TLS13, Some("TLS_CHACHA20_POLY1305_SHA256")),
        (Some(c"default.test"), "default.test", TLS13, None),
        (Some(c"unknown.test"), "default.test", TLS13, None),
        (Some(c"OLD.test"), "default.test", TLS13, None),
        (None, "default.test", TLS13, None),
    ] {
        let before = vhosts.hellos.load(Relaxed);
        let pair = Pair::new(&client(), &first);
        if let Some(name) = name {
            assert!(pair.client.set_server_name(name));
        }
        pair.open();
        pair.talk();
        assert_eq!(subject(&pair.client.peer_certificate().unwrap()), subject_wanted, "{name:?}");
        assert_eq!(subject(&pair.server.certificate().unwrap()), subject_wanted, "{name:?}");
        assert_eq!(pair.server.version(), version, "{name:?}");
        if let Some(cipher) = cipher {
            assert_eq!(pair.server.cipher().unwrap().name, cipher, "{name:?}");
        }
        let sent = name.map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(pair.server.server_name(), sent, "{name:?}");
        assert_eq!(vhosts.hellos.load(Relaxed), before + 1);
    }
}

#[test]
fn the_limits_of_a_vhost_bind() {
    let (first, _) = vhosts();
    let pair = Pair::new(&only(client(), TLS13), &first);
    pair.client.set_server_name(c"old.test");
    let (client, server) = pair.shake();
    let stopped = server.unwrap_err();
    assert!(stopped.errors()[0].text.ends_with("unsupported protocol"), "{stopped:?}");
    assert!(client.unwrap_err().errors()[0].text.ends_with("alert protocol version"));
}

#[test]
fn the_verdict_may_be_an_alert() {
    let (first, _) = vhosts();
    let pair = Pair::new(&client(), &first);
    pair.client.set_server_name(c"refused.test");
    let (client, server) = pair.shake();
    let stopped = client.unwrap_err();
    assert!(stopped.errors()[0].text.ends_with("unrecognized name"), "{stopped:?}");
    assert!(!server.unwrap_err().errors().is_empty());
}

#[test]
fn a_connection_keeps_its_context_alive() {
    let (first, _) = vhosts();
    let pair = Pair::new(&client(), &first);
    pair.client.set_server_name(c"picky.test");
    pair.open();
    assert_ne!(pair.server.ctx().as_ptr(), first.as_ptr());
    drop(first);
    pair.talk();
    let other = pair.server.to_owned();
    let ctx = other.ctx();
    drop(pair);
    drop(other);
    assert_eq!(ctx.cipher_names()[0], "TLS_CHACHA20_POLY1305_SHA256");
}
