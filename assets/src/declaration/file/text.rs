//! Texts with a form of their own, as they stand in files; whether they keep it is checked later.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::declaration::at::Named;

macro_rules! text {
    ($(#[$doc:meta])* $type:ident, $title:literal, $name:literal, $schema:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(in crate::declaration) struct $type(pub(in crate::declaration) String);

        impl Named for $type {
            const NAME: &'static str = $name;
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($name)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        Ok($type(text.to_owned()))
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text!(
    /// A duration.
    DurationText, "Duration", "a duration such as `90s`, `5m`, `2h` or `1d`", {
        "description": "A whole number and a unit: `90s`, `5m`, `2h`, `1d`.",
        "type": "string",
        "pattern": "^([0-9]+[smhd]|.*\\$\\{.*)$"
    }
);

text!(
    /// The key of an asset.
    KeyText, "AssetKey", "an asset key such as `finance.fct_revenue`", {
        "description": "The dotted name of an asset, the same in every environment: `finance.fct_revenue`.",
        "type": "string",
        "maxLength": 255,
        "pattern": "^([^.\\s/]+(\\.[^.\\s/]+){0,7}|.*\\$\\{.*)$"
    }
);

text!(
    /// The name of a task of the project file.
    TaskNameText, "TaskName", "the name of a task", {
        "description": "The name of a task under `tasks:` in `headwater.yml`.",
        "type": "string",
        "minLength": 1
    }
);

text!(
    /// A text in which `{{ catalog }}` and `{{ env }}` are replaced.
    TemplateText, "Template", "text, where `{{ catalog }}` and `{{ env }}` may stand", {
        "description": "Text; `{{ catalog }}` and `{{ env }}` stand for the environment's.",
        "type": "string",
        "minLength": 1
    }
);

text!(
    /// A cron expression.
    CronText, "Cron", "a cron expression such as `0 6 * * 1-5`", {
        "description": "A cron expression with five fields: minute, hour, day, month, weekday.",
        "type": "string",
        "pattern": "^(\\s*\\S+(\\s+\\S+){4}\\s*|.*\\$\\{.*)$"
    }
);
