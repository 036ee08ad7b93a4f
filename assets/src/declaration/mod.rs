//! Declarations: the text of `headwater.yml` and of asset files → what they say, and what is wrong.

mod declared;

pub use declared::{
    Connection, DbtProject, DeclaredAsset, DeclaredBinding, DeclaredTask, DeclaredUpstream,
    Defaults, Environment, Limits, Project,
};
