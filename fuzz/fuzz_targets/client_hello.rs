#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mod_ssl_rs::fuzzing::client_hello(data);
});
