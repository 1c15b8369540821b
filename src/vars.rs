//! The variables: their names, and how their values are written.

pub mod compat;
pub mod escape;
pub mod hello;
pub mod name;
pub mod remain;
pub mod table;
