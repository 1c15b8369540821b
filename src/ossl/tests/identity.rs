use foreign_types::ForeignType;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::X509;

use super::make::*;
use super::pipe::Pair;
use crate::ossl::ctx::{InstallError, KeyError, SslCtx};
use crate::ossl::identity::Identity as Whole;

fn sent(ctx: &SslCtx) -> Vec<String> {
    let pair = Pair::new(&client(), ctx);
    pair.open();
    pair.client.peer_chain().iter().map(subject).collect()
}

#[test]
fn a_key_that_is_not_the_certificates() {
    for kind in KINDS {
        for other in KINDS {
            let ctx = SslCtx::server().unwrap();
            let refused = ctx.install(&identity(kind).cert, &key(other), &[]);
            let mismatch = matches!(refused, Err(InstallError::Key(KeyError::Mismatch(_))));
            assert!(mismatch, "{kind:?} {other:?} {refused:?}");
            assert!(!ctx.has_key_pair());
        }
    }
}

#[test]
fn a_context_without_an_identity() {
    let ctx = SslCtx::server().unwrap();
    assert!(ctx.certificates().is_empty());
    let reasons = ctx.check_private_key().unwrap_err();
    assert!(reasons[0].text.ends_with("no certificate assigned"), "{reasons:?}");
    ctx.use_certificate(&identity(Kind::Ecdsa).cert, None).unwrap();
    let reasons = ctx.check_private_key().unwrap_err();
    assert!(reasons[0].text.ends_with("no private key assigned"), "{reasons:?}");
    ctx.use_key(&identity(Kind::Ecdsa).cert, &identity(Kind::Ecdsa).key).unwrap();
    assert!(ctx.has_key_pair());
    let (there, here) = Pair::new(&client(), &SslCtx::server().unwrap()).shake();
    assert!(there.is_err());
    let stopped = here.unwrap_err();
    assert!(stopped.errors()[0].text.ends_with("no shared cipher"), "{stopped:?}");
}

#[test]
fn one_certificate_for_each_kind_of_key() {
    let ctx = SslCtx::server().unwrap();
    for kind in KINDS {
        let identity = identity(kind);
        ctx.install(&identity.cert, &identity.key, &identity.chain).unwrap();
    }
    let names = |ctx: &SslCtx| ctx.certificates().iter().map(|(cert, _)| subject(cert)).collect::<Vec<_>>();
    assert_eq!(names(&ctx), ["default.test"; 3]);
    let other = identity_for("other.test", Kind::Ecdsa);
    ctx.install(&other.cert, &other.key, &[]).unwrap();
    let mut after = names(&ctx);
    after.sort();
    assert_eq!(after, ["default.test", "default.test", "other.test"]);
    assert!(ctx.has_key_pair());
}

#[test]
fn chains() {
    let intermediate_key = key(Kind::Ecdsa);
    let (ca, ca_key) = authority();
    let intermediate = certificate("Intermediate", &intermediate_key, Some((ca, ca_key)), true);
    let leaf_key = key(Kind::Ecdsa);
    let leaf = certificate("leaf.test", &leaf_key, Some((&intermediate, &intermediate_key)), false);
    let own: [&[X509]; 3] = [&[], std::slice::from_ref(&intermediate), &[intermediate.clone(), ca.clone()]];
    for chain in own {
        let ctx = SslCtx::server().unwrap();
        ctx.install(&leaf, &leaf_key, chain).unwrap();
        let mut wanted = vec!["leaf.test".to_owned()];
        wanted.extend(chain.iter().map(subject));
        assert_eq!(sent(&ctx), wanted);
    }
    // The common chain is for certificates without one of their own.
    let ctx = SslCtx::server().unwrap();
    ctx.add_extra_chain(intermediate.clone()).unwrap();
    ctx.use_certificate(&leaf, None).unwrap();
    ctx.use_key(&leaf, &leaf_key).unwrap();
    assert_eq!(sent(&ctx), ["leaf.test", "Intermediate"]);
    ctx.install(&leaf, &leaf_key, std::slice::from_ref(ca)).unwrap();
    assert_eq!(sent(&ctx), ["leaf.test", "Authority"]);
    ctx.install(&leaf, &leaf_key, &[]).unwrap();
    assert_eq!(sent(&ctx), ["leaf.test", "Intermediate"]);
}

fn weak() -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    (certificate("weak.test", &key, None, false), key)
}

#[test]
fn the_security_level_of_the_cipher_list_decides_on_weak_keys() {
    let (cert, key) = weak();
    let ctx = SslCtx::server().unwrap();
    ctx.set_cipher_list(c"DEFAULT@SECLEVEL=2").unwrap();
    match ctx.install(&cert, &key, &[]) {
        Err(InstallError::Certificate(errors)) => assert!(errors[0].text.ends_with("ee key too small")),
        other => panic!("{other:?}"),
    }
    ctx.set_cipher_list(c"DEFAULT@SECLEVEL=0").unwrap();
    ctx.install(&cert, &key, &[]).unwrap();
    let client = client();
    client.set_cipher_list(c"DEFAULT@SECLEVEL=0").unwrap();
    let pair = Pair::new(&client, &ctx);
    pair.open();
    assert_eq!(subject(&pair.client.peer_certificate().unwrap()), "weak.test");
}

#[test]
fn issuers() {
    let (ca, ca_key) = authority();
    let leaf_key = key(Kind::Ecdsa);
    let leaf = certificate("leaf.test", &leaf_key, Some((ca, ca_key)), false);
    let stranger = certificate("Stranger", &key(Kind::Ecdsa), None, true);
    let issuer = |ctx: &SslCtx| ctx.certificates().remove(0).1.map(|issuer| subject(&issuer));
    let bare = || {
        let ctx = SslCtx::server().unwrap();
        ctx.use_certificate(&leaf, None).unwrap();
        ctx.use_key(&leaf, &leaf_key).unwrap();
        ctx
    };
    assert_eq!(issuer(&bare()), None);
    // Its own chain, where the issuer need not be the first.
    for (chain, known) in
        [(&[][..], false), (std::slice::from_ref(&stranger), false), (&[stranger.clone(), ca.clone()], true)]
    {
        let ctx = SslCtx::server().unwrap();
        ctx.install(&leaf, &leaf_key, chain).unwrap();
        assert_eq!(issuer(&ctx).as_deref(), known.then_some("Authority"), "{}", chain.len());
    }
    let ctx = bare();
    ctx.add_extra_chain(ca.clone()).unwrap();
    assert_eq!(issuer(&ctx).as_deref(), Some("Authority"));
    let ctx = bare();
    // SAFETY: the context is alive, and its store with it.
    let store = unsafe { openssl_sys::SSL_CTX_get_cert_store(ctx.as_ptr()) };
    // SAFETY: both are alive; the store counts its own reference.
    assert_eq!(unsafe { openssl_sys::X509_STORE_add_cert(store, ca.as_ptr()) }, 1);
    assert_eq!(issuer(&ctx).as_deref(), Some("Authority"));
    assert!(ctx.has_key_pair());
}

#[test]
fn a_connection_can_show_another_certificate() {
    let other = identity_for("challenge.test", Kind::Ecdsa);
    let ctx = server(Kind::Ecdsa);
    let pair = Pair::new(&client(), &ctx);
    pair.server.use_identity(&other.cert, &other.key, &other.chain).unwrap();
    pair.open();
    assert_eq!(subject(&pair.client.peer_certificate().unwrap()), "challenge.test");
    assert_eq!(sent(&ctx)[0], "default.test");
    let pair = Pair::new(&client(), &ctx);
    let refused = pair.server.use_identity(&other.cert, &key(Kind::Ecdsa), &[]).unwrap_err();
    assert!(!refused.is_empty());
}

#[test]
fn a_connection_can_show_one_identity_and_no_other() {
    for version in [TLS12, TLS13] {
        // Also in place of one of another type, which most clients would prefer.
        for (usual, shown) in
            [(Kind::Ecdsa, Kind::Ecdsa), (Kind::Ecdsa, Kind::Rsa), (Kind::Rsa, Kind::Ed25519)]
        {
            let other = identity_for("challenge.test", shown);
            let other = Whole::new(&other.cert, other.key, &other.chain).unwrap();
            let ctx = only(server(usual), version);
            let pair = Pair::new(&client(), &ctx);
            pair.server.clear_identities();
            other.install(&pair.server).unwrap();
            pair.open();
            assert_eq!(subject(&pair.client.peer_certificate().unwrap()), "challenge.test");
            assert_eq!(pair.client.peer_chain().len(), 2);
            assert_eq!(sent(&ctx)[0], "default.test");
        }
    }
}

#[test]
fn issuers_of_identities() {
    let (ca, ca_key) = authority();
    let leaf_key = key(Kind::Ecdsa);
    let leaf = certificate("leaf.test", &leaf_key, Some((ca, ca_key)), false);
    let stranger = certificate("Stranger", &key(Kind::Ecdsa), None, true);
    let ctx = SslCtx::server().unwrap();
    for (chain, known) in
        [(&[][..], false), (std::slice::from_ref(&stranger), false), (&[stranger.clone(), ca.clone()], true)]
    {
        let whole = Whole::new(&leaf, leaf_key.clone(), chain).unwrap();
        assert_eq!(
            ctx.issuer(&whole).map(|issuer| subject(&issuer)).as_deref(),
            known.then_some("Authority")
        );
    }
}
