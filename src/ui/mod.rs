//! What every page shares: who looks, in which language, in whose house.

pub mod assets;
pub mod colour;
pub mod error;
pub mod locale;
pub mod page;
pub mod source;
pub mod visitor;

pub use error::{PageError, PageResult};
pub use locale::Locale;
pub use page::{Page, see_other};
pub use visitor::{SignedIn, Ui, Visitor};
