//! What every page shares: who looks, in which language, in whose house.

pub mod assets;
pub mod colour;
pub mod cookies;
pub mod embed;
pub mod entitled;
pub mod error;
pub mod form;
pub mod install;
pub mod page;
pub mod source;
pub mod theme;
pub mod visitor;
pub mod zones;

pub use crate::locale::Locale;
pub use error::{PageError, PageResult};
pub use page::{Page, see_other};
pub use visitor::{SignedIn, Ui, Visitor};
