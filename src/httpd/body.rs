//! The body of a request, read before the handler asks for it.

use super::filter::{Filter, ReadRequest};
use super::request::Request;
use crate::apr::{Brigade, Status};
use crate::sys;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

impl<'r> Request<'r> {
    /// Whether the header announces a body.
    #[must_use]
    pub fn announces_body(self) -> bool {
        let Some(headers) = self.headers_in() else { return false };
        headers.get(c"Transfer-Encoding").is_some()
            || headers.get(c"Content-Length").is_some_and(|length| length != c"0")
    }

    /// Whether the client waits for a 100 before it sends the body.
    #[must_use]
    pub fn expects_continue(self) -> bool {
        self.rec().expecting_100 != 0
    }

    /// Reads a part of the body, after its transfer encoding was undone.
    pub fn read_body(self, brigade: &mut Brigade<'_>, count: usize) -> Status {
        // SAFETY: the head of the chain belongs to the request, or is NULL, which the function answers with an error.
        match unsafe { Filter::from_raw(self.rec().proto_input_filters) } {
            Some(filter) => filter.read_from(brigade, ReadRequest::bytes(count, true)),
            None => Status::EGENERAL,
        }
    }

    /// The status for a body that could not be read (`ap_map_http_request_error`).
    #[must_use]
    pub fn status_of_read(status: Status, otherwise: c_int) -> c_int {
        // SAFETY: maps integers.
        unsafe { sys::ap_map_http_request_error(status.0, otherwise) }
    }

    /// Puts a registered filter in the place of those that undo the transfer
    /// encoding: the body has passed them. `state` lives in the pool of the
    /// request.
    pub fn replay_body_by<T>(self, name: &CStr, state: &'r T) -> bool {
        while let Some(first) = NonNull::new(self.rec().proto_input_filters) {
            // SAFETY: a filter in the chain of a live request.
            let record = unsafe { first.as_ref() }.frec;
            // SAFETY: every filter in a chain was registered.
            if unsafe { (*record).ftype } >= sys::AP_FTYPE_CONNECTION {
                break;
            }
            // SAFETY: as above; the function takes it out of the chain.
            unsafe { sys::ap_remove_input_filter(first.as_ptr()) };
            if self.rec().proto_input_filters == first.as_ptr() {
                // It belongs to another request, and would stay for ever.
                return false;
            }
        }
        let state: *mut c_void = std::ptr::from_ref(state).cast_mut().cast();
        let conn = self.conn().as_ptr();
        // SAFETY: request and connection are alive, and the state lives as long as the request, by its lifetime.
        let added = unsafe { sys::ap_add_input_filter(name.as_ptr(), state, self.as_ptr(), conn) };
        !added.is_null()
    }
}
