use std::ffi::CStr;
use std::ptr::NonNull;

use openssl::dh::Dh;
use openssl::nid::Nid;

use super::load::EC_PARAMETERS;
use super::make::*;
use super::pipe::Pair;
use crate::ossl::callback::Wanted;
use crate::ossl::conf_cmd::{self, ApplyError};
use crate::ossl::ctx::{SslCtx, Verify, options};
use crate::ossl::params;

#[test]
fn settings_are_what_was_set() {
    let ctx = SslCtx::server().unwrap();
    ctx.set_protocol_range(TLS12, TLS13).unwrap();
    assert_eq!(ctx.protocol_range(), (TLS12, TLS13));
    assert!(ctx.set_protocol_range(0x0909, TLS13).is_err());
    ctx.set_options(options::NO_TICKET | options::NO_COMPRESSION);
    ctx.clear_options(options::NO_COMPRESSION);
    assert_eq!(ctx.options() & (options::NO_TICKET | options::NO_COMPRESSION), options::NO_TICKET);
    ctx.set_verify(Verify::PEER);
    assert_eq!(ctx.verify(), Verify::PEER);
    let mut state = 7;
    assert_eq!(ctx.app_data(), None);
    ctx.set_app_data(NonNull::from(&mut state).cast());
    assert_eq!(ctx.clone().app_data(), Some(NonNull::from(&mut state).cast()));
    let pair = Pair::new(&client(), &ctx);
    assert_eq!(pair.server.verify(), Verify::PEER);
    assert_ne!(pair.server.options() & options::NO_TICKET, 0);
    assert_eq!(pair.server.app_data(), None);
    pair.server.set_app_data(NonNull::from(&mut state).cast());
    assert_eq!(pair.server.clone().app_data(), Some(NonNull::from(&mut state).cast()));
    // The two places of a connection are not the same.
    let mut other = 8;
    pair.server.set_common_app_data(NonNull::from(&mut other).cast());
    assert_eq!(pair.server.app_data(), Some(NonNull::from(&mut state).cast()));
}

#[test]
fn ciphers() {
    let ctx = SslCtx::server().unwrap();
    ctx.set_cipher_list(c"ECDHE-RSA-AES128-GCM-SHA256:!aNULL:!eNULL:!EXP").unwrap();
    ctx.set_ciphersuites(c"TLS_AES_256_GCM_SHA384").unwrap();
    assert_eq!(ctx.cipher_names(), ["TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]);
    for list in [c"TLS_AES_256_GCM_SHA384", c"NONSENSE", c"!ALL"] {
        let errors = ctx.set_cipher_list(list).unwrap_err();
        assert!(errors[0].text.ends_with("no cipher match"), "{list:?} {errors:?}");
    }
    assert!(!ctx.set_ciphersuites(c"NONSENSE").unwrap_err().is_empty());
}

/// A group with a subgroup order (RFC 5114, section 2.3), which takes the form of X9.42.
const DHX: &[u8] = b"\
-----BEGIN X9.42 DH PARAMETERS-----\n\
MIICLAKCAQEAh6jmHbS2Zjz/u9GcZRlZmYzu9ghmDdDyXSzu1ENeOwDgDfjx1hlX\n\
1Pr330VhsqowFsPZETQJb6o79Cltgw6afCCeDGSXUXq9WoqdMGvPZ+2R+eZyW0dY\n\
wCLgse9Cdb97bFv8EdRfkIi5QfVOseWbuLw5oL8SMH9cT9twxYGyP3a2Osrhyqa3\n\
kC1SUmc1SIoO8TxtmlG/pKs62DR3llJNjvahZ7WkGCXZZ+FE5RQFZCUcysuD5rSG\n\
9rPKP3lxUGAmwLhX9omWKFbe1AEKvQvmIcOjlgpU5xDDdfJjddcBQQOktUMwwZiv\n\
EmEW0iduEXFfaTh3+tfvCcrbCUrpHhoVlwKCAQA/syybcxNNCy53UGZg7b1ITKex\n\
jyHvIFQH9Hk6GguhJRDbwVB3vkY//0/tSqwLtVW+OmwbDGtHsbw3c79+jG9ikBIo\n\
+MKMuxilWuMTQQAKZQGW+THHelfy3fRj5ensFEt3feYqqrioYorDdtKC1u04ZOZ5\n\
gkKOvIMdFDSPby+Rk7UEWvJ2cWTh38lnwfs/LlWkvRv/6DucgNBSuYXRguoK2yo7\n\
cxPT/hTISEseBSWIubfSu9LfAWGZ7NBuFVfNCRWzNTu7ZODsN3/QKDcN+StSx4kU\n\
KM3GfrYYS1I9HbJGwy9jB4SQ8A741kfRSNR5VFFeIyfP75jFgmZLTA9sxBZZAiEA\n\
jPg2QqcJoJe0R5l2QBKdopmxpH0es3ULowiw/mT1+9M=\n\
-----END X9.42 DH PARAMETERS-----\n";

fn dh_pem(dh: &Dh<openssl::pkey::Params>) -> Vec<u8> {
    dh.params_to_pem().unwrap()
}

#[test]
fn parameters_are_found_by_their_type() {
    let dh_2048 = Dh::from_pqg(openssl::bn::BigNum::get_rfc3526_prime_2048().unwrap(), None, two()).unwrap();
    let dh = dh_pem(&dh_2048);
    assert!(dh.starts_with(b"-----BEGIN DH PARAMETERS-----"));
    let dhx = DHX.to_vec();
    let identity = identity(Kind::Ecdsa);
    let key = identity.key.private_key_to_pem_pkcs8().unwrap();
    let cert = identity.cert.to_pem().unwrap();
    let ec = EC_PARAMETERS.to_vec();
    let broken = b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n".to_vec();
    for (parts, bits, curve) in [
        (vec![&cert, &key], None, None),
        (vec![&dh], Some(2048), None),
        (vec![&dhx], Some(2048), None),
        (vec![&ec], None, Some(Nid::X9_62_PRIME256V1)),
        (vec![&ec, &dh], Some(2048), Some(Nid::X9_62_PRIME256V1)),
        (vec![&cert, &key, &dh, &ec], Some(2048), Some(Nid::X9_62_PRIME256V1)),
        (vec![&broken, &dh], Some(2048), None),
    ] {
        let joined: Vec<u8> = parts.into_iter().flatten().copied().collect();
        let found = params::from_pem(&joined);
        assert_eq!(found.dh.map(|dh| dh.bits()), bits);
        assert_eq!(found.curve, curve);
        assert!(crate::ossl::error::drain().is_empty());
    }
    for garbage in [&b""[..], b"text", b"-----BEGIN DH PARAMETERS-----\n", &[0; 64]] {
        let found = params::from_pem(garbage);
        assert!(found.dh.is_none() && found.curve.is_none());
    }
}

fn two() -> openssl::bn::BigNum {
    openssl::bn::BigNum::from_u32(2).unwrap()
}

#[test]
fn dh_from_a_file_or_automatic() {
    let dh = openssl::bn::BigNum::get_rfc3526_prime_3072().unwrap();
    let pem = dh_pem(&Dh::from_pqg(dh, None, two()).unwrap());
    let client = only(client(), TLS12);
    client.set_cipher_list(c"DHE-RSA-AES128-GCM-SHA256").unwrap();
    // Not configured: no such cipher can be used.
    let pair = Pair::new(&client, &server(Kind::Rsa));
    assert!(pair.shake().1.unwrap_err().errors()[0].text.ends_with("no shared cipher"));
    let automatic = server(Kind::Rsa);
    automatic.set_automatic_dh();
    let file = server(Kind::Rsa);
    file.set_dh(&params::from_pem(&pem).dh.unwrap()).unwrap();
    let x942 = server(Kind::Rsa);
    x942.set_dh(&params::from_pem(DHX).dh.unwrap()).unwrap();
    for (ctx, bits) in [(automatic, 2048), (file, 3072), (x942, 2048)] {
        let pair = Pair::new(&client, &ctx);
        pair.open();
        assert_eq!(peer_key_bits(&pair), bits);
    }
}

/// The size of the server's ephemeral key, as the client sees it.
fn peer_key_bits(pair: &Pair) -> u32 {
    use foreign_types::ForeignType;
    let mut key = std::ptr::null_mut::<openssl_sys::EVP_PKEY>();
    let place = (&raw mut key).cast();
    let cmd = openssl_sys::SSL_CTRL_GET_PEER_TMP_KEY;
    // SAFETY: the connection is alive; this command fills in a key that the caller owns.
    assert_eq!(unsafe { openssl_sys::SSL_ctrl(pair.client.as_ptr(), cmd, 0, place) }, 1);
    // SAFETY: as above.
    let key = unsafe { openssl::pkey::PKey::<openssl::pkey::Public>::from_ptr(key) };
    key.bits()
}

#[test]
fn small_dh_parameters_are_refused_by_the_security_level() {
    let dh = openssl::bn::BigNum::get_rfc2409_prime_1024().unwrap();
    let small = params::from_pem(&dh_pem(&Dh::from_pqg(dh, None, two()).unwrap())).dh.unwrap();
    assert_eq!(small.bits(), 1024);
    let ctx = SslCtx::server().unwrap();
    ctx.set_cipher_list(c"DEFAULT@SECLEVEL=2").unwrap();
    let errors = ctx.set_dh(&small).unwrap_err();
    assert!(errors[0].text.ends_with("dh key too small"), "{errors:?}");
    ctx.set_cipher_list(c"DEFAULT@SECLEVEL=1").unwrap();
    ctx.set_dh(&small).unwrap();
    // The parameters are still their owner's after being refused and taken.
    assert_eq!(small.bits(), 1024);
}

#[test]
fn configuration_commands_reach_the_context() {
    let ctx = server(Kind::Ecdsa);
    let commands =
        [(c"MinProtocol", c"TLSv1.2"), (c"maxprotocol", c"TLSv1.2"), (c"Options", c"-SessionTicket")];
    let mut done = Vec::new();
    conf_cmd::apply(&ctx, commands.into_iter(), |index| done.push(index)).unwrap();
    assert_eq!(done, [0, 1, 2]);
    assert_eq!(ctx.protocol_range(), (TLS12, TLS12));
    assert_ne!(ctx.options() & options::NO_TICKET, 0);
    let commands = [(c"CipherString", c"NONSENSE")];
    let failed = conf_cmd::apply(&ctx, commands.into_iter(), |_| {});
    assert!(matches!(failed, Err(ApplyError::Command(0, errors)) if !errors.is_empty()));
}

#[test]
fn states_and_keys_are_told_when_asked_for() {
    use crate::ossl::callback::{ServerEvents, StateChange, TicketStatus, TicketVerdict};
    use crate::ossl::session::SessionRef;
    use crate::ossl::ssl::SslRef;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Listen(Mutex<Vec<String>>);
    impl ServerEvents for Listen {
        plain_answers!();
        fn ticket_seal(&self, _: &SslRef, _: &SessionRef) {}
        fn ticket_open(&self, _: &SslRef, _: &SessionRef, _: TicketStatus) -> TicketVerdict {
            TicketVerdict::Use
        }
        fn key_log(&self, _: &SslRef, line: &CStr) {
            let line = line.to_str().unwrap();
            self.0.lock().unwrap().push(line.split(' ').next().unwrap().to_owned());
        }
        fn state_change(&self, _: &SslRef, change: StateChange<'_>) {
            self.0.lock().unwrap().push(match change {
                StateChange::Started => "started".to_owned(),
                StateChange::Step(text) => text.to_owned(),
                StateChange::Finished => "finished".to_owned(),
            });
        }
    }
    let keys = server(Kind::Ecdsa);
    let logged = answer(&keys, Listen::default(), Wanted { keys: true, ..Wanted::default() });
    for (version, label) in [(TLS12, "CLIENT_RANDOM"), (TLS13, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")] {
        Pair::new(&only(client(), version), &keys).open();
        let labels = std::mem::take(&mut *logged.0.lock().unwrap());
        assert!(labels.iter().any(|logged| logged == label), "{labels:?}");
    }
    let silent = server(Kind::Ecdsa);
    let unheard = answer(&silent, Listen::default(), Wanted::default());
    Pair::new(&client(), &silent).open();
    assert!(unheard.0.lock().unwrap().is_empty());
    let ctx = only(server(Kind::Ecdsa), TLS12);
    let heard = answer(&ctx, Listen::default(), Wanted { states: true, ..Wanted::default() });
    Pair::new(&client(), &ctx).open();
    let lines = std::mem::take(&mut *heard.0.lock().unwrap());
    assert_eq!(lines[0], "started");
    assert!(lines.contains(&"Loop: SSLv3/TLS read client hello".to_owned()), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "finished").count(), 1);
    let pair = Pair::new(&only(client(), TLS13), &ctx);
    assert!(pair.shake().1.is_err());
    let lines = heard.0.lock().unwrap();
    assert!(lines.contains(&"Alert: write:fatal:protocol version".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Exit: error in ")), "{lines:?}");
}
