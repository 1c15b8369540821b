//! Variables (placeholder while the layer below is being written).
#[derive(Default)]
pub struct Cached;
pub fn offer() {}
pub fn register_log_handlers(_: crate::apr::Pool<'_>) {}
crate::guard::entry_point! { pub fn fixups(_r: *mut crate::sys::request_rec) -> i32, closed: 500; { -1 } }
crate::guard::entry_point! { pub fn expr_lookup(_p: *mut crate::sys::ap_expr_lookup_parms) -> i32, closed: -1; { -1 } }
