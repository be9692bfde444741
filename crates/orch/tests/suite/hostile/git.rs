//! To come.
pub const COUNT: usize = 0;
