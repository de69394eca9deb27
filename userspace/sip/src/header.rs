//! Header fields: their names, and typed values that are parsed when asked for.

pub mod cseq;
pub mod name;
pub mod name_addr;
pub mod param;
pub mod session_expires;
pub mod via;

pub use cseq::{CSeq, RAck};
pub use name::Name;
pub use name_addr::NameAddr;
pub use param::{Param, Params};
pub use session_expires::{Refresher, SessionExpires};
pub use via::Via;
