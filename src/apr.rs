//! Safe handles on APR's pools, buckets, brigades, tables and arrays.

pub mod array;
pub mod block;
pub mod brigade;
pub mod pool;
pub mod shared_memory;
pub mod shared_page;
pub mod status;
pub mod table;
pub mod time;

pub use array::Strings;
pub use block::Block;
pub use brigade::{Brigade, BucketAlloc, Kind};
pub use pool::Pool;
pub use shared_page::SharedPage;
pub use status::Status;
pub use table::Table;
