//! What is asked of a SQL warehouse: statements that only read, of one version of a table.

use assets::check::{Check, Rule, THIS};
use assets::{Asset, Relation, TableVersion};

use crate::ports::Question;

/// Returns the question that answers a check of one version with a number, where there is one and a
/// warehouse that may be asked.
pub(super) fn question(asset: &Asset, check: &Check, version: &TableVersion) -> Option<Question> {
    let table = pinned(asset.relation.as_ref()?, version);
    let statement = match &check.rule {
        Rule::NotNull { columns } => {
            let is_null = every(columns, "IS NULL").join(" OR ");
            format!("SELECT count(*) FROM {table} WHERE {is_null}")
        }
        Rule::Unique { columns } => {
            let not_null = every(columns, "IS NOT NULL").join(" AND ");
            let columns = every(columns, "").join(", ");
            format!(
                "SELECT count(*) FROM (SELECT {columns} FROM {table} WHERE {not_null} \
                 GROUP BY {columns} HAVING count(*) > 1) AS repeated"
            )
        }
        Rule::RowCount { .. } | Rule::RowCountDrift { .. } => {
            format!("SELECT count(*) FROM {table}")
        }
        Rule::Sql { query } => {
            let query = query.replace(THIS, &table);
            format!("SELECT count(*) FROM ({query}) AS found")
        }
        Rule::Freshness { .. } | Rule::Columns { .. } | Rule::Dbt { .. } => return None,
    };
    Some(Question {
        warehouse: check.warehouse.clone()?,
        statement,
    })
}

/// A table at one version, as Databricks SQL names it.
fn pinned(relation: &Relation, version: &TableVersion) -> String {
    let parts: Vec<String> = relation.parts().iter().map(|part| quoted(part)).collect();
    format!("{} VERSION AS OF {}", parts.join("."), version.version)
}

/// Columns with something behind each; nested ones with dots between quoted names.
fn every(columns: &[String], behind: &str) -> Vec<String> {
    let column = |name: &String| {
        let parts: Vec<String> = name.split('.').map(quoted).collect();
        let column = format!("{} {behind}", parts.join("."));
        column.trim_end().to_owned()
    };
    columns.iter().map(column).collect()
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assets::check::Severity;
    use assets::{AssetKey, AssetKind, TableId};

    use super::*;

    fn asked(rule: Rule) -> Option<String> {
        let mut asset = Asset::new(AssetKey::new("silver.orders").unwrap(), AssetKind::Table);
        asset.relation = Some(Relation::parse("main.silver.orders").unwrap());
        let version = TableVersion {
            table_id: TableId::new("t"),
            version: 7,
        };
        let check = Check {
            name: Arc::from("c"),
            severity: Severity::Error,
            description: None,
            rule,
            warehouse: Some(Arc::from("w1")),
        };
        Some(question(&asset, &check, &version)?.statement)
    }

    #[test]
    fn every_question_is_of_one_version() {
        let columns = vec!["id".to_owned(), "address.city".to_owned()];
        insta::assert_snapshot!(
            asked(Rule::NotNull { columns: columns.clone() }).unwrap(),
            @"SELECT count(*) FROM `main`.`silver`.`orders` VERSION AS OF 7 WHERE `id` IS NULL OR `address`.`city` IS NULL"
        );
        insta::assert_snapshot!(
            asked(Rule::Unique { columns }).unwrap(),
            @"SELECT count(*) FROM (SELECT `id`, `address`.`city` FROM `main`.`silver`.`orders` VERSION AS OF 7 WHERE `id` IS NOT NULL AND `address`.`city` IS NOT NULL GROUP BY `id`, `address`.`city` HAVING count(*) > 1) AS repeated"
        );
        let query = format!("SELECT * FROM {THIS} WHERE amount < 0");
        insta::assert_snapshot!(
            asked(Rule::Sql { query }).unwrap(),
            @"SELECT count(*) FROM (SELECT * FROM `main`.`silver`.`orders` VERSION AS OF 7 WHERE amount < 0) AS found"
        );
    }

    #[test]
    fn what_the_log_tells_is_no_question() {
        let max_age = chrono::TimeDelta::hours(1);
        assert_eq!(asked(Rule::Freshness { max_age }), None);
    }
}
